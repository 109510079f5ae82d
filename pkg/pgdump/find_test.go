package pgdump_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
)

// program writes an executable script named pg_dump into a new folder.
func program(t *testing.T, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pg_dump"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fakeVersion(t *testing.T, version string) string {
	return program(t, "echo 'pg_dump (PostgreSQL) "+version+"'")
}

func TestFindTakesTheNewestNotOlderThanTheServer(t *testing.T) {
	ctx := context.Background()
	dirs := []string{testenv.ClientBin(15), fakeVersion(t, "9.6.24"), testenv.ClientBin(18), testenv.ClientBin(17), fakeVersion(t, "16beta2"), program(t, "exit 1"), t.TempDir(), "/nowhere"}
	for server, want := range map[int]int{0: 18, 9: 18, 15: 18, 18: 18} {
		c, err := pgdump.Find(ctx, pgdump.FindOptions{Dirs: dirs, ServerMajor: server})
		if err != nil || c.Major != want {
			t.Errorf("server %d: %+v, %v", server, c, err)
		}
	}
	all, err := pgdump.Clients(ctx, pgdump.FindOptions{Dirs: dirs})
	if err != nil || len(all) != 5 || all[0].Major != 18 || all[4].Major != 9 || all[4].Minor != 6 {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = pgdump.Find(ctx, pgdump.FindOptions{Dirs: dirs[:2], ServerMajor: 18})
	wantFault(t, err, fault.BackupCreation, fault.ClientTooOld, "PostgreSQL 18", "pg_dump 15.", "postgresql-client-18")
	_, err = pgdump.Find(ctx, pgdump.FindOptions{Dirs: []string{t.TempDir()}, ServerMajor: 17})
	wantFault(t, err, fault.BackupCreation, fault.ClientMissing, "postgresql-client-18", "PGDUMP_PATH")
	_, err = pgdump.Find(ctx, pgdump.FindOptions{Dirs: dirs, ServerMajor: 8})
	wantFault(t, err, fault.BackupCreation, fault.ServerTooOld, "PostgreSQL 8")
}

func TestFindByPath(t *testing.T) {
	ctx := context.Background()
	for _, path := range []string{testenv.ClientBin(17), filepath.Join(testenv.ClientBin(17), "pg_dump")} {
		c, err := pgdump.Find(ctx, pgdump.FindOptions{Path: path, Dirs: []string{testenv.ClientBin(18)}, ServerMajor: 17})
		if err != nil || c.Major != 17 {
			t.Errorf("%s: %+v, %v", path, c, err)
		}
	}
	_, err := pgdump.Find(ctx, pgdump.FindOptions{Path: testenv.ClientBin(15), Dirs: []string{testenv.ClientBin(18)}, ServerMajor: 17})
	wantFault(t, err, fault.BackupCreation, fault.ClientTooOld, "PGDUMP_PATH", "PostgreSQL 17")
	plain := filepath.Join(t.TempDir(), "pg_dump")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		"/nowhere/pg_dump": "does not exist", t.TempDir(): "no pg_dump in that folder", plain: "not executable", "/dev/null": "not a file",
		program(t, "echo something else"): "does not answer as pg_dump", program(t, "exit 3"): "exit status 3", "/bin/ls": "does not answer",
	} {
		_, err := pgdump.Find(ctx, pgdump.FindOptions{Path: path})
		wantFault(t, err, fault.Validation, fault.InvalidInput, "PGDUMP_PATH", says)
	}
}

// What was delivered is not started to find out what it is, nor is what is older. What it says of itself is what is read in it.
func TestFindStartsNothingThatWasDelivered(t *testing.T) {
	ctx := context.Background()
	link := func(from, to string) {
		t.Helper()
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	delivered := func(major int) (bin string) {
		root, real := t.TempDir(), filepath.Dir(testenv.ClientBin(major))
		link(filepath.Join(real, "libexec"), filepath.Join(root, "libexec"))
		link(filepath.Join(real, "lib"), filepath.Join(root, "lib"))
		bin = filepath.Join(root, "bin")
		if err := os.Rename(program(t, "exit 1"), bin); err != nil {
			t.Fatal(err)
		}
		return bin
	}
	bare := func(major int) (dir string) { // it lacks its libraries
		dir = t.TempDir()
		link(filepath.Join(filepath.Dir(testenv.ClientBin(major)), "libexec", "pg_dump"), filepath.Join(dir, "pg_dump"))
		return dir
	}
	clients := func(dirs ...string) (versions []string) {
		t.Helper()
		all, err := pgdump.Clients(ctx, pgdump.FindOptions{Dirs: dirs})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			versions = append(versions, c.Version)
		}
		return versions
	}
	said := func(major int) string {
		t.Helper()
		out, err := exec.Command(filepath.Join(testenv.ClientBin(major), "pg_dump"), "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(strings.TrimSpace(string(out)), "pg_dump (PostgreSQL) ")
	}
	for _, major := range testenv.InitialMajors() {
		if got := clients(delivered(major)); !slices.Equal(got, []string{said(major)}) {
			t.Errorf("%d: %q, it says %q of itself", major, got, said(major))
		}
	}
	if got := clients(bare(15), delivered(17), fakeVersion(t, "18.9")); !slices.Equal(got, []string{"18.9", said(17), said(15)}) {
		t.Errorf("%q", got)
	}
	c, err := pgdump.Find(ctx, pgdump.FindOptions{Path: delivered(18)})
	if err != nil || c.Version != said(18) || c.Choose(ctx, pgdump.Compression{}).Algorithm != pgdump.Zstd {
		t.Errorf("%+v, %v", c, err)
	}
	broken := delivered(18)
	if err := os.Remove(filepath.Join(filepath.Dir(broken), "lib")); err != nil {
		t.Fatal(err)
	}
	if got := clients(broken); len(got) > 0 {
		t.Errorf("without its libraries: %q", got)
	}
}

// A program that hangs when asked for its version must not hang everything.
func TestFindPassesOverAHangingProgram(t *testing.T) {
	c, err := pgdump.Find(context.Background(), pgdump.FindOptions{Dirs: []string{program(t, "sleep 60"), testenv.ClientBin(18)}})
	if err != nil || c.Major != 18 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestDefaultDirsAreThoseOfPath(t *testing.T) {
	dirs := pgdump.DefaultDirs(func(name string) string {
		return map[string]string{"PATH": "relative:/usr/bin:" + testenv.ClientBin(18)}[name]
	})
	var inPath int
	for _, d := range dirs {
		if d == testenv.ClientBin(18) {
			inPath++
		}
		if !filepath.IsAbs(d) {
			t.Errorf("%q is relative", d)
		}
	}
	if inPath != 1 {
		t.Errorf("%q", dirs)
	}
}

// A pg_dump older than its server is refused before it starts, also by Dump alone.
func TestOldClientIsRefused(t *testing.T) {
	s := testenv.Postgres(t, 18)
	_, err := dump(t, client(t, 15), pgdump.DumpOptions{Target: target(t, s.NewDatabase(t))})
	wantFault(t, err, fault.BackupCreation, fault.ClientTooOld, "PostgreSQL 18", "pg_dump 15.")
}

func TestCompressions(t *testing.T) {
	s := testenv.Postgres(t, 15)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), "CREATE TABLE t AS SELECT repeat('x', 1000) AS v FROM generate_series(1, 1000)")
	for _, major := range testenv.InitialMajors() {
		c := client(t, major)
		want := "zstd:1"
		if major < 16 {
			want = "gzip:1"
		}
		if got := c.Choose(context.Background(), pgdump.Compression{}).String(); got != want {
			t.Errorf("%d: %s", major, got)
		}
		for _, k := range []pgdump.Compression{{}, {Algorithm: pgdump.None}, {Algorithm: pgdump.Gzip, Level: 9}, {Algorithm: pgdump.Zstd, Level: 3}, {Algorithm: pgdump.LZ4}} {
			t.Run(fmt.Sprintf("%d/%s", major, k), func(t *testing.T) {
				data, err := dump(t, c, pgdump.DumpOptions{Target: db, Compression: k})
				if major < 16 && (k.Algorithm == pgdump.Zstd || k.Algorithm == pgdump.LZ4) {
					wantFault(t, err, fault.Validation, fault.InvalidInput, string(k.Algorithm), "gzip")
					return
				}
				if err != nil || (len(data) > 500_000) != (k.Algorithm == pgdump.None) {
					t.Errorf("%d bytes, %v", len(data), err)
				}
			})
		}
	}
}
