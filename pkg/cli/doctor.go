package cli

import (
	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

const doctorLong = `Checks everything a backup needs: storage and what it can do, permissions, the registry, leftovers of
interrupted runs (which it cleans up), the database, pg_dump's version. Says what to do about each problem,
and exits with the code of the first check that failed.`

const doctorExamples = `  cofre doctor
  cofre doctor --json | jq '.checks[] | select(.result != "ok")'`

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check storage, database, versions and permissions", Long: doctorLong, Example: doctorExamples,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			bar := p.bar("looking")
			d := a.Service.Doctor(cmd.Context())
			bar.Close()
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			return p.diagnosis(d)
		},
	}
}

func (p *program) diagnosis(d backup.Diagnosis) error {
	var first *registry.Error
	for _, c := range d.Checks {
		if c.Result == backup.CheckFailed && first == nil {
			first = c.Error
			if first == nil {
				first = &registry.Error{Code: fault.Validation, Reason: fault.InvalidInput, Message: c.Name + ": " + c.Detail, Hint: c.Hint}
			}
		}
	}
	doc := struct {
		backup.Diagnosis
		Error *registry.Error `json:"error,omitempty"`
	}{d, first}
	if err := p.print(doc, func() error { return p.checks(d) }); err != nil {
		return err
	}
	if first == nil {
		return nil
	}
	return silent{&fault.Error{Code: first.Code, Reason: first.Reason, Message: first.Message, Hint: first.Hint}}
}

// checks prints what doctor found. What is wrong stands there already, so the error is not told again.
func (p *program) checks(d backup.Diagnosis) error {
	wide := 0
	for i, c := range d.Checks {
		c.Name, c.Detail, c.Hint = p.out.Say(c.Name), p.out.Say(c.Detail), p.out.Say(c.Hint)
		d.Checks[i] = c
		wide = max(wide, term.Width(term.Clean(c.Name)))
	}
	failed, warned := 0, 0
	for _, c := range d.Checks {
		sign := p.out.Green(p.out.Sign("✓", "ok  "))
		switch c.Result {
		case backup.CheckFailed:
			sign = p.out.Red(p.out.Sign("✗", "fail"))
			failed++
		case backup.CheckWarning:
			sign = p.out.Yellow(p.out.Sign("!", "warn"))
			warned++
		}
		if err := p.printf("%s %-*s  %s\n", sign, wide, term.Clean(c.Name), term.Clean(term.OwnTimes(c.Detail))); err != nil {
			return err
		}
		if c.Result == backup.CheckOK {
			continue
		}
		for _, line := range []string{c.Hint, nextCommand(c.Hint, c.Next)} {
			if line == "" {
				continue
			}
			if err := p.printf("  %*s  %s %s\n", wide, "", p.out.Yellow(p.out.Sign("→", "->")), term.Clean(line)); err != nil {
				return err
			}
		}
	}
	switch {
	case failed > 0:
		p.note("%s", p.screen.Red(term.Plural(failed, "problem")+" found"))
	case warned > 0:
		p.note("%s", p.screen.Yellow("ready, "+term.Plural(warned, "warning")))
	default:
		p.note("%s", p.screen.Green("all checks passed"))
	}
	return nil
}
