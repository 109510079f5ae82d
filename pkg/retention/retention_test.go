package retention

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2025, 3, 31, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

const day = 24 * time.Hour

func good(id, db string, age time.Duration, size int64) Item {
	return Item{ID: id, Row: db, RowName: fmt.Sprintf("source %q", db), CreatedAt: ago(age), Status: Success, Verified: true, Size: size}
}

func with(it Item, change func(*Item)) Item { change(&it); return it }

func unverified(it Item) Item { it.Verified = false; return it }
func proven(it Item) Item     { it.Proven = true; return it }
func inPart(it Item) Item     { it.Proven, it.InPart = true, true; return it }
func locked(it Item) Item     { it.Locked = true; return it }
func failed(it Item) Item     { it.Status, it.Verified, it.Size = Failed, false, 0; return it }
func running(it Item) Item    { it.Status, it.Verified, it.Size = InProgress, false, 0; return it }

// daily is a backup a day of one database, the newest an hour old.
func daily(db string, n int) []Item {
	var out []Item
	for i := range n {
		out = append(out, good(fmt.Sprintf("%s-%02d", db, i), db, time.Duration(i)*day+time.Hour, 100))
	}
	return out
}

func TestDecideGolden(t *testing.T) {
	cases := []struct {
		name   string
		items  []Item
		policy Policy
		now    time.Time
	}{
		{"no_policy", daily("shop", 3), Policy{}, now},
		{"negative_policy", daily("shop", 3), Policy{KeepDays: -1, MaxBackups: -5, MaxTotalBytes: -1}, now},
		{"any_age", daily("shop", 3), Policy{AnyAge: true}, now},
		{"any_age_of_a_wrong_clock", []Item{good("a", "shop", -time.Minute, 1), good("b", "shop", 0, 1), good("c", "shop", time.Hour, 1)}, Policy{AnyAge: true}, now},
		{"any_age_after_a_loss", []Item{
			good("older", "shop", 3*day, 100), with(good("larger", "shop", 2*day, 100), func(it *Item) { it.BeforeShrunk = true }), good("small", "shop", day, 1),
		}, Policy{AnyAge: true, MaxBackups: 1, MaxTotalBytes: 1}, now},
		{"rows_lost", []Item{
			with(good("before-old", "shop", 32*day, 1), func(it *Item) { it.BeforeLost = ago(31 * day) }), with(good("lost-old", "shop", 31*day, 1), func(it *Item) { it.LostRows = true }),
			with(good("before", "shop", 30*day, 1), func(it *Item) { it.BeforeLost = ago(29 * day) }), with(good("lost", "shop", 29*day, 1), func(it *Item) { it.LostRows = true }),
			good("between", "shop", 28*day, 1), with(good("future", "shop", 27*day, 1), func(it *Item) { it.BeforeLost = now.Add(day) }), good("newest", "shop", day, 1),
		}, Policy{KeepDays: 7, MaxBackups: 1, MaxTotalBytes: 1}, now},
		{"newest_proven", []Item{
			proven(good("p1", "shop", 90*day, 100)), proven(good("p2", "shop", 80*day, 100)), good("v3", "shop", 70*day, 100), good("v4", "shop", day, 100),
			proven(unverified(good("damaged", "shop", 60*day, 100))), proven(failed(good("odd", "shop", 50*day, 0))),
			with(proven(good("future", "shop", 0, 1)), func(it *Item) { it.CreatedAt = now.AddDate(5, 0, 0) }),
			proven(good("blog-p1", "blog", 40*day, 100)), proven(good("blog-p2", "blog", day, 100)),
		}, Policy{KeepDays: 7, MaxBackups: 1, MaxTotalBytes: 1}, now},
		{"newest_proven_in_part", []Item{
			proven(good("p1", "shop", 90*day, 100)), inPart(good("older-in-part", "shop", 85*day, 100)), proven(good("p2", "shop", 80*day, 100)),
			inPart(good("in-part", "shop", 75*day, 100)), inPart(good("newest-in-part", "shop", 70*day, 100)), good("v3", "shop", day, 100),
			inPart(good("blog-in-part", "blog", 40*day, 100)), proven(good("blog-p", "blog", 30*day, 100)), good("blog", "blog", day, 100),
			inPart(good("wiki-in-part", "wiki", 40*day, 100)), good("wiki", "wiki", day, 100),
		}, Policy{KeepDays: 7, MaxBackups: 1, MaxTotalBytes: 1}, now},
		{"keep_days", daily("shop", 10), Policy{KeepDays: 7}, now},
		{"keep_days_boundary", []Item{
			good("new", "shop", time.Hour, 1), good("exactly", "shop", 7*day, 1), good("second-more", "shop", 7*day+time.Second, 1),
		}, Policy{KeepDays: 7}, now},
		{"max_backups", slices.Concat(daily("shop", 4), daily("blog", 2)), Policy{MaxBackups: 2}, now},
		{"max_backups_protected_besides", []Item{
			unverified(good("u1", "shop", 1*day, 1)), unverified(good("u2", "shop", 2*day, 1)),
			good("v3", "shop", 3*day, 1), locked(good("l4", "shop", 4*day, 1)), good("v5", "shop", 5*day, 1),
		}, Policy{MaxBackups: 1}, now},
		{"max_bytes", slices.Concat(daily("shop", 4), daily("blog", 4)), Policy{MaxTotalBytes: 350}, now},
		{"max_bytes_unreachable", []Item{
			good("only", "shop", 90*day, 5000), locked(good("pin", "blog", 80*day, 5000)), good("blog", "blog", 70*day, 1),
			good("old", "blog", 100*day, 10),
		}, Policy{MaxTotalBytes: 100}, now},
		{"everything_old", []Item{
			good("v1", "shop", 400*day, 1), good("v2", "shop", 300*day, 1), unverified(good("u3", "shop", 200*day, 1)),
			unverified(good("u4", "blog", 200*day, 1)), unverified(good("u5", "blog", 201*day, 1)),
		}, Policy{KeepDays: 30, MaxBackups: 1, MaxTotalBytes: 1}, now},
		{"failures", []Item{
			failed(good("f-old", "shop", 50*day, 0)), good("ok", "shop", 40*day, 1), failed(good("f-before", "shop", 39*day, 0)),
			failed(good("f-last", "shop", 38*day, 0)), failed(good("f-new", "shop", 2*day, 0)),
			failed(good("alone", "blog", 60*day, 0)), failed(good("alone-2", "blog", 59*day, 0)),
			good("wiki-ok", "wiki", 35*day, 1), failed(good("wiki-f", "wiki", 36*day, 0)),
		}, Policy{KeepDays: 30}, now},
		{"running_and_unknown", []Item{
			good("ok", "shop", 1*day, 100), running(good("run", "shop", 90*day, 0)),
			with(good("odd", "shop", 90*day, 100), func(it *Item) { it.Status = "quarantined" }),
		}, Policy{KeepDays: 7, MaxBackups: 1, MaxTotalBytes: 1}, now},
		{"clock_behind", daily("shop", 3), Policy{KeepDays: 1, MaxBackups: 1}, now.Add(-2 * time.Hour)},
		{"clock_ahead", daily("shop", 3), Policy{KeepDays: 1}, now.Add(time.Hour)},
		{"clock_years_ahead", daily("shop", 3), Policy{KeepDays: 30}, now.AddDate(70, 0, 0)},
		{"future_does_not_replace_newest", []Item{
			with(good("future", "shop", 0, 1), func(it *Item) { it.CreatedAt = now.AddDate(5, 0, 0) }),
			good("v1", "shop", 40*day, 1), good("v2", "shop", 50*day, 1),
			with(good("undated", "shop", 0, 1), func(it *Item) { it.CreatedAt = time.Time{} }),
		}, Policy{KeepDays: 30, MaxBackups: 1, MaxTotalBytes: 1}, now},
		{"same_time", []Item{good("b", "shop", day, 1), good("a", "shop", day, 1), good("c", "shop", day, 1)}, Policy{MaxBackups: 1}, now},
		{"all_rules", slices.Concat(daily("shop", 12), []Item{locked(good("pin", "shop", 300*day, 400)), failed(good("f", "shop", 20*day, 0))}),
			Policy{KeepDays: 9, MaxBackups: 6, MaxTotalBytes: 800}, now},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.items)
			got := render(Decide(c.now, c.items, c.policy))
			if !reflect.DeepEqual(before, c.items) {
				t.Error("the items were changed")
			}
			slices.Reverse(c.items)
			if again := render(Decide(c.now, c.items, c.policy)); again != got {
				t.Errorf("another order of the items gives\n%s", again)
			}
			file := filepath.Join("testdata", c.name+".golden")
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
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func render(ds []Decision) string {
	var b strings.Builder
	for _, d := range ds {
		verb := "keep  "
		if d.Remove {
			verb = "remove"
		}
		fmt.Fprintf(&b, "%s %s\n", verb, d.Item.ID)
		for _, r := range d.Reasons {
			fmt.Fprintf(&b, "       %s: %s\n", r.Code, r.Text)
		}
	}
	return b.String()
}

// invariants are what Decide promises whatever it is given.
func invariants(now time.Time, items []Item, p Policy) error {
	ds := Decide(now, items, p)
	if len(ds) != len(items) {
		return fmt.Errorf("%d decisions for %d items", len(ds), len(items))
	}
	type state struct{ had, has bool }
	verified, success := map[string]*state{}, map[string]*state{}
	note := func(m map[string]*state, db string, kept bool) {
		if m[db] == nil {
			m[db] = &state{}
		}
		m[db].had, m[db].has = true, m[db].has || kept
	}
	newest, provenNewest, fullyNewest := map[string]Decision{}, map[string]Decision{}, map[string]Decision{}
	for i, d := range ds {
		it := d.Item
		if i > 0 && it.CreatedAt.Before(ds[i-1].Item.CreatedAt) {
			return fmt.Errorf("%s is out of order", it.ID)
		}
		if len(d.Reasons) == 0 || d.Remove && len(d.Reasons) != 1 {
			return fmt.Errorf("%s has reasons %v", it.ID, d.Reasons)
		}
		if d.Remove && (it.Locked || it.ObjectLocked || it.BeforeShrunk || it.LostRows && Lately(it.CreatedAt, now) || Lately(it.BeforeLost, now) || it.Status != Success && it.Status != Failed || it.CreatedAt.After(now) || p.empty()) {
			return fmt.Errorf("%+v is removed: %v", it, d.Reasons)
		}
		if it.Status == Success {
			note(success, it.Row, !d.Remove)
			if it.Verified {
				note(verified, it.Row, !d.Remove)
				if !it.CreatedAt.After(now) && !it.CreatedAt.IsZero() {
					newest[it.Row] = d
					if it.Proven {
						provenNewest[it.Row] = d
						if !it.InPart {
							fullyNewest[it.Row] = d
						}
					}
				}
			}
		}
	}
	for _, m := range []map[string]*state{verified, success} {
		for db, s := range m {
			if s.had && !s.has {
				return fmt.Errorf("row %s loses its last backup", db)
			}
		}
	}
	for db, d := range newest {
		if d.Remove {
			return fmt.Errorf("the newest verified backup of %s is removed: %v", db, d.Reasons)
		}
	}
	for db, d := range provenNewest {
		if d.Remove {
			return fmt.Errorf("the newest proven backup of %s is removed: %v", db, d.Reasons)
		}
	}
	for db, d := range fullyNewest {
		if d.Remove {
			return fmt.Errorf("the newest fully proven backup of %s is removed: %v", db, d.Reasons)
		}
	}
	if err := windows(now, ds, p); err != nil {
		return err
	}
	return converges(now, ds, p)
}

// windows: what is decided of a part, with what is known of the rest, is what is decided of all.
func windows(now time.Time, all []Decision, p Policy) error {
	var parts [3][]Item
	for i, d := range all {
		n := min(2, 3*i/len(all))
		parts[n] = append(parts[n], d.Item)
	}
	var facts [3]map[string]Facts
	a := Around{Sized: true, Held: heldOf(now, all, p)}
	var free, held [3]int64
	for n, items := range parts {
		facts[n] = map[string]Facts{}
		for _, it := range items {
			note(facts[n], it, now)
		}
	}
	for i, d := range all {
		if d.Remove && d.Reasons[0].Code != RemoveOverSize {
			continue
		}
		size := max(d.Item.Size, 0)
		a.Stays += size
		switch {
		case d.Held() || d.Remove && strings.Contains(d.Reasons[0].Text, "in spite of"):
			held[min(2, 3*i/len(all))] += size
		case d.Remove || d.Removable():
			free[min(2, 3*i/len(all))] += size
			a.Free += size
		}
	}
	i := 0
	for n, items := range parts {
		a.Newer, a.Older = map[string]Facts{}, map[string]Facts{}
		for m := range parts {
			switch {
			case m > n:
				add(a.Newer, facts[m])
			case m < n:
				add(a.Older, facts[m])
			}
		}
		if n > 0 {
			a.OlderFree += free[n-1]
			a.OlderHeld += held[n-1]
		}
		for _, d := range DecideWithin(now, items, p, a) {
			if d.Remove != all[i].Remove || !slices.EqualFunc(d.Reasons, all[i].Reasons, func(x, y Reason) bool { return x.Code == y.Code && x.Period == y.Period && x.Nth == y.Nth }) {
				return fmt.Errorf("%+v of a part is decided as %v, %v; of all as %v, %v", d.Item, d.Remove, d.Reasons, all[i].Remove, all[i].Reasons)
			}
			i++
		}
	}
	return nil
}

func note(facts map[string]Facts, it Item, now time.Time) {
	var f Facts
	switch it.Status {
	case Success:
		f.Succeeded, f.Finished = 1, 1
		if it.CreatedAt.IsZero() || it.CreatedAt.After(now) {
			break
		}
		if f.Dated = 1; it.Verified {
			f.Verified, f.LastVerified = 1, it.CreatedAt
			if it.Proven {
				f.Proven, f.LastProven = 1, it.CreatedAt
				if !it.InPart {
					f.FullyProven, f.LastFully = 1, it.CreatedAt
				}
			}
		}
	case Failed:
		f.Finished = 1
	}
	add(facts, map[string]Facts{it.Row: f})
}

func add(to, more map[string]Facts) {
	for row, m := range more {
		f := to[row]
		f.Succeeded, f.Dated, f.Verified, f.Proven, f.Finished = f.Succeeded+m.Succeeded, f.Dated+m.Dated, f.Verified+m.Verified, f.Proven+m.Proven, f.Finished+m.Finished
		if m.LastVerified.After(f.LastVerified) {
			f.LastVerified = m.LastVerified
		}
		f.FullyProven += m.FullyProven
		if m.LastFully.After(f.LastFully) {
			f.LastFully = m.LastFully
		}
		if m.LastProven.After(f.LastProven) {
			f.LastProven = m.LastProven
		}
		to[row] = f
	}
}

// converges: once a decision was carried out, deciding again removes nothing more.
func converges(now time.Time, ds []Decision, p Policy) error {
	var left []Item
	for _, d := range ds {
		if !d.Remove {
			left = append(left, d.Item)
		}
	}
	for _, d := range Decide(now, left, p) {
		if d.Remove {
			return fmt.Errorf("a second run removes %+v: %v", d.Item, d.Reasons)
		}
	}
	return nil
}

// decode makes items and a policy of any bytes, with values that collide often.
func decode(data []byte) ([]Item, Policy) {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := int(data[0])
		data = data[1:]
		return b
	}
	p := Policy{KeepDays: next() - 3, MaxBackups: next()%12 - 1, MaxTotalBytes: int64(next())*10 - 10}
	if p.KeepDays == 200 {
		p.KeepDays = math.MaxInt
	}
	if p.Keep = keepersOf(next()); !p.Keep.Empty() && next()%2 == 0 {
		p.Sources = map[string]Policy{"b": {KeepDays: next() % 9, MaxBackups: next() % 4, Keep: keepersOf(next())}}
	}
	var items []Item
	for len(data) > 0 && len(items) < 300 {
		b := next()
		it := Item{ID: fmt.Sprint(len(items)), Row: string(rune('a' + b%3)), Verified: b&8 != 0, Locked: b&0xf0 == 0xf0, BeforeShrunk: b%16 == 9,
			Status: []Status{Success, Failed, InProgress, "", Success, Success}[(b>>4)%6], Size: int64(next()) - 5}
		it.CreatedAt = now.Add(time.Duration(20-next()) * 13 * time.Hour)
		it.LostRows = b%16 == 5
		it.Proven, it.InPart = b%7 == 2, b%3 == 1
		if b%16 == 6 {
			it.BeforeLost = it.CreatedAt.Add(13 * time.Hour)
		}
		it.Source, it.ObjectLocked = it.Row, b%17 == 3
		if b%5 == 1 {
			it.Labels = map[string]string{"keep": []string{"yes", "no"}[b%2]}
		}
		if b == 77 {
			it.CreatedAt = time.Time{}
		}
		items = append(items, it)
	}
	return items, p
}

func TestInvariants(t *testing.T) {
	check := func(data []byte, skew int16) bool {
		items, p := decode(data)
		if err := invariants(now.Add(time.Duration(skew)*time.Minute), items, p); err != nil {
			t.Errorf("%v with %+v", err, p)
			return false
		}
		return true
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte{10, 3, 20, 8, 1, 2, 24, 5, 60, 40, 9, 200, 77, 1, 1, 255, 3, 90}, int16(60))
	f.Fuzz(func(t *testing.T, data []byte, skew int16) {
		items, p := decode(data)
		if err := invariants(now.Add(time.Duration(skew)*time.Minute), items, p); err != nil {
			t.Fatal(err)
		}
	})
}

// TestJSON pins the names that programs see.
func TestJSON(t *testing.T) {
	b, err := json.Marshal(Reason{Code: RemoveExpired, Text: "old"})
	if err != nil || string(b) != `{"code":"expired","text":"old"}` {
		t.Errorf("%s %v", b, err)
	}
}
