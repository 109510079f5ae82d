package backup_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

func TestMain(m *testing.M) {
	if os.Getenv("COFRE_TEST_CREATE") != "" {
		os.Exit(createChild())
	}
	if os.Getenv("COFRE_TEST_RESTORE") != "" {
		os.Exit(restoreChild())
	}
	testenv.Main(m)
}

// world is a backup directory and a database.
type world struct {
	*app.App
	t   testing.TB
	dir string
	url string
}

// open wires the real thing over a directory (a new local one when dir is "") and a database URL.
func open(t testing.TB, dir, url string, env ...string) *world {
	t.Helper()
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "backups")
	}
	env = append([]string{
		"BACKUP_DIRECTORY=" + dir, "DATABASE_URL=" + url, "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor), "BACKUP_CONNECT_RETRIES=0",
	}, env...)
	c, err := app.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	var a *app.App
	links := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Links.ServeHTTP(w, r) }))
	t.Cleanup(links.Close)
	a, err = app.Open(t.Context(), c, app.Options{LinkBase: links.URL})
	if err != nil {
		t.Fatal(err)
	}
	return &world{App: a, t: t, dir: dir, url: url}
}

// openMinIO is open over a new bucket of a real MinIO.
func openMinIO(t *testing.T, url string, env ...string) *world {
	t.Helper()
	m := testenv.MinIO(t)
	for _, kv := range m.Env() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	return open(t, "s3://"+m.NewBucket(t)+"/team a", url, env...)
}

func (w *world) create(req backup.Request) backup.Backup {
	w.t.Helper()
	b, err := w.Service.Create(w.t.Context(), req, nil)
	if err != nil {
		w.t.Fatalf("create: %v (cause %v)", err, errors.Unwrap(err))
	}
	return b
}

// object reads the stored bytes of a backup.
func (w *world) object(b backup.Backup) []byte {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "object")
	if _, err := w.Service.Download(w.t.Context(), b.ID, file, backup.DownloadOptions{}); err != nil {
		w.t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// keys lists what lies under a prefix of the backup directory.
func (w *world) keys(prefix string) []string {
	w.t.Helper()
	var keys []string
	for o, err := range w.Store.List(context.Background(), storage.ListOptions{Prefix: prefix}) {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// nothingLeft asserts invariant I2: no object but those of successful backups, no intent, no pending upload.
func (w *world) nothingLeft() {
	w.t.Helper()
	list, err := w.Service.List(context.Background(), backup.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	known := map[string]bool{}
	for _, b := range list.Backups {
		if b.Status == registry.Success {
			known[b.Filepath] = true
		}
		pending, err := w.Store.PendingUploads(context.Background(), b.Filepath)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(pending) > 0 {
			w.t.Errorf("%d uploads are pending for %s (%s)", len(pending), b.Filepath, b.Status)
		}
	}
	for _, k := range w.keys(registry.FilesPrefix) {
		if !known[k] {
			w.t.Errorf("the object %s belongs to no successful backup", k)
		}
	}
	if left := w.keys(registry.IntentsPrefix); len(left) > 0 {
		w.t.Errorf("intents are left: %v", left)
	}
	if left := w.keys(registry.StatusPrefix); len(left) > 0 {
		w.t.Errorf("progress records are left: %v", left)
	}
}

// want asserts a code and a reason.
func want(t testing.TB, err error, code fault.Code, reason fault.Reason) *fault.Error {
	t.Helper()
	f := fault.From(err)
	if f == nil {
		t.Fatalf("no error, want %s (%s)", code, reason)
	}
	if f.Code != code || (reason != "" && f.Reason != reason) {
		t.Fatalf("error is %s (%s), want %s (%s): %v", f.Code, f.Reason, code, reason, err)
	}
	if f.Message == "" || f.Hint == "" {
		t.Errorf("error %s says too little: message %q, hint %q", f.Code, f.Message, f.Hint)
	}
	return f
}

// fingerprint takes the content of a database.
func fingerprint(t testing.TB, url string) postgres.Fingerprint {
	t.Helper()
	return postgrestest.Fingerprint(t, postgrestest.Target(t, url))
}

// same asserts that two databases hold the same.
func same(t testing.TB, source, restored string) {
	t.Helper()
	if diff := postgres.Diff(fingerprint(t, source), fingerprint(t, restored)); len(diff) > 0 {
		t.Fatalf("restored differs from the source in %d places, first: %v", len(diff), diff[:min(len(diff), 8)])
	}
}

const shop = `
CREATE SCHEMA sales;
CREATE TABLE sales.customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, seen jsonb);
CREATE TABLE sales.invoice (id bigserial PRIMARY KEY, customer bigint NOT NULL REFERENCES sales.customer, total numeric(12,2), pdf bytea);
INSERT INTO sales.customer (name, seen) SELECT 'customer ' || g, jsonb_build_object('n', g) FROM generate_series(1, 2000) g;
INSERT INTO sales.invoice (customer, total, pdf) SELECT 1 + g % 2000, g / 7.0, decode(repeat(md5(g::text), 40), 'hex') FROM generate_series(1, 3000) g;
CREATE INDEX ON sales.invoice (customer);
CREATE MATERIALIZED VIEW sales.total AS SELECT customer, sum(total) FROM sales.invoice GROUP BY 1;
SELECT lo_from_bytea(0, decode(repeat('abcd', 5000), 'hex'));
`

// newShop makes a small database.
func newShop(t testing.TB, major int) string {
	t.Helper()
	url := testenv.Postgres(t, major).NewDatabase(t)
	testenv.LoadSQL(t, url, shop)
	return url
}
