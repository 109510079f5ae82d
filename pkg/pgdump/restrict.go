package pgdump

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
)

// A script is psql's language, in which a line such as "\! command" runs a program on this machine. Whoever may write
// to the storage, or is superuser at the source, may have put one in. psql's \restrict refuses all such commands until
// \unrestrict repeats its key, so cofre begins with a \restrict whose key nobody else knows. The pair that pg_dump
// writes itself is left out: psql would refuse the first as a second \restrict, and its key stands in the script.

// restrictedScript passes a script on with a \restrict in front and without the pair of its own. Every other
// \restrict or \unrestrict stays, for psql to refuse.
type restrictedScript struct {
	in   *bufio.Reader
	key  []byte // of the script's own pair; nil without one
	body bool   // past the lines among which pg_dump writes \restrict
	// held are bytes that were read and not yet given out; they lie in space. The first ready of them may be given out,
	// the others wait until it is known whether they are the last ones.
	held, space []byte
	ready       int
	err         error
}

// restrictTail is how many last bytes are held back, in bytes: more than pg_dump writes behind its closing comment.
const restrictTail = 1 << 10

func newRestrictedScript(r io.Reader) *restrictedScript {
	s := &restrictedScript{in: bufio.NewReaderSize(r, maxStatementLine), space: make([]byte, restrictTail+maxStatementLine)}
	s.held = append(s.space[:0], `\restrict `+rand.Text()+"\n"...)
	s.ready = len(s.held)
	return s
}

func (s *restrictedScript) Read(p []byte) (int, error) {
	for s.ready == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.fill()
	}
	n := copy(p, s.held[:s.ready])
	s.held, s.ready = s.held[n:], s.ready-n
	return n, nil
}

// fill reads on: by lines as long as the script's own \restrict may come.
func (s *restrictedScript) fill() {
	s.held = s.space[:copy(s.space, s.held)]
	if s.body {
		n, err := s.in.Read(s.space[len(s.held):])
		s.held, s.err = s.space[:len(s.held)+n], err
	} else {
		line, err := s.in.ReadSlice('\n')
		s.body = !isSetting(line)
		if errors.Is(err, bufio.ErrBufferFull) {
			s.body, err = true, nil // longer than anything that pg_dump writes there
		}
		if m := ownRestrict().FindSubmatch(line); m != nil && s.key == nil {
			s.key, line = bytes.Clone(m[1]), nil
		}
		s.held, s.err = append(s.held, line...), err
	}
	s.ready = max(0, len(s.held)-restrictTail)
	if s.err != nil {
		if s.key != nil && errors.Is(s.err, io.EOF) {
			s.held = withoutUnrestrict(s.held, s.key)
		}
		s.ready = len(s.held)
	}
}

var ownRestrict = lazyregexp.New(`^\\restrict ([0-9A-Za-z]{1,500})\n$`)

// withoutUnrestrict cuts off the line that ends the script's own pair, where it is the script's last.
func withoutUnrestrict(tail, key []byte) []byte {
	text := bytes.TrimRight(tail, "\n")
	if rest, ok := bytes.CutSuffix(text, append([]byte("\n\\unrestrict "), key...)); ok {
		return append(rest, '\n')
	}
	return tail
}

// psql prepares a psql that runs a script; one that does not know \restrict is refused.
func (c Client) psql(ctx context.Context, o RestoreOptions) (*run, error) {
	path, err := c.program("psql")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	help := exec.CommandContext(ctx, path, "--help=commands")
	help.Env = baseEnv(os.Getenv)
	help.WaitDelay = time.Second
	out, err := help.Output()
	if err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.ClientMissing, "Check that the program can be run, or set PGDUMP_PATH.", "cannot ask %s for its commands", path)
	}
	if !bytes.Contains(out, []byte(`\restrict `)) {
		return nil, fault.New(fault.Validation, fault.ClientTooOld, installHint(max(c.Major, 18)),
			`%s (version %s) does not know \restrict, so a script could run any program on this machine; nothing was changed`, path, c.Version)
	}
	return c.newRun(o, "psql", o.scriptArgs())
}
