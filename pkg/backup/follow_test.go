package backup_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/event"
	"cofre/pkg/overview"
	"cofre/pkg/source"
)

// The databases of a server that match are sources of their own: new ones by themselves; what is gone is told, and never overdue; while the server
// cannot be asked, what was there is taken to be there.
func TestDatabasesAreFollowed(t *testing.T) {
	server := testenv.Postgres(t, 17)
	url := server.NewDatabase(t)
	names := []string{"fx_a", "fx_b", "fx_c", "fx_shut", "fx_tpl", "fx_y", `"fx_c/fx_y"`, `"FX_B"`}
	drop := func() {
		server.Exec(t, "postgres", "UPDATE pg_database SET datistemplate = false WHERE datname = 'fx_tpl'")
		for _, name := range names {
			server.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		}
	}
	drop()
	t.Cleanup(drop)
	for _, sql := range []string{"CREATE DATABASE fx_a", "CREATE DATABASE fx_b", "CREATE DATABASE fx_shut ALLOW_CONNECTIONS false", "CREATE DATABASE fx_tpl IS_TEMPLATE true"} {
		server.Exec(t, "postgres", sql)
	}
	w := open(t, "", url)
	main := source.Settings{Name: "main", Databases: source.Patterns{"fx_*"}, Schedule: "0 2 * * *"}
	w.Service.Configured = source.List{Sources: []source.Settings{main}, Default: "main"}
	look := func() source.List {
		t.Helper()
		backup.AskServersAgain(w.Service)
		all, err := w.Service.Sources(t.Context())
		if err != nil || len(all.Followed) != 1 {
			t.Fatalf("%+v: %v", all, err)
		}
		return all
	}
	all := look()
	if !slices.Equal(all.Names(), []string{"main/fx_a", "main/fx_b"}) || all.Default != "" || len(all.Followed[0].LeftOut) != 2 {
		t.Fatalf("%+v", all)
	}
	if c := backup.CheckFollowed(all); len(c) != 1 || c[0].Result != backup.CheckOK || !strings.Contains(c[0].Detail, "2 databases") || !strings.Contains(c[0].Detail, "fx_tpl (a template)") || !strings.Contains(c[0].Detail, "fx_shut (it refuses connections)") {
		t.Errorf("%+v", c)
	}
	made, err := w.Service.CreateAll(t.Context(), backup.AllOptions{})
	if err != nil || made.Err() != nil || len(made.Made) != 2 || made.Made[0].Backup.Source != "main/fx_a" || made.Made[0].Backup.Database != "fx_a" {
		t.Fatalf("%+v: %v", made, err)
	}
	server.Exec(t, "postgres", "DROP DATABASE fx_a WITH (FORCE)")
	server.Exec(t, "postgres", "CREATE DATABASE fx_c")
	if all = look(); !slices.Equal(all.Names(), []string{"main/fx_b", "main/fx_c"}) {
		t.Fatalf("%+v", all)
	}
	if err := w.Service.NoteVanished(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	later := time.Now().AddDate(0, 1, 0)
	w.Service.Now = func() time.Time { return later }
	o, err := w.Service.Overview(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, there := o.Source("main/fx_a"), o.Source("main/fx_b")
	if gone == nil || gone.Overdue || gone.Vanished.IsZero() || gone.Vanished.After(time.Now()) || !slices.ContainsFunc(gone.Findings, func(f overview.Finding) bool { return f.Code == overview.Gone }) || !there.Overdue || !there.Vanished.IsZero() {
		t.Errorf("%+v\n%+v", gone, there)
	}
	// People are told of it once, and of nothing else about it; that it failed before is not over by that.
	held, covers := w.Service.Conditions(o)
	var told []event.Condition
	for _, c := range held {
		if c.Source == "main/fx_a" {
			told = append(told, c)
		}
	}
	if len(told) != 1 || told[0].Kind != event.Vanished || told[0].Once == "" || told[0].Detail == "" || covers("main/fx_a") {
		t.Errorf("%+v", told)
	}
	// Names that meet: a database whose name holds a /, one of another followed source, and one that differs by case from one that was there before.
	for _, sql := range []string{`CREATE DATABASE fx_y`, `CREATE DATABASE "fx_c/fx_y"`, `CREATE DATABASE "FX_B"`} {
		server.Exec(t, "postgres", sql)
	}
	w.Service.Configured.Sources = []source.Settings{{Name: "main", Databases: source.Patterns{"fx_?", "FX_?", "fx_c/*"}}, {Name: "main/fx_c", Databases: source.Patterns{"fx_y"}}}
	backup.AskServersAgain(w.Service)
	if all, err = w.Service.Sources(t.Context()); err != nil || !slices.Equal(all.Names(), []string{"main/fx_b", "main/fx_c/fx_y", "main/fx_y"}) || all.Sources[1].Database != "fx_c/fx_y" {
		t.Errorf("%+v: %v", all, err)
	}
	if c := backup.CheckFollowed(all); len(c) != 2 || c[0].Result != backup.CheckWarning || !strings.Contains(c[0].Detail, "3 databases") || !strings.Contains(c[0].Detail, "FX_B (its name differs from that of fx_b by case alone)") ||
		c[1].Result != backup.CheckWarning || !strings.Contains(c[1].Detail, "no database") || !strings.Contains(c[1].Detail, "fx_y (another source is named main/fx_c/fx_y)") {
		t.Errorf("%+v", c)
	}
	server.Exec(t, "postgres", "DROP DATABASE fx_c")
	w.Service.Configured.Sources = []source.Settings{main}
	w.Service.Configured.Sources[0].Connection.File = "/nowhere"
	if all = look(); !slices.Equal(all.Names(), []string{"main/fx_b"}) || all.Followed[0].Err == nil || backup.CheckFollowed(all)[0].Result != backup.CheckWarning {
		t.Errorf("%+v", all)
	}
	// What nobody knows of is not backed up, and that is no success.
	w.Service.Configured.Sources[0].Name = "another"
	backup.AskServersAgain(w.Service)
	if made, err = w.Service.CreateAll(t.Context(), backup.AllOptions{}); err != nil || !slices.Equal(made.Failed(), []string{"another"}) || !strings.Contains(made.Made[0].Err.Error(), "cannot be asked which databases it has") {
		t.Errorf("%+v: %v", made, err)
	}
	for _, name := range []string{"another", ""} {
		if _, err := w.Service.Create(t.Context(), backup.Request{Source: name}, nil); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := w.Service.TestSource(t.Context(), "another"); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
		t.Errorf("%v", err)
	}
	w.Service.Configured.Sources[0].Paused = true
	if made, err = w.Service.CreateAll(t.Context(), backup.AllOptions{}); err == nil || len(made.Made) != 0 {
		t.Errorf("%+v: %v", made, err)
	}
}
