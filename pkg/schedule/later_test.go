package schedule

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A step that looks at the rest of the day alone finds what a search through days does, around every change of the clocks.
func TestLater(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Lisbon", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"} {
		for _, expr := range []string{"* * * * *", "*/7 1-3 * * *", "30 2 * * *", "0 0 1 * *", "59 23 * * 1-5", "15 */2 29 2 *"} {
			s, err := Parse("CRON_TZ=" + zone + " " + expr)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(7, uint64(len(zone))))
			at := time.Date(2011, 12, 28, 0, 0, 0, 0, time.UTC) // Apia skips the 30th
			for i := range 12 {
				if i%4 == 0 && i > 0 {
					_, end := at.In(s.zone).ZoneBounds()
					if at = end.Add(-50 * time.Hour); end.IsZero() {
						at = time.Date(2012+i/4, 3, 20, 0, 0, 0, 0, time.UTC)
					}
				}
				at = at.Add(time.Duration(r.IntN(17*3600)) * time.Second)
				if got, want := s.Next(at), s.search(at.In(s.zone)); !got.Equal(want) {
					t.Fatalf("%s in %s: behind %s comes %s, not %s", expr, zone, at, got, want)
				}
			}
		}
	}
}
