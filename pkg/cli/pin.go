package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
)

const pinLong = `Keeps a backup past its retention, and protects it from deletion, until a date or until someone unpins it
(cofre unpin). --until 2027-06-30 holds to the end of that day, --until 90d for 90 days. info, list and
cleanup --dry-run show who pinned it, why and until when.`

const pinExamples = `  cofre pin 01JH5W0R8ZB3M7K2Q4X9T6V1NA --until 2027-06-30 --reason "audit of 2026"
  cofre pin latest --forever --reason "before the migration"
  cofre unpin 01JH5W0R8ZB3M7K2Q4X9T6V1NA`

func (p *program) pinCommand() *cobra.Command {
	var o backup.PinOptions
	var until string
	var forever bool
	c := &cobra.Command{
		Use: "pin ID (--until DATE | --forever) --reason TEXT", Short: "Keep a backup past its retention", Long: pinLong, Example: pinExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if forever == (until != "") {
				return usage("For example: --until 2027-06-30, or --forever.", "say either --until or --forever")
			}
			if !forever {
				if o.Until, err = parseAhead("until", until, time.Now(), 1); err != nil {
					return err
				}
			}
			o.By = actor()
			detail := map[string]string{"until": "forever", "reason": o.Reason}
			if !o.Until.IsZero() {
				detail["until"] = o.Until.UTC().Format(time.RFC3339)
			}
			return p.changePin(cmd.Context(), "pin", args[0], detail, func(ctx context.Context, a *app.App) (backup.Backup, error) { return a.Service.Pin(ctx, args[0], o) })
		},
	}
	c.Flags().StringVar(&until, "until", "", "keep it to the end of this `DATE`, or for so long: 90d")
	c.Flags().BoolVar(&forever, "forever", false, "keep it until somebody takes the pin off")
	c.Flags().StringVar(&o.Reason, "reason", "", "`TEXT` that says why")
	return c
}

const unpinLong = `Unpins a backup: retention applies to it again, and it can be deleted.`

func (p *program) unpinCommand() *cobra.Command {
	return &cobra.Command{
		Use: "unpin ID [options]", Short: "Unpin a backup", Long: unpinLong, Example: `  cofre unpin 01JH5W0R8ZB3M7K2Q4X9T6V1NA`,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.changePin(cmd.Context(), "unpin", args[0], nil, func(ctx context.Context, a *app.App) (backup.Backup, error) { return a.Service.Unpin(ctx, args[0]) })
		},
	}
}

func (p *program) changePin(ctx context.Context, action, ref string, detail map[string]string, change func(context.Context, *app.App) (backup.Backup, error)) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	b, err := change(ctx, a)
	if b.ID != "" {
		ref = b.ID
	}
	p.acted(ctx, a, action, ref, err, detail)
	if err != nil {
		return err
	}
	b = located(a, b)
	return p.print(b, func() error {
		what := "not pinned any more"
		if b.Pin != nil {
			what = term.OwnTimes(term.Clean(b.Pin.Describe()))
		}
		return p.printf("%s backup %s is %s\n", p.out.Green(p.out.Sign("✓", "ok:")), b.ID, what)
	})
}

// parseAhead reads a day in local time, which stands for so many days behind its beginning, a moment, or a length of time from now.
func parseAhead(option, s string, now time.Time, days int) (time.Time, error) {
	if t, err := time.ParseInLocation("2006-01-02", s, now.Location()); err == nil {
		return t.AddDate(0, 0, days), nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return now.AddDate(0, 0, n), nil
		}
	}
	return time.Time{}, usage("Use 2027-06-30, \"2027-06-30 14:30\", 2027-06-30T14:30:00Z, or a time from now: 90d.", "--%s %.60q is not a time", option, s)
}
