package retention

import (
	"cmp"
	"slices"
	"time"
)

// Point is how much there is at a time to come, behind a cleanup then.
type Point struct {
	At      time.Time `json:"at"`
	Backups int       `json:"backups"`
	Bytes   int64     `json:"bytes"`
	Removed []string  `json:"removed,omitempty"` // of the items of today, those that went since the point before; by id, the oldest first
	// Sources are the bytes of each source, by Item.Source.
	Sources map[string]int64 `json:"-"`
}

// Forecast says what is kept at some times to come, in order, where coming are the items that are made until then. It takes for granted that
// they turn out well, that a cleanup is made at each of the times, and that whatever asks somebody to look stays as it is. Cleanups in between
// make no difference: what a policy removes at one time it would have removed at each later one. (The limit of all bytes is the exception: with
// it the forecast is about right.)
func Forecast(times []time.Time, items, coming []Item, p Policy) []Point {
	today := map[string]bool{}
	for _, it := range items {
		today[it.ID] = true
	}
	coming = slices.Clone(coming)
	slices.SortStableFunc(coming, func(a, b Item) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	left, points := slices.Clone(items), make([]Point, 0, len(times))
	for _, at := range times {
		n := 0
		for n < len(coming) && !coming[n].CreatedAt.After(at) {
			n++
		}
		left = append(left, coming[:n]...)
		coming = coming[n:]
		point := Point{At: at, Sources: map[string]int64{}}
		var stay []Item
		for _, d := range Decide(at, left, p) {
			if d.Remove {
				if today[d.Item.ID] {
					point.Removed = append(point.Removed, d.Item.ID)
				}
				continue
			}
			stay = append(stay, d.Item)
			if d.Item.Status == Success {
				point.Backups++
			}
			point.Bytes += max(d.Item.Size, 0)
			point.Sources[d.Item.Source] += max(d.Item.Size, 0)
		}
		left = stay
		points = append(points, point)
	}
	return points
}
