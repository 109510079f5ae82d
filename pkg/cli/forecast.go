package cli

import (
	"fmt"
	"strings"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
)

// chartWidth is how wide the bar of the largest number is, in characters.
const chartWidth = 30

// forecast tells what a dry run for a day to come foretells.
func (p *program) forecast(rep backup.CleanupReport, table func([]backup.CleanupItem) error) error {
	if rep.RemovedCount > 0 {
		if err := table(rep.Removed); err != nil {
			return err
		}
	}
	most := 1
	for _, point := range rep.Forecast.Points {
		most = max(most, point.Backups)
	}
	t := &term.Table{Columns: []term.Column{{Title: "BY"}, {Title: "KEPT", Right: true}, {Title: "SIZE", Right: true}, {Title: "OF TODAY'S GO", Right: true}, {Title: "", Drop: 1}}}
	for _, point := range rep.Forecast.Points {
		t.Add(term.Cell{Text: point.At.Format("2006-01-02")}, term.Cell{Text: fmt.Sprint(point.Backups)}, term.Cell{Text: term.Bytes(point.Bytes)},
			term.Cell{Text: fmt.Sprint(len(point.Removed))}, term.Cell{Text: strings.Repeat(p.out.Sign("█", "#"), (point.Backups*chartWidth+most-1)/most)})
	}
	if err := t.Write(p.stdout, p.out); err != nil {
		return err
	}
	for _, c := range rep.Forecast.Cadences {
		how := "no more are made"
		switch {
		case c.Schedule != "":
			how = fmt.Sprintf("%s by its schedule, %s", term.Plural(c.Coming, "more backup"), c.Schedule)
		case c.Every > 0:
			how = fmt.Sprintf("%s, one every %s as of late", term.Plural(c.Coming, "more backup"), term.Duration(c.Every))
		}
		p.note("%s: %s", term.Clean(c.Source), how)
	}
	last := rep.Forecast.Points[len(rep.Forecast.Points)-1]
	return p.printf("%s of today would be removed by %s%s; %d kept then\n", term.Plural(rep.RemovedCount, "backup"), last.At.Format("2006-01-02"), freed(rep.FreedBytes), last.Backups)
}
