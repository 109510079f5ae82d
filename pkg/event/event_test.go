package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var monday = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func at(days, hours int) time.Time { return monday.Add(time.Duration(days*24+hours) * time.Hour) }

func all(string) bool { return true }

// story runs a state through a series of looks and notes what is told.
type story struct {
	state State
	told  []string
}

func (s *story) look(now time.Time, held ...Condition) {
	next, _ := s.state.Next(now, held, all)
	for _, e := range next.Pending {
		s.told = append(s.told, fmt.Sprintf("%s %s %s", now.Sub(monday), e.Severity, e.Say(English, nil).Title))
	}
	s.state = next
}

func (s *story) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.told, want) {
		t.Errorf("told was\n%s\nwant\n%s", strings.Join(s.told, "\n"), strings.Join(want, "\n"))
	}
}

func failing(count int, s Severity) Condition {
	return Condition{Kind: BackupFailed, Source: "shop", Severity: s, Since: monday, Count: count}
}

// An hourly backup that fails for three days is told when it begins, when it gets serious, once a day, and when it is over; however
// often somebody looks.
func TestWhatLastsIsToldOnceADay(t *testing.T) {
	var s story
	for h := range 60 {
		c := failing(h+1, Critical)
		if h == 0 {
			c = failing(1, Warning)
		}
		s.look(at(0, h), c)
		s.look(at(0, h).Add(time.Minute), c)
	}
	s.look(at(0, 60))
	s.look(at(0, 61))
	s.expect(t, "0s warning shop: backup failed", "1h0m0s critical shop: backup failed", "24h0m0s critical shop: still failing, day 2", "48h0m0s critical shop: still failing, day 3",
		"60h0m0s info shop: recovered")
}

// What is failing and overdue is one recovery, when both are over; each source has its own.
func TestRecoversOnce(t *testing.T) {
	var s story
	late := Condition{Kind: Overdue, Source: "shop", Severity: Critical, Since: at(0, 2)}
	s.look(at(0, 3), failing(2, Critical), late, Condition{Kind: Overdue, Source: "blog", Severity: Critical, Since: at(0, 1)})
	s.look(at(0, 4), failing(2, Critical))
	s.look(at(0, 5))
	s.look(at(0, 6))
	s.expect(t, "3h0m0s critical shop: backup failed", "3h0m0s critical shop: backup is overdue", "3h0m0s critical blog: backup is overdue",
		"4h0m0s info blog: recovered", "5h0m0s info shop: recovered")
	if len(s.state.Open) != 0 {
		t.Errorf("open are %+v", s.state.Open)
	}
}

// A warning is told once a week, one backup's loss of rows once, damage whenever there is more of it.
func TestWarnings(t *testing.T) {
	var s story
	damaged := func(n int) Condition { return Condition{Kind: Damaged, Source: "shop", Severity: Warning, Count: n} }
	lost := Condition{Kind: RowsLost, Source: "shop", Severity: Warning, Once: "a"}
	for d := range 9 {
		held := []Condition{damaged(1 + d/4), lost}
		if d > 5 {
			held[1].Once = "b"
		}
		s.look(at(d, 0), held...)
	}
	s.look(at(9, 0), damaged(2))
	s.expect(t, "0s warning shop: 1 damaged", "0s warning shop: tables lost rows", "96h0m0s warning shop: 2 damaged",
		"144h0m0s warning shop: tables lost rows", "168h0m0s warning shop: still 2 damaged, day 8", "192h0m0s warning shop: still 3 damaged, day 8")
}

// Two that look at once come to the same, and one who finds nothing new writes nothing.
func TestNextChanges(t *testing.T) {
	var s State
	one, changed := s.Next(at(0, 1), []Condition{failing(1, Warning)}, all)
	if !changed || len(one.Pending) != 1 || one.Pending[0].Since != monday || one.Pending[0].Day != 1 {
		t.Fatalf("%v %+v", changed, one)
	}
	one.Pending = nil
	if again, changed := one.Next(at(0, 2), []Condition{failing(5, Warning)}, all); changed || len(again.Pending) != 0 || !reflect.DeepEqual(again.Open, one.Open) {
		t.Errorf("%v %+v", changed, again)
	}
	others := func(source string) bool { return source != "shop" }
	if two, changed := one.Next(at(3, 0), nil, others); changed || !reflect.DeepEqual(two.Open, one.Open) {
		t.Errorf("who knows nothing of the source says: %v %+v", changed, two)
	}
	data, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseState(data); err != nil || !reflect.DeepEqual(back.Open, one.Open) {
		t.Errorf("%+v %v", back, err)
	}
}

// Whoever may write to the bucket silences nothing that lasts, by no date and no number of days; and a state can always be written again.
func TestPlantedState(t *testing.T) {
	c := failing(3, Critical)
	for _, open := range []string{`"since":"9999-12-31T23:59:59-23:00","day":1`, `"since":"0000-01-01T00:00:00+23:00","day":1`, `"since":"2300-01-01T00:00:00Z","day":1`, `"since":"2026-11-01T00:00:00Z","day":9223372036854775807`, `"day":7`} {
		s, err := ParseState([]byte(`{"version":1,"open":[{"kind":"backup_failed","source":"shop","severity":"critical",` + open + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for d := range 3 {
			s, _ = s.Next(at(d, 2), []Condition{c}, all)
			told += len(s.Pending)
			data, err := json.Marshal(s)
			if err != nil {
				t.Fatalf("%s: %v", open, err)
			}
			s.Pending = nil
			if _, err := ParseState(data); err != nil {
				t.Errorf("%s: %v", open, err)
			}
		}
		if told < 2 {
			t.Errorf("%s: told %d times in three days", open, told)
		}
	}
	e := Event{Kind: BackupFailed, Source: "shop"}.Ready(monday)
	e.At = e.At.In(time.FixedZone("", -23*3600))
	data, _ := json.Marshal(e)
	for _, year := range []string{`"at":"9999-12-31T23:59:59-23:00"`, `"at":"2026-11-23T02:00:00Z","since":"9999-12-31T23:59:59-23:00"`} {
		planted := regexp.MustCompile(`"at":"[^"]*"`).ReplaceAll(data, []byte(year))
		if e, err := Parse(planted); err == nil {
			t.Errorf("an event cannot be written again: %+v", e)
		}
	}
}

// A digest is made once a day, or week, after eight; the first one at its next time.
func TestDigests(t *testing.T) {
	var s State
	var made []string
	for h := range 24 * 9 {
		for _, p := range []string{Daily, Weekly} {
			if due, _ := s.Due(p, at(0, h)); due {
				made = append(made, fmt.Sprintf("%s %s", p, at(0, h).Format("Mon 15h")))
			}
		}
	}
	want := "daily Mon 08h, weekly Mon 08h, daily Tue 08h, daily Wed 08h, daily Thu 08h, daily Fri 08h, daily Sat 08h, daily Sun 08h, daily Mon 08h, weekly Mon 08h, daily Tue 08h"
	if got := strings.Join(made, ", "); got != want {
		t.Errorf("made were\n%s\nwant\n%s", got, want)
	}
}

// Filters: a recovery passes where what is over did.
func TestFilter(t *testing.T) {
	failed := Event{Kind: BackupFailed, Source: "shop", Severity: Critical}
	over := Event{Kind: Recovered, Source: "shop", Severity: Info, Was: Critical, Over: []Kind{BackupFailed}}
	done := Event{Kind: BackupEnded, Source: "blog-eu", Severity: Info}
	digest := Event{Kind: Digest, Severity: Info, Summary: &Summary{Period: Weekly}}
	full := Event{Kind: QuotaNear, Severity: Warning}
	followed := Event{Kind: Overdue, Severity: Critical, Source: "main/shop"}
	for name, c := range map[string]struct {
		f    Filter
		want []Event
	}{
		"nothing said": {Filter{}, []Event{failed, over, full, followed}},
		"all":          {Filter{Least: Info, Digest: Weekly}, []Event{failed, over, done, digest, full, followed}},
		"serious":      {Filter{Least: Critical, Digest: Daily}, []Event{failed, over, followed}},
		"kinds":        {Filter{Kinds: []Kind{BackupFailed}, Least: Info}, []Event{failed, over}},
		"other kinds":  {Filter{Kinds: []Kind{Overdue, BackupEnded}, Least: Info}, []Event{done, followed}},
		"sources":      {Filter{Sources: []string{"blog-*"}, Least: Info}, []Event{done, full}},
		"followed":     {Filter{Sources: []string{"main"}}, []Event{full, followed}},
		"anything":     {Filter{Sources: []string{"*"}, Least: Critical}, []Event{failed, over, followed}},
		"one source":   {Filter{Sources: []string{"shop", "[x"}}, []Event{failed, over, full}},
	} {
		var got []Event
		for _, e := range []Event{failed, over, done, digest, full, followed} {
			if c.f.Takes(e) {
				got = append(got, e)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: passed were %+v", name, got)
		}
		if !c.f.Takes(Event{Kind: Test}) {
			t.Errorf("%s: no test passes", name)
		}
	}
}

// Each catalogue has words for everything, and every parameter is filled in.
func TestSay(t *testing.T) {
	for _, l := range Languages() {
		w := catalogues[l]
		for _, k := range append(Kinds(), Test) {
			for _, source := range []string{"", "shop"} {
				e := Event{Kind: k, Source: source, Severity: Warning, At: at(3, 0), Day: 3, Count: 2, Bytes: 3 << 30, Limit: 4 << 30, Duration: 65_000, Since: monday, Over: []Kind{Overdue}, Detail: "no route\nto host", Target: "app.orders", By: "ana", Resource: "01J"}
				text := e.Say(l, nil)
				if text.Title == "" || slices.Contains(text.Lines, "") || strings.ContainsAny(text.String(), "{}") || strings.Contains(text.String(), "route\n") {
					t.Errorf("%s %s %q: %q", l, k, source, text)
				}
				if e.Day = 1; w.titles[k] == "" {
					t.Errorf("%s: %s has no title", l, k)
				}
			}
			if curable(k) && (w.still[k] == "" || w.names[k] == "") {
				t.Errorf("%s: %s has no words for its second day, or no name", l, k)
			}
		}
		for name, other := range catalogues[English].lines {
			if strings.Count(w.lines[name], "{") != strings.Count(other, "{") || w.lines[name] == "" {
				t.Errorf("%s: %q is %q", l, name, w.lines[name])
			}
		}
	}
	e := Event{Kind: BackupFailed, Source: "loja", Severity: Critical, At: at(2, 5), Since: monday, Day: 3, Count: 51, Detail: "connection refused", Resource: "01JH5W0R"}
	want := "loja: continua falhando, dia 3\nconnection refused\n51 falhas seguidas\ndesde 23/11/2026 02:00 UTC\nID: 01JH5W0R"
	if got := e.Say(Portuguese, nil).String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	d := Event{Kind: Digest, Summary: &Summary{Period: Daily, Sources: 3, Succeeded: 70, Failed: 2, Bytes: 1536 << 20, Open: []Problem{{Kind: Overdue, Source: "blog", Since: monday}}, More: 1}}
	want = "Daily summary: 2 to look at\n3 sources; 70 backups made, 2 failed or missed; 1.5 GB stored\n- blog: overdue (since 2026-11-23 02:00 UTC)\nand 1 more"
	if got := d.Say("xx", nil).String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// What is read from the bucket is an event with bounded texts, or an error.
func FuzzParse(f *testing.F) {
	good, _ := json.Marshal(Event{Kind: BackupFailed, Source: "shop", Detail: strings.Repeat("é", 900)}.Ready(monday))
	state, _ := json.Marshal(State{Version: 1, Open: []Open{{Kind: Overdue, Source: "a"}}, Pending: []Event{Event{Kind: Digest, Summary: &Summary{}}.Ready(monday)}})
	f.Add(good)
	f.Add(state)
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := Parse(data); err == nil {
			if len(e.Detail) > maxText || len(e.Source) > maxName || !ValidID(e.ID) {
				t.Errorf("%+v", e)
			}
			e.Say(English, nil)
			again, err := json.Marshal(e)
			if err == nil && len(again) <= MaxSize {
				_, err = Parse(again)
			}
			if err != nil {
				t.Errorf("%s: %v", again, err)
			}
		}
		if s, err := ParseState(data); err == nil {
			s.Next(monday, []Condition{failing(1, Critical)}, all)
		}
	})
}

func TestParse(t *testing.T) {
	e := Event{Kind: BackupFailed, Source: "shop", Detail: strings.Repeat("é", 900)}.Ready(monday)
	data, _ := json.Marshal(e)
	if back, err := Parse(data); err != nil || !reflect.DeepEqual(back, e) || len(e.Detail) > maxText || TimeOf(e.ID) != monday {
		t.Errorf("%+v %v", back, err)
	}
	for _, bad := range []string{"", "{}", "[]", `{"version":1,"id":"x","kind":"test","severity":"info","at":"2026-11-23T02:00:00Z"}`, strings.Replace(string(data), "backup_failed", "party", 1), strings.Replace(string(data), `"info"`, `"?"`, 1),
		strings.Replace(string(data), `"version":1`, `"version":2`, 1), strings.Repeat(" ", MaxSize) + string(data)} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%.80q is an event", bad)
		}
	}
}

// What comes from outside neither makes lines nor turns words round.
func TestLine(t *testing.T) {
	e := Event{Kind: BackupFailed, Source: "a\u202egpj\u2066\u200f", Severity: Warning, Detail: "x\u202ey\u2028z", Resource: "i\nd"}.Ready(time.Unix(0, 0))
	if s := e.Say(English, nil).String(); s != "a gpj: backup failed\nx y z\nID: i d" {
		t.Errorf("%q", s)
	}
}

// However much begins or ends at once, each of it is told, some of it a little later.
func TestMoreThanAtOnce(t *testing.T) {
	var held []Condition
	for i := range maxPending + 100 {
		held = append(held, Condition{Kind: Overdue, Source: fmt.Sprintf("s%d", i), Severity: Critical})
	}
	everything := func(string) bool { return true }
	var s State
	told := map[Kind]map[string]bool{Overdue: {}, Recovered: {}}
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	for _, now := range [][]Condition{held, held, held, nil, nil, nil} {
		at = at.Add(time.Minute)
		s, _ = s.Next(at, now, everything)
		for _, e := range s.Pending {
			if told[e.Kind][e.Source] {
				t.Errorf("%s of %s is told twice", e.Kind, e.Source)
			}
			told[e.Kind][e.Source] = true
		}
		s.Pending = nil
	}
	if len(told[Overdue]) != len(held) || len(told[Recovered]) != len(held) || len(s.Open) != 0 {
		t.Errorf("of %d sources %d are told, and %d are well again; %d are left", len(held), len(told[Overdue]), len(told[Recovered]), len(s.Open))
	}
}

// A server whose databases are followed goes away, and comes back: that is a handful of messages, nobody is told that something is well which is not,
// and who is told of one of the databases alone is told of it.
func TestGroup(t *testing.T) {
	const all = 300
	name := func(i int) string { return fmt.Sprintf("main/%03d", i) }
	holding := func(from, to int) (held []Condition) {
		if to-from < 4 {
			for i := from; i < to; i++ {
				held = append(held, Condition{Kind: BackupFailed, Source: name(i), Group: "main", Severity: Warning, Count: 1})
			}
			return held
		}
		c := Condition{Kind: BackupFailed, Source: "main", Severity: Warning, Count: to - from}
		for i := from; i < to; i++ {
			c.Members = append(c.Members, name(i))
		}
		return append(held, c)
	}
	var s State
	var told []Event
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	look := func(from, to int) {
		at = at.Add(10 * time.Second)
		s, _ = s.Next(at, holding(from, to), func(string) bool { return true })
		told, s.Pending = append(told, s.Pending...), nil
	}
	for i := range all {
		look(0, i+1)
	}
	var said []string
	for _, e := range told {
		said = append(said, fmt.Sprintf("%s %s %d", e.Kind, e.Source, len(e.Sources)+e.Others))
	}
	if got := strings.Join(said, ", "); got != "backup_failed main/000 0, backup_failed main/001 0, backup_failed main/002 0, backup_failed main 4, backup_failed main 8, backup_failed main 16, backup_failed main 32, backup_failed main 64, backup_failed main 128, backup_failed main 256" {
		t.Errorf("told were %s", got)
	}
	last := told[len(told)-1]
	for _, pattern := range []string{"main", "main/005", "main/255", "*", "main/2*"} { // the one before the last is behind those that are named
		if !(Filter{Sources: []string{pattern}}).Takes(last) {
			t.Errorf("who is told of %s is not told of %s and %d others", pattern, last.Sources, last.Others)
		}
	}
	if (Filter{Sources: []string{"blog", "mai"}}).Takes(last) {
		t.Error("others are told")
	}
	if data, err := json.Marshal(last); err != nil || len(data) > MaxSize {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	told = nil
	for i := range all {
		look(i, all)
	}
	well := map[string]bool{}
	for _, e := range told {
		well[e.Source] = well[e.Source] || e.Kind == Recovered
	}
	if len(told) > 9 || well["main"] {
		t.Errorf("while others are not well yet, told are %+v", told)
	}
	look(all, all)
	for _, e := range told {
		well[e.Source] = well[e.Source] || e.Kind == Recovered
	}
	if !well["main"] || !well["main/000"] || !well[name(all-1)] || len(s.Open) != 0 {
		t.Errorf("%+v is told, %+v is open", told, s.Open)
	}
}

// Several databases go at once, which is one message; some come back: of those that are still gone nobody is told again.
func TestGroupThatShrinks(t *testing.T) {
	one := func(name, once string) Condition {
		return Condition{Kind: Vanished, Source: name, Group: "main", Once: once, Severity: Warning}
	}
	var s story
	s.look(at(0, 1), Condition{Kind: Vanished, Source: "main", Once: "1", Severity: Warning, Count: 4, Members: []string{"main/a", "main/b", "main/c", "main/d"}})
	for range 2 {
		s.look(at(0, 2), one("main/b", "1"), one("main/c", "1"), one("main/d", "1"))
	}
	s.look(at(0, 3), one("main/c", "1"))
	s.look(at(0, 4))
	s.look(at(0, 5), one("main/c", "2"))
	s.expect(t, "1h0m0s warning main: 4 databases are gone", "5h0m0s warning main/c: the database is gone")
}
