package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
)

// restorePlan prints what a restore would do, and everything that stands in its way.
func (p *program) restorePlan(ctx context.Context, ref string, req backup.RestoreRequest) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	bar := p.bar("looking")
	plan, err := a.Service.Plan(ctx, ref, req)
	bar.Close()
	if err != nil {
		return err
	}
	plan.Backup = located(a, plan.Backup)
	if err := p.print(plan, func() error { return p.showPlan(plan, req) }); err != nil || len(plan.Refused) == 0 {
		return err
	}
	if p.json {
		return told{plan.Refused[0]}
	}
	return silent{plan.Refused[0]}
}

func (p *program) showPlan(plan backup.Plan, req backup.RestoreRequest) error {
	b := plan.Backup
	if err := p.printf("%s\n", p.out.Bold("Plan, nothing was touched")); err != nil {
		return err
	}
	var t term.Pairs
	t.Add("backup", strings.Join([]string{b.ID, b.SourceName(), term.Moment(b.CreatedAt), term.Bytes(b.Size)}, ", "))
	t.Add("part", plan.Part)
	t.Add("into", intoOf(plan.Target, req))
	t.Add("server", fmt.Sprintf("PostgreSQL %s, as role %q", plan.Server, plan.Role))
	t.Add("text", textOf(plan.Target))
	t.Add("with", wayOf(plan.Target))
	makes, more := globalsLines(plan.Globals)
	t.Add("first makes", makes)
	t.Add("restores", makesOf(plan.Makes))
	t.Add("reads", term.Bytes(plan.Read))
	if l := plan.Last; l != nil {
		t.Add("last time", fmt.Sprintf("%s took %s (proof of backup %s)", term.Bytes(l.Size), term.Duration(time.Duration(l.DurationMS)*time.Millisecond), l.ID))
	}
	if err := t.Write(p.stdout, p.out); err != nil {
		return err
	}
	for _, list := range []struct {
		sign  string
		lines []string
	}{
		{p.out.Yellow("warning:"), append(more[:min(len(more), maxGlobalsLines):len(more)], plan.Warnings...)},
		{p.out.Yellow("dropped too:"), plan.Dropped},
		{"left out:", leftOutLines(plan.LeftOut)},
	} {
		for _, line := range list.lines {
			if err := p.printf("%s %s\n", list.sign, term.Clean(line)); err != nil {
				return err
			}
		}
	}
	for _, err := range plan.Refused {
		f := fault.From(err)
		text := strings.TrimSuffix(f.Error(), "; nothing was changed")
		if err := p.printf("%s %s\n  %s %s\n", p.out.Red(p.out.Sign("✗", "refused:")), term.Clean(text), p.out.Yellow(p.out.Sign("→", "->")), term.Clean(f.Hint)); err != nil {
			return err
		}
	}
	if len(plan.Refused) == 0 {
		return p.printf("%s nothing is in the way: leave --plan out to restore\n", p.out.Green(p.out.Sign("✓", "ok:")))
	}
	return nil
}

// intoOf says what the restore would find at its place, and what would become of that.
func intoOf(t backup.Target, req backup.RestoreRequest) string {
	where := t.Database
	if t.Host != "" {
		where += " at " + t.Host
	}
	switch {
	case !t.Exists:
		return "a new database " + where
	case req.Create:
		return where + ", which exists already"
	case t.Content == "":
		return where + ", which is empty"
	case req.Clean:
		return where + ", which holds " + t.Content + "; what the backup has of it is replaced"
	}
	return where + ", which holds " + t.Content
}

func textOf(t backup.Target) string {
	if t.From == "" || t.From == t.Locale {
		return t.Locale
	}
	return t.Locale + " (the backup's: " + t.From + ")"
}

func wayOf(t backup.Target) string {
	switch {
	case t.OneTransaction:
		return t.Tool + ", in one transaction: all of it or nothing"
	case t.Jobs > 1:
		return fmt.Sprintf("%s, %d sessions at a time", t.Tool, t.Jobs)
	}
	return t.Tool + ", in several transactions"
}

// makesOf lists how many there are of each kind, the most frequent first.
func makesOf(makes map[string]int) string {
	kinds := slices.SortedFunc(maps.Keys(makes), func(a, b string) int {
		return cmp.Or(makes[b]-makes[a], strings.Compare(a, b))
	})
	var out []string
	for _, kind := range kinds {
		out = append(out, fmt.Sprintf("%d %s", makes[kind], kind))
	}
	return strings.Join(out, ", ")
}

func leftOutLines(all []backup.LeftOut) (out []string) {
	for _, l := range all {
		out = append(out, fmt.Sprintf("%s (%s)", l.Entry, l.Reason))
	}
	return out
}
