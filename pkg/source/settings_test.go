package source

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
)

// What cannot be is refused by the name of its key, whatever door it came through.
func TestSettingsChecked(t *testing.T) {
	percent := 101
	for key, s := range map[string]Settings{
		"":                           {Schedule: "30 2 * * *", Zone: "Europe/Lisbon", MaxAge: "26h", Proofs: "weekly", Format: "custom", Rows: "binary", Jobs: 64, Tags: map[string]string{"team": "shop"}},
		"schedule":                   {Schedule: "at night"},
		"zone":                       {Zone: "Lisbon"},
		"zone and schedule":          {Zone: "Europe/Lisbon", Schedule: "CRON_TZ=UTC 0 2 * * *"},
		"maxAge":                     {MaxAge: "-3h"},
		"proofs":                     {Proofs: "hourly"},
		"format":                     {Format: "tar"},
		"rows":                       {Rows: "binary", Format: "plain"},
		"jobs":                       {Jobs: 65},
		"thresholds.rowsLostPercent": {Thresholds: Thresholds{RowsLostPercent: &percent}},
		"thresholds.rowsLostMinimum": {Thresholds: Thresholds{RowsLostMinimum: -1}},
		"tags":                       {Tags: map[string]string{"a=b": "c"}},
	} {
		s.Name = "shop"
		err := s.Check()
		if (err == nil) != (key == "") || err != nil && (!fault.HasReason(err, fault.InvalidInput) || !strings.HasPrefix(fault.From(err).Message, key+":")) {
			t.Errorf("%q: %v", key, err)
		}
	}
	for text, want := range map[string]time.Duration{"": 0, "26h": 26 * time.Hour, "7d": 7 * 24 * time.Hour, "h": 0, "+1h": 0, "3m": 0, "9999999d": 0} {
		age, ok := parseAge(text)
		if ok != (want > 0 || text == "") || ok && age != want {
			t.Errorf("%q: %s %t", text, age, ok)
		}
	}
}

// A source says when it is due in its own zone, by its own schedule or by the deployment's.
func TestPlans(t *testing.T) {
	summer := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	d := Settings{Schedule: "0 2 * * *", Jobs: 3, Tags: map[string]string{"team": "all", "kind": "night"}}
	for want, s := range map[string]Settings{
		"02:00": {}, "01:00": {Zone: "Europe/Lisbon"}, "05:30": {Schedule: "30 5 * * *"}, "never": {Schedule: Never},
	} {
		plan, ok, err := s.Or(d).Plan()
		got := "never"
		if ok {
			got = plan.Next(summer).UTC().Format("15:04")
		}
		if err != nil || got != want {
			t.Errorf("%+v: %s, want %s (%v)", s, got, want, err)
		}
	}
	own := Settings{Schedule: "CRON_TZ=Asia/Tokyo 0 9 * * *"}
	if plan, _, err := (Settings{Zone: "Europe/Lisbon"}).Or(own).Plan(); err != nil || plan.Next(summer).UTC().Hour() != 0 { // the default says its zone
		t.Errorf("%v: %s", err, plan)
	}
	if s := (Settings{Tags: map[string]string{"team": "shop"}}).Or(d); s.Jobs != 3 || s.Tags["team"] != "shop" || s.Tags["kind"] != "night" || !slices.Equal(s.Defaulted, []string{"schedule", "jobs"}) || len(d.Tags) != 2 || d.Tags["team"] != "all" {
		t.Errorf("%+v", s)
	}
}

// Which source a request means, and what is refused because nobody can tell.
func TestChoose(t *testing.T) {
	own := func(s Settings) string {
		return map[string]string{"env": "shopdb", "blog": "blogdb", "wiki": "wikidb"}[s.Name]
	}
	env := Settings{Name: "env"}
	file := func(name string) Settings {
		return Settings{Name: name, Connection: Connection{Env: "X"}, Origin: Origin{Kind: FromFile, File: "cofre.yaml", Line: 2}}
	}
	mixed := List{Sources: []Settings{env, file("blog"), file("wiki")}, Default: "env"}
	several := List{Sources: []Settings{file("blog"), file("wiki")}}
	single := List{Sources: []Settings{file("blog")}, Default: "blog"}
	for _, c := range []struct {
		list                     List
		name, database           string
		want, wantDatabase, fail string
	}{
		{list: mixed, want: "env"},
		{list: mixed, name: "blog", want: "blog"},
		{list: mixed, name: "other", want: "other"}, // a name for the environment's database
		{list: mixed, database: "shopdb", want: "env"},
		{list: mixed, database: "more", want: "more", wantDatabase: "more"},
		{list: mixed, name: "more", database: "more", want: "more", wantDatabase: "more"},
		{list: mixed, database: "wiki", fail: "which is another one (cofre.yaml, line 2)"},
		{list: several, fail: "2 sources, and none of them was named"},
		{list: several, name: "other", fail: `no source "other"`},
		{list: single, want: "blog"},
		{list: single, name: "other", fail: `no source "other"`},
		{list: single, database: "more", want: "blog", wantDatabase: "more"},
		{list: List{}, fail: "DATABASE_URL is not set"},
		{list: List{}, name: "blog", fail: "DATABASE_URL is not set"},
	} {
		got, err := c.list.Choose(c.name, c.database, own)
		switch {
		case c.fail != "":
			if !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(fault.From(err).Message, c.fail) {
				t.Errorf("%+v: %v", c, err)
			}
		case err != nil || got.Name != c.want || got.Database != c.wantDatabase:
			t.Errorf("%+v: %+v, %v", c, got, err)
		default: // a request that was kept means the same when it is read again
			if again, err := c.list.Choose(got.Name, c.database, own); err != nil || again.Name != got.Name || again.Database != got.Database || again.Connection != got.Connection {
				t.Errorf("%+v again: %+v, %v", c, again, err)
			}
		}
	}
	if s := mixed.Of("gone"); s.Name != "gone" || s.Connection != (Connection{}) {
		t.Errorf("%+v", s)
	}
}
