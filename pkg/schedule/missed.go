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
