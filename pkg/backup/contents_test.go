package backup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// contentsOf reads what a backup contains.
func (w *world) contentsOf(b backup.Backup) *contents.Contents {
	w.t.Helper()
	_, c, err := w.Service.Contents(w.t.Context(), b.ID)
	if err != nil {
		w.t.Fatalf("contents of %s: %v (record %+v)", b.ID, err, b.Contents)
	}
	return c
}

// answers gives the first column of what psql answers.
func answers(t *testing.T, url, sql string) []string {
	t.Helper()
	cmd := exec.Command(filepath.Join(testenv.ClientBin(testenv.NewestMajor), "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "--dbname="+url)
	cmd.Stdin = strings.NewReader(sql)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

// What is counted while a backup flows by is what the server counts, in both formats and by every server; after a restore the new
// database's backup contains the same, down to definitions.
func TestContents(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		source := testenv.Postgres(t, major).NewDatabase(t)
		testenv.LoadFile(t, source, filepath.Join(testenv.Root(), "pkg/postgres/postgrestest/nasty.sql"))
		w := open(t, "", source)
		b := w.create(backup.Request{})
		c := w.contentsOf(b)
		t.Run(fmt.Sprintf("%d/counted", major), func(t *testing.T) {
			var tables []contents.Table
			var sql strings.Builder
			for _, x := range c.Tables {
				if !x.Data {
					continue
				}
				tables = append(tables, x)
				fmt.Fprintf(&sql, "SELECT count(*) FROM ONLY %s.%s;\n", quote(x.Schema), quote(x.Name))
				if x.Rows > 0 && (x.Bytes < x.Rows || x.Hash == contents.Sum{} || x.Stored <= 0 || x.Offset <= 0 || x.ReadAt.IsZero()) {
					t.Errorf("%+v", x)
				}
			}
			for i, got := range answers(t, source, sql.String()) {
				if x := tables[i]; got != fmt.Sprint(x.Rows) {
					t.Errorf("%s: counted %d rows, the server says %s", x.Label(), x.Rows, got)
				}
			}
			if len(tables) < 20 || b.Contents.Tables != len(tables) || b.Contents.Rows != c.Totals().Rows || len(c.Sequences) < 3 || len(c.Definitions) < 100 {
				t.Errorf("%d tables, %d sequences, %d definitions; record %+v", len(tables), len(c.Sequences), len(c.Definitions), b.Contents)
			}
			if n := answers(t, source, "SELECT count(*) FROM pg_largeobject_metadata")[0]; c.LargeObjects == nil || fmt.Sprint(c.LargeObjects.Count) != n {
				t.Errorf("large objects %+v, the server says %s", c.LargeObjects, n)
			}
		})
		t.Run(fmt.Sprintf("%d/restored", major), func(t *testing.T) {
			target := testenv.Postgres(t, major).NewDatabase(t)
			if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target}); err != nil {
				t.Fatal(err)
			}
			again := open(t, "", target)
			d := contents.Compare(c, again.contentsOf(again.create(backup.Request{})))
			// A column that its parent got later stands last in a child, and first after a restore.
			if len(d.Tables) != 1 || d.Tables[0].Name != "child" || d.Tables[0].Change != contents.Unknown || len(d.Notes) != 1 {
				t.Errorf("restored and backed up again, tables differ: %+v (%q)", d.Tables, d.Notes)
			}
			for _, x := range d.Definitions {
				if x.Name != "child" {
					t.Errorf("restored and backed up again: %+v", x)
				}
			}
			if len(d.Sequences) > 0 || d.LargeObjects != nil || d.SameTables < 20 {
				t.Errorf("restored and backed up again it differs: %+v", d)
			}
		})
		if major != testenv.NewestMajor {
			continue
		}
		for _, engine := range []string{"pg_dump", "parallel"} { // counted from what is decompressed beside, and as it was read
			t.Run(fmt.Sprintf("%d/%s", major, engine), func(t *testing.T) {
				one := open(t, w.dir, source, "BACKUP_ENGINE="+engine)
				if d := contents.Compare(c, one.contentsOf(one.create(backup.Request{}))); !d.Equal() || len(d.Notes) > 0 || d.SameTables < 20 {
					t.Errorf("it counts otherwise: %+v", d)
				}
			})
		}
		t.Run(fmt.Sprintf("%d/plain", major), func(t *testing.T) {
			p := w.contentsOf(w.create(backup.Request{Format: "plain"}))
			if d := contents.Compare(c, p); len(d.Tables)+len(d.Sequences) > 0 && withData(d) || d.LargeObjects != nil {
				t.Errorf("as SQL it differs: %+v", d)
			}
		})
		t.Run(fmt.Sprintf("%d/validated", major), func(t *testing.T) {
			v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{})
			if err != nil || !v.Valid || len(v.Notes) > 0 || v.Contents.Rows != b.Contents.Rows {
				t.Errorf("%+v (%v)", v, err)
			}
		})
	}
}

// withData reports whether a difference is one of rows: a script does not say which tables there are without any.
func withData(d *contents.Diff) bool {
	for _, x := range d.Tables {
		if x.Before != nil || x.After != nil {
			return true
		}
	}
	return len(d.Sequences) > 0
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// What changes between two backups shows, and what only lies otherwise does not.
func TestContentsDiffer(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	w := open(t, "", url)
	before := w.create(backup.Request{})
	testenv.LoadSQL(t, url, `
CLUSTER sales.invoice USING invoice_pkey; ALTER TABLE sales.invoice SET WITHOUT CLUSTER;
UPDATE sales.invoice SET total = total WHERE id % 3 = 0; VACUUM FULL sales.invoice;`)
	moved := w.create(backup.Request{})
	if d := w.diff(before, moved); !d.Equal() || d.SameTables == 0 {
		t.Errorf("rows that only moved: %+v", d)
	}
	if moved.Contents.Compared != before.ID || moved.Contents.Lost != 0 {
		t.Errorf("record %+v", moved.Contents)
	}
	testenv.LoadSQL(t, url, `
ALTER TABLE sales.invoice DROP CONSTRAINT invoice_customer_fkey;
ALTER TABLE sales.customer DROP CONSTRAINT customer_pkey;
INSERT INTO sales.customer OVERRIDING SYSTEM VALUE SELECT * FROM sales.customer WHERE id = 7;
DELETE FROM sales.invoice WHERE id > 240;
CREATE TABLE sales.fresh (a int);
UPDATE pg_largeobject SET data = '\x00';`)
	after := w.create(backup.Request{})
	got := map[string]contents.Change{}
	d := w.diff(moved, after)
	for _, x := range d.Tables {
		got[x.Label()] = x.Change
	}
	if len(got) != 3 || got["sales.customer"] != contents.Grew || got["sales.invoice"] != contents.Shrank || got["sales.fresh"] != contents.Came {
		t.Errorf("tables %v", got)
	}
	if d.Tables[0].Label() != "sales.invoice" {
		t.Errorf("the one that lost most is not the first: %+v", d.Tables)
	}
	if d.LargeObjects == nil || d.LargeObjects.Change != contents.Changed {
		t.Errorf("large objects %+v", d.LargeObjects)
	}
	changes := map[string]contents.Change{}
	for _, x := range d.Definitions {
		changes[x.Kind+" "+x.Name] = x.Change
	}
	if changes["FK CONSTRAINT invoice invoice_customer_fkey"] != contents.Went || changes["TABLE fresh"] != contents.Came {
		t.Errorf("definitions %v", changes)
	}
	// The alarm.
	c := after.Contents
	if c.Compared != moved.ID || c.Lost != 1 || len(c.Warnings) != 1 || c.Warnings[0] != (registry.RowsLost{Table: "sales.invoice", Before: 3000, After: 240, Percent: 92}) {
		t.Errorf("record %+v", c)
	}
	// As many rows, but others.
	testenv.LoadSQL(t, url, `UPDATE sales.invoice SET total = 0 WHERE id = 1; DROP TABLE sales.fresh; ALTER TABLE sales.customer ADD note text`)
	last := w.create(backup.Request{})
	d = w.diff(after, last)
	got = map[string]contents.Change{}
	for _, x := range d.Tables {
		got[x.Label()] = x.Change
	}
	if len(got) != 3 || got["sales.invoice"] != contents.Changed || got["sales.fresh"] != contents.Went || got["sales.customer"] != contents.Changed {
		t.Errorf("tables %v", got)
	}
	if last.Contents.Lost != 0 {
		t.Errorf("record %+v", last.Contents)
	}
}

func (w *world) diff(a, b backup.Backup) *contents.Diff {
	w.t.Helper()
	return contents.Compare(w.contentsOf(a), w.contentsOf(b))
}

// Contents that were changed, or put in the place of others, are refused, and the backup is none the worse.
func TestContentsTampered(t *testing.T) {
	w := openMinIO(t, newShop(t, testenv.NewestMajor))
	a, b := w.create(backup.Request{}), w.create(backup.Request{})
	other, _, err := w.Store.Get(t.Context(), registry.ContentsKey(a))
	if err != nil {
		t.Fatal(err)
	}
	w.put(registry.ContentsKey(b), other)
	_, _, err = w.Service.Contents(t.Context(), b.ID)
	want(t, err, fault.Validation, fault.ChecksumMismatch)
	v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{})
	if err != nil || !v.Valid || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "not what was written") {
		t.Errorf("%+v (%v)", v, err)
	}
	if err := w.Store.Delete(t.Context(), registry.ContentsKey(b)); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.Service.Contents(t.Context(), b.ID)
	want(t, err, fault.Validation, fault.ContentsMissing)
	// The next backup says that it was held against nothing.
	if c := w.create(backup.Request{}).Contents; c.Compared != "" || !strings.Contains(c.NotCompared, b.ID) {
		t.Errorf("record %+v", c)
	}
	// A backup takes its contents along when it goes.
	if _, err := w.Service.Delete(t.Context(), a.ID, "ana"); err != nil {
		t.Fatal(err)
	}
	if left := w.keys(registry.ContentsPrefix + a.ID); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// What an encrypted backup contains is for its recipients, and for the installation's own key, if there is one.
func TestContentsEncrypted(t *testing.T) {
	recipient, own := identity(t), identity(t)
	key := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(key, []byte(recipient.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	url := newShop(t, testenv.NewestMajor)
	encrypt := []string{"BACKUP_ENABLE_ENCRYPTION=true", "BACKUP_AGE_RECIPIENTS=" + recipient.Recipient().String()}
	without := open(t, "", url, encrypt...)
	first := without.create(backup.Request{})
	if _, _, err := without.Service.Contents(t.Context(), first.ID); true {
		want(t, err, fault.Validation, fault.IdentityMissing)
	}
	with := open(t, without.dir, url, append(encrypt, "BACKUP_SERVER_KEY="+own.String())...)
	second := with.create(backup.Request{})
	if c := second.Contents; !c.ServerKey || c.Tables != 0 || c.Rows != 0 || !strings.Contains(c.NotCompared, "BACKUP_SERVER_KEY") {
		t.Errorf("record %+v", c)
	}
	testenv.LoadSQL(t, url, `DELETE FROM sales.invoice WHERE id > 10`)
	third := with.create(backup.Request{})
	if c := third.Contents; c.Compared != second.ID || c.Lost != 1 || len(c.Warnings) != 0 {
		t.Errorf("record %+v", c)
	}
	if c := with.contentsOf(third); len(c.Warnings) != 1 || c.Warnings[0].Label() != "sales.invoice" {
		t.Errorf("warnings %+v", c.Warnings)
	}
	// The record and the object say nothing of names, and the server's key does not open the backup.
	data, _, err := with.Store.Get(t.Context(), registry.ManifestKey(third.ID))
	if err != nil || strings.Contains(string(data), "invoice") {
		t.Errorf("the manifest names a table: %s (%v)", data, err)
	}
	if v, err := with.Service.Validate(t.Context(), third.ID, backup.ValidateOptions{}); err != nil || v.Level != registry.LevelChecksum {
		t.Errorf("%+v (%v)", v, err)
	}
	// Whoever restores has the key of the backups, and needs no other.
	reader := open(t, without.dir, url, "BACKUP_AGE_IDENTITY_FILE="+key)
	for _, b := range []backup.Backup{first, second, third} {
		if c := reader.contentsOf(b); c.Totals().Tables < 2 {
			t.Errorf("%+v", c.Totals())
		}
		if v, err := reader.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid || v.Level != registry.LevelFull || len(v.Notes) > 0 {
			t.Errorf("%+v (%v)", v, err)
		}
	}
	// Keys that do not go together: the contents are for the recipients alone, and the backup is made.
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	mixed := open(t, without.dir, url, append(encrypt, "BACKUP_SERVER_KEY="+hybrid.String())...)
	if c := mixed.create(backup.Request{}).Contents; c.ServerKey || c.SHA256 == "" {
		t.Errorf("record %+v", c)
	}
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) put(key string, data []byte) {
	w.t.Helper()
	if _, err := w.Store.Put(w.t.Context(), key, data, storage.PutOptions{}); err != nil {
		w.t.Fatal(err)
	}
}
