package backup_test

import (
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/postgres/postgrestest"
	"cofre/pkg/registry"
)

// changes has of each kind one: rows that are others and as many, a row that is there twice instead of another, a table that came, one that
// went, one that grew, one that shrank, another definition, a sequence, a large object.
const changes = `
CREATE TABLE other (i int); CREATE TABLE doubled (i int); CREATE TABLE gone (i int); CREATE TABLE grown (i int); CREATE TABLE shrunk (i int); CREATE TABLE redefined (i int); CREATE TABLE same (i int);
INSERT INTO other SELECT generate_series(1, 500); INSERT INTO doubled SELECT generate_series(1, 500); INSERT INTO gone VALUES (1); INSERT INTO grown VALUES (1); INSERT INTO shrunk SELECT generate_series(1, 100);
INSERT INTO redefined VALUES (1); INSERT INTO same SELECT generate_series(1, 100); CREATE SEQUENCE counted; SELECT lo_from_bytea(77, 'abc');`

const changed = `
UPDATE other SET i = 1000 WHERE i = 250; UPDATE doubled SET i = 1 WHERE i = 2; UPDATE doubled SET i = 3 WHERE i = 4; DROP TABLE gone; CREATE TABLE fresh (i int); INSERT INTO grown VALUES (2); DELETE FROM shrunk WHERE i > 8;
ALTER TABLE redefined ALTER i SET DEFAULT 7; SELECT nextval('counted'), lo_put(77, 0, 'x'); UPDATE same SET i = i; VACUUM FULL same;`

// A backup is compared with its database as it is: nothing differs at first, in either engine, with text and binary rows; then each change
// shows as what it is, and what only lies otherwise does not.
func TestDiffLive(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		url := testenv.Postgres(t, major).NewDatabase(t)
		testenv.LoadSQL(t, url, postgrestest.Nasty)
		testenv.LoadSQL(t, url, changes)
		w := open(t, "", url)
		many := open(t, w.dir, url, "BACKUP_ENGINE=parallel", "BACKUP_JOBS=2")
		text, binary, script := w.create(backup.Request{}), many.create(backup.Request{Rows: backup.RowsBinary}), w.create(backup.Request{Format: backup.FormatPlain})
		part := many.create(backup.Request{Selection: registry.Selection{Tables: []string{"public.other", "public.same"}}})
		objects := len(w.keys(""))
		live := func(w *world, b backup.Backup) backup.Difference {
			t.Helper()
			told := 0
			d, err := w.Service.DiffLive(t.Context(), b.ID, func(p backup.Progress) { told++ })
			if err != nil || told == 0 {
				t.Fatal(told, err)
			}
			if d.Before.ID != b.ID || d.After.ID != "" || d.After.Database != b.Database || d.After.CreatedAt.Before(b.CreatedAt) {
				t.Errorf("%+v", d.After)
			}
			return d
		}
		for _, w := range []*world{w, many} {
			for _, b := range []backup.Backup{text, binary, part} {
				if d := live(w, b); !d.Equal() || len(d.Notes) > 0 || d.SameTables < 2 {
					t.Errorf("%s: %+v", b.Rows, d.Diff)
				}
			}
		}
		if d := live(w, script); withData(d.Diff) || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "definitions were not compared") {
			t.Errorf("%+v", d.Diff)
		}
		testenv.LoadSQL(t, url, changed)
		for _, b := range []backup.Backup{text, binary} {
			d := live(many, b)
			got := map[string]contents.Change{}
			for _, x := range d.Tables {
				got[x.Name] = x.Change
			}
			for name, want := range map[string]contents.Change{"other": contents.Changed, "doubled": contents.Changed, "gone": contents.Went, "fresh": contents.Came, "grown": contents.Grew, "shrunk": contents.Shrank} {
				if got[name] != want {
					t.Errorf("%s: %q, not %q", name, got[name], want)
				}
			}
			definitions := func(name string, change contents.Change) bool {
				return slices.ContainsFunc(d.Definitions, func(x contents.DefinitionDiff) bool { return x.Name == name && x.Change == change && x.Kind == "TABLE" })
			}
			// pg_dump writes a default into the table's definition.
			if len(got) != 6 || len(d.Sequences) != 1 || d.LargeObjects == nil || d.LargeObjects.Change != contents.Changed || !definitions("redefined", contents.Changed) || !definitions("gone", contents.Went) || !definitions("fresh", contents.Came) {
				t.Errorf("%v, %+v", got, d.Diff)
			}
		}
		if d := live(many, part); len(d.Tables) != 1 || d.Tables[0].Name != "other" || len(d.Definitions) > 0 {
			t.Errorf("%+v", d.Diff)
		}
		if n := len(w.keys("")); n != objects {
			t.Errorf("%d objects, and before %d", n, objects)
		}
	}
}

// What the database is not known of, or another server's, is refused or said.
func TestDiffLiveOfAnother(t *testing.T) {
	url, other := newShop(t, 18), newShop(t, 17)
	w := open(t, "", url, "BACKUP_SOURCE=shop")
	b := w.create(backup.Request{})
	d, err := open(t, w.dir, other, "BACKUP_SOURCE=shop").Service.DiffLive(t.Context(), b.ID, nil)
	if err != nil || len(d.Tables) > 0 || len(d.Notes) != 2 || !strings.Contains(strings.Join(d.Notes, " "), "this connection reaches") {
		t.Errorf("%+v, %v", d.Diff, err)
	}
	_, err = open(t, w.dir, other, "BACKUP_SOURCE=crm").Service.DiffLive(t.Context(), b.ID, nil)
	if f := want(t, err, fault.Validation, fault.InvalidInput); !strings.Contains(f.Hint, "BACKUP_SOURCE=shop") {
		t.Error(f.Hint)
	}
	none := open(t, w.dir, "")
	_, err = none.Service.DiffLive(t.Context(), b.ID, nil)
	want(t, err, fault.Validation, fault.InvalidInput)
}
