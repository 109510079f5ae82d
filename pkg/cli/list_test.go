package cli

import (
	"testing"
	"time"

	"cofre/pkg/fault"
)

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("BRT", -3*3600)
	now := time.Date(2025, 3, 10, 12, 0, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"":                     {},
		"2025-01-09":           time.Date(2025, 1, 9, 0, 0, 0, 0, zone),
		"2025-01-09 14:30":     time.Date(2025, 1, 9, 14, 30, 0, 0, zone),
		"2025-01-09T14:30:05":  time.Date(2025, 1, 9, 14, 30, 5, 0, zone),
		"2025-01-09T14:30:00Z": time.Date(2025, 1, 9, 14, 30, 0, 0, time.UTC),
		"36h":                  now.Add(-36 * time.Hour),
		"7d":                   now.AddDate(0, 0, -7),
	} {
		got, err := parseTime("since", text, now)
		if err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "2025-13-01", "-3h", "-1d", "99999d", "d", "7", "2025-01-09 25:00"} {
		if got, err := parseTime("since", text, now); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2025-01-09", "7d", "36h", "2025-01-09T14:30:00Z"} {
		f.Add(s)
	}
	now := time.Date(2025, 3, 10, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime("since", s, now)
		if err == nil && s != "" && got.IsZero() && s[0] != '0' {
			t.Errorf("%q is no time, and no error", s)
		}
	})
}
