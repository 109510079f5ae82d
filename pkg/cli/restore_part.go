package cli

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
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
