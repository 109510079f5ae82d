package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/source"
)

const switchLong = `Replaces a damaged database with one that was restored beside it: NAME gets the name of the database that
--to names, and what had that name is kept under another one. Both happen in one transaction: either both
names are changed or neither. The sessions of both databases are ended; applications that reconnect reach
the new one. Nothing is dropped, and the same command with the names swapped undoes it.

The role must own both databases and have CREATEDB, or be a superuser. Asks first on a terminal; --yes skips
the prompt; without a terminal there is none. --plan only checks, and changes nothing.`

const switchExamples = `  cofre restore latest --to postgresql://admin@localhost/shop_restored --create
  cofre switch shop_restored --to postgresql://admin@localhost/shop --plan
  cofre switch shop_restored --to postgresql://admin@localhost/shop
  cofre switch shop_before_20260131_093000 --to postgresql://admin@localhost/shop     undoes it`

func (p *program) switchCommand() *cobra.Command {
	var req backup.SwitchRequest
	var yes, plan bool
	c := &cobra.Command{
		Use: "switch NAME --to URL [options]", Short: "Replace a database with a restored one", Long: switchLong, Example: switchExamples,
		Args: arguments(1, 1, "the name of a database"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("keep") && req.Keep == "" {
				return usage("Give it a name, or leave it out.", "the option --keep is empty")
			}
			req.From = args[0]
			return p.switchTo(cmd.Context(), req, yes, plan)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&req.URL, "to", "", "connection `URL` of the database whose place it takes: postgresql://user@host:5432/name")
	f.StringVar(&req.Keep, "keep", "", "keep that database under this `NAME` (default: its name with _before_ and the time, in UTC)")
	f.BoolVar(&plan, "plan", false, "say what would be done and refused, and touch nothing")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (p *program) switchTo(ctx context.Context, req backup.SwitchRequest, yes, plan bool) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	look, err := a.Service.LookAtSwitch(ctx, req)
	switch {
	case err != nil && plan:
		return err
	case plan:
		return p.print(look, func() error { return p.printf("%s\nNothing was changed.\n", p.switchPlan(look)) })
	case err == nil && !yes && !p.json && p.asks():
		if err := p.confirmSwitch(ctx, look); err != nil {
			return err
		}
	}
	var done backup.Switched
	if err == nil {
		if req.Keep = look.Kept; look.Kept == "" {
			req.Keep = ""
		}
		done, err = a.Service.Switch(ctx, req)
	}
	p.acted(ctx, a, "switch", "", err, with(p.targetOf(req.URL), "from", req.From))
	if err != nil {
		return err
	}
	return p.print(done, func() error {
		if err := p.printf("%s %s is now %s, at %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(done.From), term.Clean(done.Database), term.Clean(done.Host)); err != nil {
			return err
		}
		if done.Kept != "" {
			p.note("What was there is kept as %s. To undo it: cofre switch %s --to %s", term.Clean(done.Kept), source.Quote(done.Kept), p.targetOf(req.URL)["target"])
		}
		return nil
	})
}

// switchPlan says what a switch does.
func (p *program) switchPlan(s backup.Switched) string {
	text := fmt.Sprintf("At %s, database %s gets the name %s", term.Clean(s.Host), term.Clean(s.From), term.Clean(s.Database))
	if s.Kept == "" {
		text += ", which no database has"
	} else {
		text += "; what has it is kept as " + term.Clean(s.Kept)
	}
	return text + ". " + term.Plural(s.Sessions, "session") + " of both will be ended."
}

// confirmSwitch asks before names are changed; nil means yes.
func (p *program) confirmSwitch(ctx context.Context, s backup.Switched) error {
	answer, err := p.ask(ctx, p.switchPlan(s)+"\nType the name "+term.Clean(s.Database)+" to do it: ")
	if err != nil {
		return err
	}
	if answer != s.Database {
		return fault.New(fault.Canceled, "", "Nothing was changed.", "the databases were not switched: the answer was not the name")
	}
	return nil
}
