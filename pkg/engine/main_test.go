package engine_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/archive"
	"cofre/pkg/engine"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var target, client = postgrestest.Target, postgrestest.Client

// options dump everything in small pieces, however small it is.
func options(t testing.TB, url string, major int) engine.Options {
	t.Helper()
	s, err := postgres.OpenSession(t.Context(), target(t, url), postgres.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return engine.Options{
		Session: s, Client: client(t, major), Dump: pgdump.DumpOptions{Format: pgdump.Custom}, ID: "test", Jobs: 2, Small: 1, Piece: 16 << 10,
	}
}

// start begins a dump that the engine itself must make.
func start(t testing.TB, o engine.Options) *engine.Dump {
	t.Helper()
	d, err := engine.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if how := d.How(); !how.Parallel {
		t.Fatalf("one pg_dump does it: %s", how.Reason)
	}
	return d
}

// all reads a dump to its end.
func all(t testing.TB, d io.Reader) []byte {
	t.Helper()
	data, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// one is what one pg_dump gives, of a snapshot if there is one.
func one(t testing.TB, o engine.Options, snapshot string) []byte {
	t.Helper()
	p := o.Dump
	p.Target, p.Session, p.Snapshot = o.Session.Target(), nil, snapshot
	d, err := o.Client.Dump(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return all(t, d)
}

// script is what stock pg_restore makes of an archive: its definitions, and the bytes of each table's rows.
func script(t testing.TB, major int, data []byte) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(testenv.ClientBin(major), "pg_restore"), "--file=-", file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_restore: %v\n%s", err, stderr.String())
	}
	// The random key of \restrict and \unrestrict is all that differs from run to run.
	if _, rest, ok := bytes.Cut(out, []byte("\n\\restrict ")); ok {
		key, _, _ := bytes.Cut(rest, []byte("\n"))
		out = bytes.ReplaceAll(out, key, nil)
	}
	return out
}

// sameScript compares two archives as pg_restore reads them.
func sameScript(t testing.TB, major int, got, want []byte) {
	t.Helper()
	a, b := script(t, major, got), script(t, major, want)
	if bytes.Equal(a, b) {
		return
	}
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	t.Fatalf("differ at byte %d of %d and %d:\n%q\nwant\n%q", i, len(a), len(b), a[max(0, i-200):min(len(a), i+200)], b[max(0, i-200):min(len(b), i+200)])
}

// check follows an archive to its end, decompressed.
func check(t testing.TB, data []byte) archive.Summary {
	t.Helper()
	sum, err := archive.Check(t.Context(), bytes.NewReader(data), archive.Options{Kind: archive.KindCustom, Decompress: true})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
