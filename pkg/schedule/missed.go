package schedule

import "time"

// Grace is how long after its time scheduled work is not yet missed: it needs time to be done, and tried again.
const Grace = time.Hour

// Missed tells whether something should have been done by now that was done last at a time. It is asked of anything that
// knows what comes next.
func Missed(s interface{ Next(time.Time) time.Time }, last, now time.Time) bool {
	due := s.Next(last)
	return !due.IsZero() && now.After(due.Add(Grace))
}

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
