package backup

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cofre/pkg/schedule"
	"cofre/pkg/source"
)

// A look every five minutes that remembers nothing finds each time once: what was missed, however often, is made up for once; a source that was never
// backed up counts from when it came to be known.
func TestDueAt(t *testing.T) {
	plan := func(expr string) schedule.Schedule {
		p, err := schedule.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	at := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		x, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct{ expr, last, until, since, now, want string }{
		{"0 2 * * *", "2026-03-01 02:00:04", "", "", "2026-03-02 01:59:59", ""},
		{"0 2 * * *", "2026-03-01 02:00:04", "", "", "2026-03-02 02:00:00", "2026-03-02 02:00:00"},
		{"0 2 * * *", "2026-03-02 02:03:00", "", "", "2026-03-02 02:05:00", ""},
		{"0 2 * * *", "2026-03-01 02:00:04", "", "", "2026-03-09 12:00:00", "2026-03-02 02:00:00"}, // the oldest of eight, and
		{"0 2 * * *", "2026-03-09 12:00:01", "", "", "2026-03-09 12:05:00", ""},                    // no other one
		{"0 2 * * *", "", "", "", "2026-03-09 12:00:00", ""},
		{"0 2 * * *", "", "", "2026-03-09 01:00:00", "2026-03-09 02:00:00", "2026-03-09 02:00:00"},
		{"0 2 * * *", "", "", "2026-03-09 02:30:00", "2026-03-09 12:00:00", ""},
		{"CRON_TZ=America/Sao_Paulo 0 2 * * *", "2026-03-01 05:00:04", "", "", "2026-03-02 05:00:00", "2026-03-02 05:00:00"},
		{"rate(6 hours)", "2026-03-01 02:00:04", "", "", "2026-03-01 08:00:04", "2026-03-01 08:00:04"},
		{"rate(6 hours)", "", "", "2026-03-01 02:00:00", "2026-03-01 07:00:00", ""},
		{"0 * * * *", "2026-03-01 02:00:04", "2026-03-01 02:59:59", "", "2026-03-01 03:05:00", "2026-03-01 03:00:00"},
		{"0 * * * *", "2026-03-01 02:00:04", "2026-03-01 04:10:00", "", "2026-03-01 04:15:00", ""}, // three and four came while it was being made
		{"0 * * * *", "2026-03-01 02:00:04", "2026-03-01 04:10:00", "", "2026-03-01 05:00:00", "2026-03-01 05:00:00"},
		{"rate(6 hours)", "2026-03-01 02:00:00", "2026-03-01 03:00:00", "", "2026-03-01 08:00:00", "2026-03-01 08:00:00"}, // from its beginning
	} {
		if got := dueAt(plan(c.expr), at(c.last), at(c.until), at(c.since), at(c.now)); !got.Equal(at(c.want)) {
			t.Errorf("%s, last %q, since %q: at %s %s is due, want %q", c.expr, c.last, c.since, c.now, got, c.want)
		}
	}
	// To be checked by brute force: of looks every five minutes over a week, some of them missed, each that begins a backup begins one, and
	// between two of them lies the same night never twice.
	begun := []time.Time{}
	last := at("2026-03-01 00:00:00")
	for i, now := 0, last; now.Before(at("2026-03-08 00:00:00")); i, now = i+1, now.Add(5*time.Minute) {
		if i > 600 && i < 1200 { // nobody looks for two days
			continue
		}
		for range 2 { // and each look is doubled
			if due := dueAt(plan("0 2 * * *"), last, time.Time{}, time.Time{}, now); !due.IsZero() {
				begun, last = append(begun, now), now
			}
		}
	}
	if len(begun) != 6 || begun[3].Day() != 5 || begun[3].Hour() != 4 {
		t.Errorf("backups were begun at %v", begun)
	}
}

// Those of one connection take turns with the others, so that thirty databases of one server do not keep the rest waiting.
func TestDueInTurns(t *testing.T) {
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	var due []Due
	for i := range 3 {
		due = append(due, Due{source.Settings{Name: fmt.Sprintf("many/%d", i), Connection: source.Connection{Secret: "many"}}, now})
	}
	due = append(due, Due{source.Settings{Name: "late", Connection: source.Connection{Secret: "late"}}, now.Add(-time.Hour)}, Due{source.Settings{Name: "one"}, now.Add(time.Minute)})
	var names []string
	for _, d := range inTurns(due) {
		names = append(names, d.Source.Name)
	}
	if want := []string{"late", "many/0", "one", "many/1", "many/2"}; !slices.Equal(names, want) {
		t.Errorf("they come as %v, want %v", names, want)
	}
	if a, b := (Due{At: now}).Key(), DueKey(now.In(time.FixedZone("x", 3600))); a != b {
		t.Errorf("the keys of one time are %s and %s", a, b)
	}
}
