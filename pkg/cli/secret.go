package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	xterm "golang.org/x/term"

	"cofre/pkg/cli/term"
	"cofre/pkg/source"
)

// maxSecretLine bounds a secret that is read, in bytes.
const maxSecretLine = 8 << 10

// secrets reads one secret for each prompt: on a terminal without showing it, otherwise a line of standard input each. They are never arguments, which
// everybody on the machine can see.
func (p *program) secrets(ctx context.Context, prompts ...string) ([]string, error) {
	var out []string
	if p.asks() {
		for _, prompt := range prompts {
			fmt.Fprintf(p.screen, "%s: ", term.Clean(prompt))
			text, err := p.hidden(ctx)
			fmt.Fprintln(p.screen)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				return nil, fmt.Errorf("read the %s: %w", prompt, err)
			}
			out = append(out, strings.TrimSpace(text))
		}
	} else if p.stdin != nil {
		var err error
		if out, err = secretLines(p.stdin, len(prompts)); err != nil {
			return nil, err
		}
	}
	for i, prompt := range prompts {
		if i >= len(out) || out[i] == "" {
			return nil, usage("Write it into standard input, one line each; or name a variable that holds it (--help).", "the %s is not given", prompt)
		}
	}
	return out, nil
}

// hidden reads a line of the terminal without showing it. Ctrl-C ends the waiting, and leaves the terminal as it was; the reader ends with the process.
func (p *program) hidden(ctx context.Context) (string, error) {
	fd := int(p.stdin.Fd())
	was, err := xterm.GetState(fd)
	if err != nil {
		return "", err
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := xterm.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return string(l.text), l.err
	case <-ctx.Done():
		return "", xterm.Restore(fd, was)
	}
}

// secretLines reads so many lines at most, without the blanks around them. One that is too long is refused.
func secretLines(r io.Reader, n int) (out []string, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, int64(n)*maxSecretLine))
	lines.Buffer(nil, maxSecretLine)
	for len(out) < n && lines.Scan() {
		out = append(out, strings.TrimSpace(lines.Text()))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, usage("Write it into standard input, one line each.", "line %d of standard input has more than %d bytes: it is no secret", len(out)+1, maxSecretLine)
	}
	return out, lines.Err()
}

// given is where a secret comes from, by options: a variable, an ARN, or itself.
type given struct{ env, secret string }

// named is what the options name.
func (g given) named() source.Given {
	return source.Given{Connection: source.Connection{Env: g.env, Secret: g.secret}}
}

func (g given) none() bool { return g == given{} }
