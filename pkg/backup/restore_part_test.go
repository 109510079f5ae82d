package backup_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// A restore that left something out is recorded as that.
func TestRestoreInPartIsRecorded(t *testing.T) {
	url := newShop(t, 18)
	testenv.LoadSQL(t, url, "CREATE TABLE noted (id int); COMMENT ON TABLE noted IS 'left out'")
	w := open(t, "", url)
	b := w.create(backup.Request{})
	r, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{
		URL: testenv.Postgres(t, 18).NewDatabase(t), Adaptation: backup.Adaptation{SkipKinds: []string{"COMMENT"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Backup.Verification.Level != registry.LevelRestoredInPart || len(r.Target.LeftOut) != 1 || r.Target.LeftOut[0].Entry != "COMMENT ON TABLE noted" {
		t.Errorf("%+v, %+v", r.Backup.Verification, r.Target.LeftOut)
	}
}

// hay is large tables around a small one. Many connections read so little only where they are asked for.
const hay = `CREATE TABLE hay1 (id int, t text); INSERT INTO hay1 SELECT g, md5(g::text) || md5((g+1)::text) FROM generate_series(1, 45000) g;
CREATE TABLE needle (id int PRIMARY KEY, t text); INSERT INTO needle SELECT g, md5(g::text) || md5((g+1)::text) FROM generate_series(1, 2000) g;
CREATE TABLE zhay (LIKE hay1); INSERT INTO zhay SELECT * FROM hay1; SELECT lo_from_bytea(0, 'x')`

func newHay(t *testing.T) string {
	t.Helper()
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, hay)
	return url
}

// sealing is the environment of a place whose backups are encrypted to a key of its own.
func sealing(t *testing.T) []string {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"BACKUP_AGE_RECIPIENTS=" + key.Recipient().String(), "BACKUP_AGE_IDENTITY_FILE=" + file}
}

// TestRestorePartReads: of a large backup no more is read than what is restored, from each kind of place.
func TestRestorePartReads(t *testing.T) {
	url := newHay(t)
	want := copied(t, url, "needle")
	yes := true
	const parallel = "BACKUP_ENGINE=parallel"
	sealed := append(sealing(t), parallel)
	for _, tc := range []struct {
		name string
		w    *world
		req  backup.Request
	}{
		{"local", open(t, "", url, parallel), backup.Request{}},
		{"local, by one pg_dump", open(t, "", url, "BACKUP_ENGINE=pg_dump"), backup.Request{Compression: "gzip:1"}},
		{"local, encrypted", open(t, "", url, sealed...), backup.Request{Encrypt: &yes}},
		{"S3", openMinIO(t, url, parallel), backup.Request{}},
		{"S3, encrypted", openMinIO(t, url, sealed...), backup.Request{Encrypt: &yes}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := tc.w.create(tc.req)
			_, c, err := tc.w.Service.Contents(t.Context(), b.ID)
			if err != nil {
				t.Fatal(err)
			}
			var stored, head int64 = 0, b.Size
			for i := range c.Tables {
				head = min(head, c.Tables[i].Offset)
				if c.Tables[i].Name == "needle" {
					stored = c.Tables[i].Stored
				}
			}
			service, read := tc.w.counted()
			server := testenv.Postgres(t, 18)
			to := server.NewDatabase(t)
			for i, req := range []backup.RestoreRequest{
				{Part: backup.Part{Tables: []string{"needle"}}}, {Part: backup.Part{Tables: []string{"needle"}, DataOnly: true}, Clean: true},
				{Part: backup.Part{Tables: []string{"needle"}}, Clean: true}, {Part: backup.Part{Tables: []string{"needle"}}, Create: true, Jobs: 2},
			} {
				if req.URL = to; req.Create {
					name := filepath.Base(to) + "_new"
					req.URL = server.URL(name)
					t.Cleanup(func() { server.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
				}
				var last, total int64
				req.Progress = func(n, of int64) { last, total = n, of }
				read.bytes.Store(0)
				done, err := service.Restore(t.Context(), b.ID, req)
				if err != nil {
					t.Fatal(i, err)
				}
				if got := copied(t, req.URL, "needle"); got != want {
					t.Errorf("%d: the rows are others", i)
				}
				// An encrypted one is read in pieces of 64 KiB, with its beginning and its end.
				n, most := read.bytes.Load(), 3*stored+2*head+256<<10
				if t.Logf("%d: %d bytes of %d, the table has %d, the head %d", i, n, b.Size, stored, head); n > most || most > b.Size/2 || stored == 0 {
					t.Errorf("%d: %d bytes were read, %d at most were expected", i, n, most)
				}
				if last != total || total > most {
					t.Errorf("%d: progress ended at %d of %d", i, last, total)
				}
				if done.Backup.Verification.Level != registry.LevelRestoredInPart || !strings.HasPrefix(done.Target.Part, "table needle") {
					t.Errorf("%d: %+v, %+v", i, done.Backup.Verification, done.Target)
				}
			}
			read.bytes.Store(0)
			list, err := service.RestoreList(t.Context(), b.ID, backup.RestoreRequest{Part: backup.Part{Tables: []string{"needle"}}})
			if err != nil || len(list.Entries) != 3 || list.Entries[1].Kind != "TABLE DATA" || list.Entries[1].Bytes != stored || list.Entries[2].Section != "post-data" {
				t.Errorf("%v, %+v", err, list.Entries)
			}
			if n := read.bytes.Load(); n > head+256<<10 {
				t.Errorf("%d bytes were read for the list", n)
			}
		})
	}
}

// forgetLayout makes a backup one of those that do not say where their tables lie.
func (w *world) forgetLayout(b backup.Backup) {
	w.t.Helper()
	data, _, err := w.Store.Get(w.t.Context(), registry.ManifestKey(b.ID))
	if err != nil {
		w.t.Fatal(err)
	}
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &m); err != nil || m["layout"] == nil {
		w.t.Fatalf("%v: %s", err, data)
	}
	delete(m, "layout")
	if data, err = json.Marshal(m); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Store.Put(w.t.Context(), registry.ManifestKey(b.ID), data, storage.PutOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// flip changes bytes of a stored backup.
func (w *world) flip(b backup.Backup, places ...int64) {
	w.t.Helper()
	data := w.object(b)
	for _, at := range places {
		data[at]++
	}
	if _, err := w.Store.Put(w.t.Context(), b.Filepath, data, storage.PutOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// TestRestorePartInOnePass: where nobody knows what lies where, the backup is read once, to its end, whose SHA-256 counts.
func TestRestorePartInOnePass(t *testing.T) {
	url := newHay(t)
	w := open(t, "", url, "BACKUP_ENGINE=parallel")
	b := w.create(backup.Request{})
	w.forgetLayout(b)
	service, read := w.counted()
	req := backup.RestoreRequest{URL: testenv.Postgres(t, 18).NewDatabase(t), Part: backup.Part{Tables: []string{"needle"}}}
	if _, err := service.Restore(t.Context(), b.ID, req); err != nil {
		t.Fatal(err)
	}
	if n := read.bytes.Load(); n < b.Size || n > b.Size+b.Size/4 {
		t.Errorf("%d bytes were read of %d", n, b.Size)
	}
	if copied(t, req.URL, "needle") != copied(t, url, "needle") {
		t.Error("the rows are others")
	}
	// A changed byte of another table, far behind, is an object that is not the one that was stored.
	w.flip(b, b.Size-100)
	req.URL = testenv.Postgres(t, 18).NewDatabase(t)
	_, err := service.Restore(t.Context(), b.ID, req)
	want(t, err, fault.Validation, fault.ChecksumMismatch)
	if f := fingerprint(t, req.URL); f.Tables != 0 {
		t.Errorf("%d tables", f.Tables)
	}
	// What was found is known from then on.
	found, err := service.Info(t.Context(), b.ID)
	if err != nil || !found.Damaged() || found.Verification.Problem().Reason != fault.ChecksumMismatch {
		t.Errorf("%+v, %v", found.Verification, err)
	}
	if latest, err := service.Info(t.Context(), "latest"); err == nil {
		t.Errorf("the latest good one is %s", latest.ID)
	}
}

// TestRestoreMeetsDamage: a changed byte in the middle of a table makes pg_restore, psql or the server fail long before the checksum
// behind it is reached. It is the cause all the same, in each way of restoring, and recorded.
func TestRestoreMeetsDamage(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE large (id int, t text); INSERT INTO large SELECT g, md5(g::text) || md5((g+1)::text) FROM generate_series(1, 150000) g")
	yes := true
	for name, tc := range map[string]struct {
		env     []string
		req     backup.Request
		forget  bool // what lies where
		restore backup.RestoreRequest
	}{
		"one stream":         {restore: backup.RestoreRequest{Jobs: 1}},
		"several":            {restore: backup.RestoreRequest{Jobs: 2}},
		"a part":             {restore: backup.RestoreRequest{Part: backup.Part{Tables: []string{"large"}}}},
		"one table aside":    {restore: backup.RestoreRequest{Part: backup.Part{Tables: []string{"large"}, As: "beside"}}},
		"going on":           {restore: backup.RestoreRequest{KeepGoing: true}},
		"layout unknown":     {forget: true},
		"part of unknown":    {forget: true, restore: backup.RestoreRequest{Part: backup.Part{Tables: []string{"large"}}}},
		"one pg_dump, gzip":  {env: []string{"BACKUP_ENGINE=pg_dump"}, req: backup.Request{Compression: "gzip:1"}},
		"not compressed":     {env: []string{"BACKUP_ENGINE=pg_dump"}, req: backup.Request{Compression: "none"}},
		"binary":             {env: []string{"BACKUP_ROWS=binary"}},
		"binary, one stream": {env: []string{"BACKUP_ROWS=binary"}, restore: backup.RestoreRequest{Jobs: 1}},
		"a script":           {req: backup.Request{Format: backup.FormatPlain}},
		"encrypted":          {env: sealing(t), req: backup.Request{Encrypt: &yes}},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, "", url, append([]string{"BACKUP_ENGINE=parallel"}, tc.env...)...)
			b := w.create(tc.req)
			if tc.forget {
				w.forgetLayout(b)
			}
			var places []int64
			for i := range int64(40_000) { // over the beginnings of several blocks of zstd's
				places = append(places, b.Size/16+i*5)
			}
			w.flip(b, places...)
			req := tc.restore
			req.URL = testenv.Postgres(t, 18).NewDatabase(t)
			_, err := w.Service.Restore(t.Context(), b.ID, req)
			f := fault.From(err)
			if f.Code != fault.Validation || f.Reason != fault.ChecksumMismatch && f.Reason != fault.StructureDamaged {
				t.Errorf("%s, %s: %v", f.Code, f.Reason, err)
			}
			if found, err := w.Service.Info(t.Context(), b.ID); err != nil || !found.Damaged() {
				t.Errorf("it is not recorded: %+v, %v", found.Verification, err)
			}
		})
	}
}

// TestRestorePartOfSigned: where signatures count, the whole is proven before a part of just that object is read.
func TestRestorePartOfSigned(t *testing.T) {
	url := newHay(t)
	w := open(t, "", url, append(signedOnly(t), "BACKUP_ENGINE=parallel")...)
	b := w.create(backup.Request{})
	service, read := w.counted()
	req := backup.RestoreRequest{URL: testenv.Postgres(t, 18).NewDatabase(t), Part: backup.Part{Tables: []string{"needle"}}}
	if _, err := service.Restore(t.Context(), b.ID, req); err != nil {
		t.Fatal(err)
	}
	if n := read.bytes.Load(); n < b.Size || n > b.Size+b.Size/2 {
		t.Errorf("%d bytes were read of %d", n, b.Size)
	}
	w.flip(b, b.Size-100)
	req.URL = testenv.Postgres(t, 18).NewDatabase(t)
	_, err := service.Restore(t.Context(), b.ID, req)
	want(t, err, fault.Validation, fault.ChecksumMismatch)
}

// TestRestoreAs: one table under another name, of each kind of rows and of places, reading no more than that.
func TestRestoreAs(t *testing.T) {
	url := newHay(t)
	want := copied(t, url, "needle")
	sealed := sealing(t)
	for name, env := range map[string][]string{"text": {"BACKUP_ENGINE=parallel"}, "binary": {"BACKUP_ROWS=binary"}, "binary_sealed": append(sealed, "BACKUP_ROWS=binary")} {
		t.Run(name, func(t *testing.T) {
			w := open(t, "", url, env...)
			sealed := len(env) > 1
			b := w.create(backup.Request{Encrypt: &sealed})
			service, read := w.counted()
			read.bytes.Store(0)
			done, err := service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: url, Part: backup.Part{Tables: []string{"needle"}, As: "needle_" + name}})
			if err != nil {
				t.Fatal(err)
			}
			if n := read.bytes.Load(); n > b.Size/2 || done.Target.Part != "table needle, as needle_"+name {
				t.Errorf("%d bytes were read of %d, %+v", n, b.Size, done.Target)
			}
			if copied(t, url, "needle_"+name) != want || copied(t, url, "needle") != want {
				t.Error("the rows are others")
			}
		})
	}
}
