package postgres

import (
	"strings"
	"testing"
	"time"
)

// TestConcerns holds what is said of a server's condition against what is known of it.
func TestConcerns(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		is   Condition
		want string // of each concern a part of its message
	}{
		{"well", Condition{Major: 17}, ""},
		{"newer than is known", Condition{Major: 19}, ""},
		{"out of support", Condition{Major: 13}, "PostgreSQL 13 has had no security fixes since 2025-11-13"},
		{"long out of support", Condition{Major: 9}, "PostgreSQL 9 has had no security fixes since 2021-11-11"},
		{"a clock ahead", Condition{Major: 18, Ahead: 5 * time.Minute}, "is 5 min 00 s ahead of this machine's"},
		{"a clock behind", Condition{Major: 18, Ahead: -2 * time.Hour}, "is 2 h 00 min behind this machine's"},
		{"a clock a second off", Condition{Major: 18, Ahead: time.Second}, ""},
		{"a standby as it is made", Condition{Major: 18, Standby: true, Delay: 30 * time.Second}, "ends a query after 30.0 s"},
		{"a standby that waits", Condition{Major: 18, Standby: true, Delay: -time.Millisecond}, ""},
		{"a standby that tells", Condition{Major: 18, Standby: true, Feedback: true, Delay: 30 * time.Second}, ""},
		{"a primary", Condition{Major: 18, Delay: 30 * time.Second}, ""},
		{"all at once", Condition{Major: 14, Ahead: time.Hour, Standby: true}, "PostgreSQL 14 has had, ahead of, ends a query after 0 ms"},
	} {
		var got []string
		for _, x := range c.is.Concerns(now) {
			got = append(got, x.Message)
			if x.Hint == "" || x.About == "" {
				t.Errorf("%s: %q lacks a hint or what it is about", c.name, x.Message)
			}
		}
		want := strings.Split(c.want, ", ")
		if c.want == "" {
			want = nil
		}
		ok := len(got) == len(want)
		for i := range want {
			ok = ok && strings.Contains(got[i], want[i])
		}
		if !ok {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
	if got := (Condition{Major: 15}).Concerns(time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)); len(got) != 1 || !strings.Contains(got[0].Message, "gets no security fixes from 2027-11-11 on") {
		t.Errorf("months before the end of 15: %v", got)
	}

	moment := time.Now()
	for _, c := range []struct {
		shown time.Time
		want  time.Duration
	}{{moment, 0}, {moment.Add(time.Second), 0}, {moment.Add(3 * time.Second), time.Second}, {moment.Add(-time.Second), -time.Second}} {
		if got := ahead(c.shown, moment, moment.Add(2*time.Second)); got != c.want {
			t.Errorf("ahead of %v: %v, want %v", c.shown.Sub(moment), got, c.want)
		}
	}
}
