package backup_test

import (
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/event"
	"cofre/pkg/source"
)

// That a database is gone is one piece of news, however many look, however old what they know is, and at whatever moment. It comes back, and goes
// again: that is another one. What no pattern matches any more is not gone.
func TestGoneIsToldOnce(t *testing.T) {
	server := testenv.Postgres(t, 17)
	url := server.NewDatabase(t)
	make := func() { server.Exec(t, "postgres", "CREATE DATABASE vn_a") }
	drop := func() { server.Exec(t, "postgres", "DROP DATABASE IF EXISTS vn_a WITH (FORCE)") }
	drop()
	t.Cleanup(drop)
	make()
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	one := open(t, "", url)
	two := open(t, one.dir, url)
	both := []*world{one, two}
	for _, w := range both {
		w.Service.Now = func() time.Time { return now }
		w.Service.Configured = source.List{Sources: []source.Settings{{Name: "main", Databases: source.Patterns{"vn_*"}, Schedule: "0 2 * * *"}}, Default: "main"}
	}
	told := map[string]bool{} // by the moment
	look := func(w *world) {
		t.Helper()
		o, err := w.Service.Overview(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		held, _ := w.Service.Conditions(o)
		for _, c := range held {
			if c.Kind == event.Vanished {
				told[c.Source+" "+c.Once] = true
			}
		}
	}
	sources := func(w *world) source.List {
		t.Helper()
		all, err := w.Service.Sources(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	note := func(w *world, all source.List) {
		t.Helper()
		if err := w.Service.NoteVanished(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	vanished := func() time.Time {
		t.Helper()
		rec, err := one.Service.Registry.Source(t.Context(), "main/vn_a")
		if err != nil {
			t.Fatal(err)
		}
		return rec.Vanished
	}
	expect := func(what string, n int, gone bool) {
		t.Helper()
		now = now.Add(2 * time.Second)
		for _, w := range both {
			look(w)
		}
		if len(told) != n || vanished().IsZero() == gone {
			t.Errorf("%s: told %v, on record %v", what, told, vanished())
		}
	}
	if _, err := one.Service.NoteSources(t.Context(), sources(one).Names()); err != nil {
		t.Fatal(err)
	}
	there := sources(two)
	expect("it is there", 0, false)

	drop()
	backup.AskServersAgain(one.Service)
	gone := sources(one)
	expect("gone, and not on record", 0, false)
	note(one, gone)
	expect("on record", 1, true)
	note(two, there)
	expect("another process asked before", 1, true)
	backup.AskServersAgain(two.Service)
	note(two, gone)
	note(one, gone)
	expect("others find it too", 1, true)

	make()
	note(one, gone)
	expect("what was said before is no reason", 1, true)
	now = now.Add(2 * time.Minute)
	note(one, sources(one))
	expect("it came back", 1, false)
	note(two, gone)
	expect("another process asked before it came back", 1, false)

	now = now.Add(2 * time.Minute)
	drop()
	note(one, sources(one))
	now = now.Add(2 * time.Minute)
	expect("gone again", 2, true)
	for _, w := range both { // as a process that may not ask the server: what is on record holds
		w.Service.Configured.Sources[0].Connection.File = "/nowhere"
	}
	now = now.Add(2 * time.Minute)
	note(one, sources(one))
	expect("nobody can ask", 2, true)
	o, err := one.Service.Overview(t.Context(), nil)
	if s := o.Source("main/vn_a"); err != nil || s == nil || s.Vanished.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}

	make()
	for _, w := range both {
		w.Service.Configured.Sources[0].Connection.File = ""
		w.Service.Configured.Sources[0].Databases = source.Patterns{"vn_*", "!vn_a"}
	}
	now = now.Add(2 * time.Minute)
	note(one, sources(one))
	expect("no pattern matches it", 2, false)
}
