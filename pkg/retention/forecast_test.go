package retention

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// What is foretold is what happens: a cleanup every night until then keeps the same.
func TestForecastComesTrue(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		p := Policy{KeepDays: r.IntN(9), MaxBackups: r.IntN(3) * 9, Keep: Keepers{Last: r.IntN(3), Daily: r.IntN(9), Weekly: r.IntN(5), Monthly: r.IntN(4), Yearly: r.IntN(2), WithinHours: r.IntN(90), Zone: zone(t, zones[r.IntN(len(zones))])}}
		step := time.Duration(5+r.IntN(40)) * time.Hour
		var items, coming []Item
		for i := range 60 {
			items = append(items, good(fmt.Sprintf("a%03d", i), "shop", time.Duration(i+1)*step, 10))
		}
		for range r.IntN(6) { // pins end
			it := &items[r.IntN(len(items))]
			it.Locked, it.LockedUntil = true, now.Add(time.Duration(r.IntN(100*24))*time.Hour)
		}
		locked := time.Duration(r.IntN(2)*r.IntN(40)*24) * time.Hour // and so do locks
		for i := range items {
			items[i].ObjectLocked, items[i].ObjectUntil = locked > 0, items[i].CreatedAt.Add(locked)
		}
		end := now.AddDate(0, 0, 75)
		for at := now.Add(step); !at.After(end); at = at.Add(step) {
			coming = append(coming, Item{ID: fmt.Sprintf("b%03d", len(coming)), Row: "shop", CreatedAt: at, Status: Success, Verified: true, Size: 10, ObjectLocked: locked > 0, ObjectUntil: at.Add(locked)})
		}
		points := Forecast([]time.Time{now.AddDate(0, 0, 30), now.AddDate(0, 0, 60), end}, items, coming, p)
		left, went := slices.Clone(items), map[string]bool{}
		for at := now; !at.After(end); at = at.AddDate(0, 0, 1) {
			for len(coming) > 0 && !coming[0].CreatedAt.After(at) {
				left, coming = append(left, coming[0]), coming[1:]
			}
			var stay []Item
			for _, d := range Decide(at, left, p) {
				if !d.Remove {
					stay = append(stay, d.Item)
				} else if d.Item.ID[0] == 'a' {
					went[d.Item.ID] = true
				}
			}
			left = stay
		}
		foretold := map[string]bool{}
		for _, point := range points {
			for _, id := range point.Removed {
				foretold[id] = true
			}
		}
		if last := points[len(points)-1]; last.Backups != len(left) || last.Bytes != int64(10*len(left)) || !reflect.DeepEqual(foretold, went) {
			t.Fatalf("seed %d, %+v: %d backups are foretold, %d are left; of today's %d go, %d went", seed, p, last.Backups, len(left), len(foretold), len(went))
		}
	}
}
