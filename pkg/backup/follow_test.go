package backup_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/overview"
	"cofre/pkg/source"
)

// The databases of a server that match are sources of their own: new ones by themselves; what is gone is told, and never overdue; while the server
// cannot be asked, what was there is taken to be there.
func TestDatabasesAreFollowed(t *testing.T) {
	server := testenv.Postgres(t, 17)
	url := server.NewDatabase(t)
	names := []string{"fx_a", "fx_b", "fx_c", "fx_shut", "fx_tpl"}
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
	w.Service.Configured.Sources[0].Connection.File = "/nowhere"
	if all = look(); !slices.Equal(all.Names(), []string{"main/fx_b"}) || all.Followed[0].Err == nil || backup.CheckFollowed(all)[0].Result != backup.CheckWarning {
		t.Errorf("%+v", all)
	}
}
