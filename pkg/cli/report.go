package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// failure is what --json prints when a command fails: the error, and the record of the backup where there is one.
type failure struct {
	Error  *registry.Error `json:"error"`
	Backup *backup.Backup  `json:"backup,omitempty"`
}

// told is an error whose JSON document stands on standard output already.
type told struct{ error }

func (t told) Unwrap() error { return t.error }

// silent is an error of which people were told everything where it happened.
type silent struct{ error }

func (s silent) Unwrap() error { return s.error }

// several is a call with several arguments: what fails is told where it happens, and the first failure is the call's.
type several struct {
	p     *program
	of    int // arguments
	first error
}

// ended notes what became of one argument, nil where it is well, once its result stands there.
func (s *several) ended(err error) {
	if err == nil {
		return
	}
	if s.first == nil {
		s.first = err
	}
	if s.of > 1 && !s.p.json {
		s.p.complain(err)
	}
}

// end prints the document for programs and returns the call's error.
func (s *several) end(doc any) error {
	if s.p.json {
		if err := s.p.print(doc, nil); err != nil {
			return err
		}
	}
	switch {
	case s.first == nil:
		return nil
	case s.of > 1 && !s.p.json:
		return silent{s.first}
	}
	return told{s.first}
}

// print writes a command's result: the document with --json, otherwise whatever people does.
func (p *program) print(doc any, people func() error) error {
	if !p.json {
		return people()
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// printf writes text for people to standard output.
func (p *program) printf(format string, args ...any) error {
	_, err := fmt.Fprint(p.stdout, p.out.Sayf(format, args...))
	return err
}

// note writes a line for the person watching; --quiet leaves it out.
func (p *program) note(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintln(p.screen, p.screen.Sayf(format, args...))
	}
}

// report tells an error and gives the exit code.
func (p *program) report(err error) int {
	if err == nil {
		return exitOK
	}
	record := recordOf(err)
	var t told
	var s silent
	quietly := errors.As(err, &s)
	if p.json && !quietly && !errors.As(err, &t) {
		if perr := p.print(failure{Error: record}, nil); perr != nil {
			p.complain(perr)
		}
	}
	if p.json || !quietly {
		p.complain(err)
	}
	return exitCode(record.Code, record.Reason)
}

// complain writes an error for people: what failed, and what to do next.
func (p *program) complain(err error) {
	f := fault.From(err)
	text := f.In(p.screen.Say)
	if p.verbose {
		text = wrapping(err, f) + text
	}
	most := fault.MaxText
	if p.verbose {
		most = fault.MaxWhole
	}
	lines := strings.Split(strings.TrimSpace(term.OwnTimes(fault.Shorten(text, most))), "\n")
	var b strings.Builder
	b.WriteString(p.screen.Red(p.screen.Bold("cofre:")) + " " + term.Clean(lines[0]) + "\n")
	for _, l := range lines[1:] {
		b.WriteString("    " + term.Clean(strings.TrimRight(l, " \r")) + "\n")
	}
	for i, l := range strings.Split(p.screen.Say(strings.TrimSpace(f.Hint)), "\n") {
		if l == "" {
			continue
		}
		arrow := p.screen.Yellow(p.screen.Sign("→", "->"))
		if i > 0 {
			arrow = p.screen.Sign(" ", "  ")
		}
		b.WriteString("  " + arrow + " " + term.Clean(l) + "\n")
	}
	if !p.verbose && (f.Code == fault.Internal || f.Reason == fault.ExitStatus) {
		b.WriteString("  " + p.screen.Sign(" ", "  ") + " " + p.screen.Say("Run it again with --verbose to see all messages.") + "\n")
	}
	fmt.Fprint(p.screen, b.String())
}

// wrapping is what wrappers said in front of a fault. It helps who looks for a defect, not who has a problem.
func wrapping(err error, f *fault.Error) string {
	if before, ok := strings.CutSuffix(err.Error(), f.Error()); ok {
		return before
	}
	return ""
}

// recordOf is an error as JSON tells it.
func recordOf(err error) *registry.Error { return registry.ErrorOf(err) }

// usage makes an error of the command line itself.
func usage(hint, format string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput, hint, format, args...)
}
