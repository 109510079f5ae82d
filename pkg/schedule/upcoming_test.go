package schedule_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"cofre/pkg/schedule"
)

// The web UI says the next runs of a schedule that is being typed, by the same rules in another language: this file holds the two together.
// Each side works it out by itself.
func TestUpcomingIsWhatTheBrowserSays(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/upcoming.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Expression, Zone string
		After            time.Time
		Runs             []time.Time // empty where it is no expression
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("%d expressions are too few", len(all))
	}
	for _, want := range all {
		expr := want.Expression
		if want.Zone != "" {
			expr = "CRON_TZ=" + want.Zone + " " + expr
		}
		if len(want.Runs) == 0 {
			if s, err := schedule.Parse(expr); err == nil {
				t.Errorf("%s: %v is no error", expr, s)
			}
			continue
		}
		s := parse(t, expr)
		at := want.After
		for i, run := range want.Runs {
			if at = s.Next(at); !at.Equal(run) {
				t.Errorf("%s after %s: run %d is %s, not %s", expr, want.After, i+1, at.UTC().Format(time.RFC3339), run.Format(time.RFC3339))
			}
		}
	}
}
