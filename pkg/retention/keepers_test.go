package retention

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// zones have changes of their clocks at different hours, of a whole and of half an hour, at midnight, and none.
var zones = []string{"America/Sao_Paulo", "Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"}

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// keepersOf makes keepers of any byte; of every second one none.
func keepersOf(b int) Keepers {
	if b%2 == 0 {
		return Keepers{}
	}
	z, err := time.LoadLocation(zones[b%len(zones)])
	if err != nil {
		panic(err)
	}
	k := Keepers{Last: b % 3, Hourly: b % 5, Daily: b / 5 % 4, Weekly: b / 9 % 3, Monthly: b / 3 % 3, Yearly: b / 7 % 2, WithinHours: b / 11 % 3 * 30, Zone: z}
	if b%13 == 0 {
		k.Labels = []string{"keep=yes", "other"}
	}
	return k
}

// heldOf is what keepers hold of all.
func heldOf(now time.Time, all []Decision, p Policy) map[string]map[int64][]Reason {
	verified, reaches := map[string]bool{}, map[string]*Reach{}
	good := func(it Item) bool { return it.Status == Success && !it.CreatedAt.IsZero() && !it.CreatedAt.After(now) }
	for _, d := range all {
		verified[d.Item.Row] = verified[d.Item.Row] || good(d.Item) && d.Item.Verified
	}
	for _, d := range slices.Backward(all) {
		if it := d.Item; good(it) && it.Verified == verified[it.Row] {
			r := reaches[it.Row]
			if r == nil {
				r = NewReach(now, p.Of(it.Source).Keep)
				reaches[it.Row] = r
			}
			if !r.Done(it.CreatedAt) {
				r.Add([]int64{it.CreatedAt.UnixNano()})
			}
		}
	}
	held := map[string]map[int64][]Reason{}
	for row, r := range reaches {
		held[row] = r.Held()
	}
	return held
}

// calendar is what keepers should hold, worked out from what a calendar and a clock on the wall say: the periods of a backup are texts, and
// it is held where no newer one has the same text and few enough other texts are newer.
func calendar(dates []time.Time, k Keepers) map[int64][]string {
	week := func(t time.Time) string { // of its Thursday, by ISO 8601
		y, m, d := t.Date()
		noon := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
		thursday := noon.AddDate(0, 0, 3-(int(noon.Weekday())+6)%7)
		return fmt.Sprintf("%d-W%02d", thursday.Year(), (thursday.YearDay()-1)/7+1)
	}
	kinds := []struct {
		code Code
		n    int
		text func(time.Time) string
	}{
		{KeepHourly, k.Hourly, func(t time.Time) string { return t.Format("2006-01-02 15 -07:00") }},
		{KeepDaily, k.Daily, func(t time.Time) string { return t.Format("2006-01-02") }},
		{KeepWeekly, k.Weekly, week},
		{KeepMonthly, k.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
		{KeepYearly, k.Yearly, func(t time.Time) string { return t.Format("2006") }},
	}
	out := map[int64][]string{}
	for i := range kinds { // each is asked often
		of, known := kinds[i].text, map[int64]string{}
		kinds[i].text = func(t time.Time) string {
			if known[t.UnixNano()] == "" {
				known[t.UnixNano()] = of(t)
			}
			return known[t.UnixNano()]
		}
	}
	for _, at := range dates {
		newer := map[int64]bool{}
		for _, other := range dates {
			if other.After(at) {
				newer[other.UnixNano()] = true
			}
		}
		if len(newer) < k.Last {
			out[at.UnixNano()] = append(out[at.UnixNano()], fmt.Sprintf("last %d", len(newer)+1))
		}
		for _, kind := range kinds {
			texts := map[string]bool{}
			for other := range newer {
				texts[kind.text(time.Unix(0, other).In(k.Zone))] = true
			}
			if own := kind.text(at.In(k.Zone)); !texts[own] && len(texts) < kind.n {
				out[at.UnixNano()] = append(out[at.UnixNano()], fmt.Sprintf("%s %d", kind.code, len(texts)+1))
			}
		}
	}
	return out
}

// changes are moments around which clocks were changed, days were left out (Apia, 2011-12-30) and years begin with a week of another.
var changes = []time.Time{
	time.Date(2018, 11, 4, 3, 0, 0, 0, time.UTC), time.Date(2019, 2, 17, 2, 0, 0, 0, time.UTC), // São Paulo, at midnight
	time.Date(2025, 3, 30, 1, 0, 0, 0, time.UTC), time.Date(2025, 10, 26, 1, 0, 0, 0, time.UTC), time.Date(2025, 11, 2, 6, 0, 0, 0, time.UTC),
	time.Date(2025, 4, 5, 15, 0, 0, 0, time.UTC), time.Date(2025, 10, 4, 15, 30, 0, 0, time.UTC), // Lord Howe, by half an hour
	time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC), time.Date(2020, 12, 31, 12, 0, 0, 0, time.UTC), time.Date(2024, 12, 30, 0, 0, 0, 0, time.UTC),
}

func TestKeepersAgreeWithACalendar(t *testing.T) {
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 12))
		k := Keepers{Last: r.IntN(4), Hourly: r.IntN(12), Daily: r.IntN(9), Weekly: r.IntN(6), Monthly: r.IntN(5), Yearly: r.IntN(4), Zone: zone(t, zones[r.IntN(len(zones))])}
		end := changes[r.IntN(len(changes))].Add(time.Duration(r.IntN(600)) * time.Minute)
		step := []time.Duration{7 * time.Minute, time.Hour, 9 * time.Hour, 3 * day, 40 * day}[r.IntN(5)]
		var dates []time.Time
		items := []Item{}
		for at := end; len(dates) < 30; at = at.Add(-time.Duration(r.Int64N(int64(2 * step)))) {
			dates = append(dates, at)
			items = append(items, Item{ID: fmt.Sprint(len(dates)), Row: "shop", CreatedAt: at, Status: Success, Verified: true})
		}
		want := calendar(dates, k)
		for _, d := range Decide(end, items, Policy{KeepDays: 1, AnyAge: true, Keep: k}) {
			var got []string
			for _, reason := range d.Reasons {
				if reason.keeper() {
					got = append(got, fmt.Sprintf("%s %d", reason.Code, reason.Nth))
				}
			}
			if w := want[d.Item.CreatedAt.UnixNano()]; !slices.Equal(got, w) {
				t.Fatalf("seed %d, %+v: %s is held as %v, by the calendar as %v", seed, k, d.Item.CreatedAt.In(k.Zone), got, w)
			}
		}
	}
}

// TestKeepersGolden is what people read.
func TestKeepersGolden(t *testing.T) {
	shop := func(times ...string) (out []Item) {
		for _, s := range times {
			at, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, Item{ID: s, Row: "1", RowName: `source "shop"`, CreatedAt: at, Status: Success, Verified: true, Size: 100})
		}
		return out
	}
	months := func() (out []Item) { // every third day of a year and a half
		for i := range 180 {
			out = append(out, good(fmt.Sprintf("%03d", i), "shop", time.Duration(i)*3*day+time.Hour, 100))
		}
		return out
	}()
	bad := shop("2025-03-30T23:00:00Z")[0]
	bad.Verified = false
	for name, c := range map[string]struct {
		items  []Item
		policy Policy
	}{
		"gfs": {months, Policy{KeepDays: 9, Keep: Keepers{Daily: 3, Weekly: 4, Monthly: 5, Yearly: 2}}},
		"gfs_last_within_label": {[]Item{
			good("a", "shop", time.Hour, 1), good("b", "shop", 5*time.Hour, 1), good("c", "shop", 30*time.Hour, 1), good("d", "shop", 31*time.Hour, 1), good("e", "shop", 40*day, 1),
			with(good("labelled", "shop", 50*day, 1), func(it *Item) { it.Labels = map[string]string{"release": "4.1"} }),
			with(good("valued", "shop", 51*day, 1), func(it *Item) { it.Labels = map[string]string{"audit": "no"} }),
		}, Policy{MaxBackups: 1, Keep: Keepers{Last: 3, WithinHours: 30, Labels: []string{"audit=yes", "release"}}}},
		// The hour from 1 to 2 comes twice in Lisbon on 2024-10-27; the first of January 2025 is in the first week of 2025, and so is the 31st of December.
		"gfs_clocks": {shop("2024-10-27T00:10:00Z", "2024-10-27T00:50:00Z", "2024-10-27T01:10:00Z", "2024-10-27T01:50:00Z", "2024-12-29T12:00:00Z", "2024-12-31T23:59:00Z", "2025-01-01T00:01:00Z"),
			Policy{KeepDays: 1, Keep: Keepers{Hourly: 9, Weekly: 9, Yearly: 9, Zone: zone(t, "Europe/Lisbon")}}},
		// The newest of a day is a damaged one: the good one before it is held.
		"gfs_damaged": {append(shop("2025-03-28T02:00:00Z", "2025-03-29T02:00:00Z", "2025-03-30T02:00:00Z", "2025-03-31T02:00:00Z"), bad), Policy{KeepDays: 1, Keep: Keepers{Daily: 2}}},
		// Nothing that a keeper holds goes as long as the others suffice, then the oldest of those; protected ones never.
		"gfs_size": {append(daily("shop", 8), locked(good("pin", "shop", 100*day, 100))), Policy{MaxTotalBytes: 450, Keep: Keepers{Daily: 6}}},
		"gfs_of_a_source": {append(daily("shop", 4), with(good("w1", "wiki", 20*day, 1), func(it *Item) { it.Source = "wiki" }), with(good("w2", "wiki", 21*day, 1), func(it *Item) { it.Source = "wiki" })),
			Policy{KeepDays: 30, Sources: map[string]Policy{"wiki": {KeepDays: 1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(Decide(now, c.items, c.policy))
			file := "testdata/" + name + ".golden"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, strings.TrimSpace(string(want)))
			}
		})
	}
}
