package cli

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
)

// adaptationFlags are the options for what the target cannot take.
func adaptationFlags(f *pflag.FlagSet, a *backup.Adaptation) {
	f.StringToStringVar(&a.RoleMap, "role-map", nil, "give to another role what is one's, as `OLD=NEW`; may be repeated")
	f.Lookup("role-map").DefValue = ""
	f.BoolVar(&a.SkipMissingRoles, "skip-missing-roles", false, "leave out what is for roles that the target does not have")
	f.BoolVar(&a.SkipForbidden, "skip-forbidden", false, "leave out what the restoring role may not do")
	f.StringArrayVar(&a.SkipKinds, "skip", nil, "leave out a `KIND`, such as \"EVENT TRIGGER\", and what needs it; may be repeated")
}

// restored says how a restore ended: never as a whole one when something is missing.
func (p *program) restored(done backup.Restored, where string) error {
	took := term.Duration(time.Duration(done.DurationMS) * time.Millisecond)
	where = p.out.Bold(term.Clean(where))
	if !done.Target.Partial() {
		return p.printf("%s backup %s restored into %s in %s\n", p.out.Green(p.out.Sign("✓", "ok:")), done.Backup.ID, where, took)
	}
	for _, l := range done.Target.LeftOut {
		p.note("left out: %s (%s)", term.Clean(l.Entry), term.Clean(l.Reason))
	}
	return p.printf("%s backup %s restored into %s in part, in %s: %d left out\n", p.out.Yellow(p.out.Sign("!", "in part:")), done.Backup.ID, where, took,
		len(done.Target.LeftOut))
}

// inPart lists what a restore could not do while it did the rest, and what is left to be done by hand.
func (p *program) inPart(done backup.Restored, err error) error {
	if !fault.HasReason(err, fault.RestoredInPart) {
		return err
	}
	if p.json {
		if perr := p.print(done, nil); perr != nil {
			return perr
		}
		return told{err}
	}
	for _, f := range done.Target.Failed {
		p.note("%s %s: %s", p.screen.Yellow("missing:"), term.Clean(f.Entry), term.Clean(f.Reason))
		for line := range strings.Lines(f.Statement) {
			p.note("  %s", term.Clean(strings.TrimRight(line, "\n")))
		}
	}
	return err
}

// cleanFlag is --clean, --clean=cascade.
type cleanFlag struct{ req *backup.RestoreRequest }

func (c *cleanFlag) String() string { return "" }
func (c *cleanFlag) Type() string   { return "bool" } // --clean stands alone

func (c *cleanFlag) Set(value string) error {
	switch value {
	case "true", "false":
		c.req.Clean, c.req.Cascade = value != "false", false
	case "cascade":
		c.req.Clean, c.req.Cascade = true, true
	default:
		return errors.New("use --clean or --clean=cascade")
	}
	return nil
}
