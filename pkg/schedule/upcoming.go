package schedule

import "time"

// Upcoming gives when something comes next that was begun last at a time; zero for never. What is late already comes at the next
// time behind now. Only for "so long after the last time" is that not the same as what comes behind now.
func Upcoming(s interface{ Next(time.Time) time.Time }, last, now time.Time) time.Time {
	if !last.IsZero() {
		if at := s.Next(last); at.After(now) {
			return at
		}
	}
	return s.Next(now)
}
