package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"cofre/pkg/schedule"
)

func parse(t testing.TB, expr string) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return s
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04 -0700", text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What comes next, and after that, and so on: by the calendar, and over the days when clocks change.
func TestNext(t *testing.T) {
	for _, test := range []struct{ expr, after, next string }{
		{"0 2 * * *", "2026-11-25 01:59 +0000", "2026-11-25 02:00 +0000, 2026-11-26 02:00 +0000"},
		{"0 2 * * *", "2026-11-25 02:00 +0000", "2026-11-26 02:00 +0000"},
		{"@daily", "2026-12-31 00:00 +0000", "2027-01-01 00:00 +0000"},
		{"@weekly", "2026-11-25 00:00 +0000", "2026-11-29 00:00 +0000"},
		{"*/20 3 1 * *", "2026-11-25 00:00 +0000", "2026-12-01 03:00 +0000, 2026-12-01 03:20 +0000, 2026-12-01 03:40 +0000, 2027-01-01 03:00 +0000"},
		{"30 4 1,15 * 5", "2026-11-25 00:00 +0000", "2026-11-27 04:30 +0000, 2026-12-01 04:30 +0000, 2026-12-04 04:30 +0000"}, // either
		{"0 0 29 2 *", "2096-03-01 00:00 +0000", "2104-02-29 00:00 +0000"},                                                    // 2100 has none
		{"0 0 * * 7", "2026-11-25 00:00 +0000", "2026-11-29 00:00 +0000"},
		{"0 22 * jan mon-wed", "2026-11-25 00:00 +0000", "2027-01-04 22:00 +0000, 2027-01-05 22:00 +0000, 2027-01-06 22:00 +0000, 2027-01-11 22:00 +0000"},

		{"cron(0 2 * * ? *)", "2026-11-25 02:00 +0000", "2026-11-26 02:00 +0000"},
		{"cron(0 10 ? * 1 *)", "2026-11-25 00:00 +0000", "2026-11-29 10:00 +0000"}, // EventBridge's 1 is Sunday
		{"cron(0 10 ? * MON-FRI *)", "2026-11-27 12:00 +0000", "2026-11-30 10:00 +0000"},
		{"cron(0 0 L * ? *)", "2026-11-25 00:00 +0000", "2026-11-30 00:00 +0000, 2026-12-31 00:00 +0000"},
		{"cron(0 0 L-2 2 ? *)", "2026-11-25 00:00 +0000", "2027-02-26 00:00 +0000, 2028-02-27 00:00 +0000"},
		{"cron(0 0 LW * ? *)", "2026-11-01 00:00 +0000", "2026-11-30 00:00 +0000, 2026-12-31 00:00 +0000, 2027-01-29 00:00 +0000"},
		{"cron(0 0 1W * ? *)", "2026-07-15 00:00 +0000", "2026-08-03 00:00 +0000, 2026-09-01 00:00 +0000"},
		{"cron(0 0 ? * 6L *)", "2026-11-25 00:00 +0000", "2026-11-27 00:00 +0000, 2026-12-25 00:00 +0000"},
		{"cron(0 0 ? * TUE#2 *)", "2026-11-25 00:00 +0000", "2026-12-08 00:00 +0000"},
		{"cron(0 0 1 1 ? 2030-2031)", "2026-11-25 00:00 +0000", "2030-01-01 00:00 +0000, 2031-01-01 00:00 +0000, never"},
		{"rate(1 day)", "2026-11-25 17:23 +0000", "2026-11-26 17:23 +0000, 2026-11-27 17:23 +0000"},
		{"rate(90 minutes)", "2026-11-25 17:23 +0000", "2026-11-25 18:53 +0000"},

		// Berlin skips 2:00 to 3:00 on March 29th and has 2:00 to 3:00 twice on October 25th.
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28 12:00 +0000", "2026-03-29 03:00 +0200, 2026-03-30 02:30 +0200"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24 12:00 +0000", "2026-10-25 02:30 +0200, 2026-10-26 02:30 +0100"},
		{"CRON_TZ=Europe/Berlin 30 * * * *", "2026-10-25 01:45 +0200", "2026-10-25 02:30 +0200, 2026-10-25 02:30 +0100, 2026-10-25 03:30 +0100"},
		{"CRON_TZ=Europe/Berlin 30 * * * *", "2026-03-29 00:45 +0100", "2026-03-29 01:30 +0100, 2026-03-29 03:00 +0200, 2026-03-29 03:30 +0200"},
		// Santiago skips midnight; Samoa skipped a whole day.
		{"CRON_TZ=America/Santiago 0 0 * * *", "2026-09-05 12:00 +0000", "2026-09-06 01:00 -0300, 2026-09-07 00:00 -0300"},
		{"CRON_TZ=Pacific/Apia 0 12 * * *", "2011-12-29 11:00 -1000", "2011-12-29 12:00 -1000, 2011-12-31 00:00 +1400, 2011-12-31 12:00 +1400"},
		{"CRON_TZ=America/Sao_Paulo 0 2 * * *", "2026-11-25 04:00 +0000", "2026-11-25 02:00 -0300"},
	} {
		s, now := parse(t, test.expr), at(t, test.after)
		for _, want := range strings.Split(test.next, ", ") {
			got := s.Next(now)
			if want == "never" {
				if !got.IsZero() {
					t.Errorf("%s after %v: %v, want never", test.expr, now, got)
				}
				continue
			}
			if !got.Equal(at(t, want)) {
				t.Errorf("%s after %v: %v, want %s", test.expr, now, got, want)
			}
			now = got
		}
	}
}

func TestRefused(t *testing.T) {
	for _, expr := range []string{
		"", "daily", "@often", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8", "-1 * * * *",
		"1-0 * * * *", "*/0 * * * *", "*/+5 * * * *", "+5 * * * *", "*/ * * * *", "1,, * * * *", "? * * * *", "* * L * *", "0 0 30 2 *", "0 0 31 4,6 *",
		"CRON_TZ=Nowhere/City 0 2 * * *", "CRON_TZ= 0 2 * * *", "CRON_TZ=Local 0 2 * * *", "CRON_TZ=../../etc/passwd 0 2 * * *", "CRON_TZ=UTC",
		"cron(0 2 * * *)", "cron(0 2 * * * *)", "cron(0 2 ? * ? *)", "cron(0 2 ? * 0 *)", "cron(0 2 * * ? 1969)", "cron(0 2 * * ? 2200)", "cron(0 2 ? * 2#6 *)",
		"cron(0 2 30 2 ? *)", "rate(0 days)", "rate(1)", "rate(1 week)", "rate(400 days)", "rate(-1 day)", "rate(1 day", strings.Repeat("1,", 200) + "1 * * * *",
	} {
		if s, err := schedule.Parse(expr); err == nil {
			t.Errorf("%q is taken, for %v", expr, s)
		}
	}
}

// Other programs' ways to write a schedule are refused with the one that works here, and nothing is made up for the rest.
func TestRightWord(t *testing.T) {
	for expr, right := range map[string]string{
		"TZ=Europe/Lisbon 0 2 * * *":           "CRON_TZ=Europe/Lisbon 0 2 * * *",
		"tz=Europe/Lisbon 0 2 * * *":           "CRON_TZ=Europe/Lisbon 0 2 * * *",
		"Timezone=UTC @daily":                  "CRON_TZ=UTC @daily",
		`CRON_TZ="Europe/Lisbon" 0 2 * * *`:    "CRON_TZ=Europe/Lisbon 0 2 * * *",
		"TZ=Europe/Lisbon cron(0 2 * * ? *)":   "CRON_TZ=Europe/Lisbon cron(0 2 * * ? *)",
		"0 2 * * * Europe/Lisbon":              "CRON_TZ=Europe/Lisbon 0 2 * * *",
		"0 0 2 * * *":                          "0 2 * * *",
		"0 2 * * ? *":                          "cron(0 2 * * ? *)",
		"cron(0 2 * * *)":                      "0 2 * * *",
		"CRON(0 2 * * ? *)":                    "cron(0 2 * * ? *)",
		`"0 2 * * *"`:                          "0 2 * * *",
		"@Daily":                               "@daily",
		"daily":                                "@daily",
		"@every 24h":                           "rate(1 day)",
		"@every 90m":                           "rate(90 minutes)",
		"rate(1 week)":                         "rate(7 days)",
		"02:30":                                "30 2 * * *",
		"0:05":                                 "5 0 * * *",
		"TZ=Nowhere/City 0 2 * * *":            "",
		"TZ=Europe/Lisbon":                     "",
		"@every 30s":                           "",
		"60 * * * *":                           "",
		"* * * * * *":                          "",
		"PATH=/usr/bin 0 2 * * *":              "",
		"0 0 30 2 *":                           "",
		"":                                     "",
		"0 2 * * * /usr/local/bin/backup.sh":   "",
		"0 2 * * * root /usr/local/bin/backup": "",
	} {
		_, err := schedule.Parse(expr)
		if err == nil {
			t.Errorf("%q is taken", expr)
			continue
		}
		_, said, _ := strings.Cut(err.Error(), "; write ")
		if said != right {
			t.Errorf("%q: %v, want %q", expr, err, right)
		}
		if right != "" {
			if _, err := schedule.Parse(right); err != nil {
				t.Errorf("%q is refused too: %v", right, err)
			}
		}
	}
}

// A witness: another implementation of the five fields gives the same times.
func TestAgreesWithAnother(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	number := func(low, high int) string {
		a, b := low+random.IntN(high-low+1), low+random.IntN(high-low+1)
		switch random.IntN(5) {
		case 0:
			return fmt.Sprintf("%d-%d", min(a, b), max(a, b))
		case 1:
			return fmt.Sprintf("%d,%d", a, b)
		case 2:
			return fmt.Sprintf("%d/%d", a, 1+random.IntN(high))
		}
		return fmt.Sprint(a)
	}
	field := func(low, high int) string {
		if random.IntN(2) == 0 {
			return "*"
		}
		return number(low, high)
	}
	for range 3000 {
		expr := strings.Join([]string{field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)}, " ")
		other, err := cron.ParseStandard("CRON_TZ=UTC " + expr)
		if err != nil {
			t.Fatal(expr, err)
		}
		now := time.Unix(1_700_000_000+random.Int64N(1e9), 0).UTC()
		ours, err := schedule.Parse(expr)
		if want := other.Next(now); err != nil {
			if !want.IsZero() {
				t.Errorf("%s: %v, but it comes at %v", expr, err, want)
			}
		} else if got := ours.Next(now); !got.Equal(want) && !want.IsZero() { // the other one looks five years ahead
			t.Errorf("%s after %v: %v, want %v", expr, now, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, expr := range []string{
		"0 2 * * *", "*/15 1-5 1,15 jan-mar mon#2", "@daily", "CRON_TZ=America/Sao_Paulo 0 2 * * *", "cron(0 0 L-3,15W ? * 5L 2030)", "cron(0 0 ? * TUE#2 *)", "rate(5 minutes)",
	} {
		f.Add(expr, int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, expr string, unix int64) {
		s, err := schedule.Parse(expr)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<33), 0)
		next := s.Next(now)
		if next.IsZero() {
			return
		}
		if !next.After(now) {
			t.Fatalf("%q: %v comes after %v", expr, next, now)
		}
		again, err := schedule.Parse(s.String())
		if err != nil || !again.Next(now).Equal(next) {
			t.Fatalf("%q is written as %q, which is another one: %v", expr, s, err)
		}
	})
}

// What comes so long after the last time does not come ever later because somebody looks.
func TestUpcoming(t *testing.T) {
	last := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		expr      string
		last, now time.Time
		want      time.Time
	}{
		{"rate(1 day)", last, last.Add(5 * time.Hour), last.Add(24 * time.Hour)},
		{"rate(1 day)", time.Time{}, last, last.Add(24 * time.Hour)},
		{"0 2 * * *", last, last.Add(5 * time.Hour), last.Add(24 * time.Hour)},
		{"0 2 * * *", last, last.Add(50 * time.Hour), last.Add(72 * time.Hour)}, // one is late
	} {
		s, err := schedule.Parse(test.expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := schedule.Upcoming(s, test.last, test.now); !got.Equal(test.want) {
			t.Errorf("%s, last at %s: at %s comes %s", test.expr, test.last, test.now, got)
		}
	}
}

// What is said of a schedule in words is what it does; what has no simple words is said as it was written.
func TestWords(t *testing.T) {
	for expr, want := range map[string]string{
		"30 2 * * *":                       "every day at 02:30 (UTC)",
		"CRON_TZ=Europe/Lisbon 5 14 * * *": "every day at 14:05 (Europe/Lisbon)",
		"0 4 * * 0":                        "every Sunday at 04:00 (UTC)",
		"15 * * * *":                       "every hour at minute 15",
		"0,30 2 * * *":                     "0,30 2 * * *",
		"0 2 1 * *":                        "0 2 1 * *",
		"0 2,3 * * *":                      "0 2,3 * * *",
		"15 0-23 * * 1":                    "15 0-23 * * 1",
		"@daily":                           "@daily",
		"rate(1 day)":                      "rate(1 day)",
	} {
		s, err := schedule.Parse(expr)
		if err != nil || s.Words() != want {
			t.Errorf("%s: %q, %v", expr, s.Words(), err)
		}
	}
}
