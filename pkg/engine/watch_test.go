package engine_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/engine"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
)

// Who wants to change a table while it is read is seen, told of, and let through after a while; with one pg_dump, too.
func TestWhoWaits(t *testing.T) {
	for _, c := range []struct {
		name  string
		never bool
	}{{"over several connections", false}, {"one pg_dump", true}} {
		t.Run(c.name, func(t *testing.T) {
			url := testenv.Postgres(t, 18).NewDatabase(t)
			testenv.LoadSQL(t, url, wide)
			said := make(chan string, 10)
			o := options(t, url, 18)
			o.Spool, o.Piece, o.Never = 64<<10, 256<<10, c.never
			o.WatchAfter, o.EndOnWait, o.Dump.LockWaitTimeout = 100*time.Millisecond, true, time.Second
			o.Remark = func(line string) { said <- line }
			d, err := engine.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if d.How().Parallel == c.never {
				t.Fatalf("%+v", d.How())
			}
			if _, err := io.ReadFull(d, make([]byte, 100_000)); err != nil {
				t.Fatal(err)
			}
			altered, behind := make(chan error, 1), make(chan error, 1)
			migration := connect(t, url+"?application_name=migration")
			go func() {
				_, err := migration.Exec(context.Background(), "ALTER TABLE wide ADD more int")
				altered <- err
			}()
			reader := connect(t, url)
			go func() {
				time.Sleep(50 * time.Millisecond)
				_, err := reader.Exec(context.Background(), "SELECT 1 FROM wide LIMIT 1")
				behind <- err
			}()
			if line := <-said; !strings.Contains(line, "migration") || !strings.Contains(line, "table public.wide") || !strings.Contains(line, "the backup is reading") {
				t.Errorf("%q", line)
			}
			// Nobody reads the dump: it is ended all the same.
			for _, done := range []chan error{altered, behind} {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			_, err = io.Copy(io.Discard, d)
			f := fault.From(err)
			if f == nil || f.Code != fault.BackupCreation || f.Reason != fault.LockTimeout || !f.Transient || !strings.Contains(f.Message, "migration") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A reader that would queue behind somebody who waits for the session does not: the session reads that itself, and the dump ends.
func TestNobodyWaitsForEver(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, wide+"CREATE TABLE zz_small (i int); INSERT INTO zz_small VALUES (1), (2);")
	o := options(t, url, 18)
	o.Spool, o.Piece = 64<<10, 256<<10
	d := start(t, o)
	if _, err := io.ReadFull(d, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	altered := make(chan error, 1)
	migration := connect(t, url)
	go func() {
		_, err := migration.Exec(context.Background(), "ALTER TABLE zz_small ADD more int")
		altered <- err
	}()
	watcher := connect(t, url)
	until(t, watcher, "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = 'zz_small'::regclass AND NOT granted)")
	if _, err := io.Copy(io.Discard, d); err != nil {
		t.Fatal(err)
	}
	tables, _ := d.Tallies()
	found := false
	for _, tally := range tables {
		found = found || tally.Rows == 2
	}
	if !found {
		t.Errorf("%+v", tables)
	}
	d.Close()
	o.Session.Close()
	if err := <-altered; err != nil {
		t.Error(err)
	}
}

// While the session reads a table itself, and nobody takes what it reads, whoever asks something of it waits no longer than he wants to,
// and another session can still look who waits.
func TestSessionThatReads(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, wide+"CREATE TABLE zz AS SELECT i, (SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 1000) k) AS v FROM generate_series(1, 1000) i;")
	o := options(t, url, 18)
	o.Piece, o.Dump.Compression.Algorithm = 40<<20, pgdump.None
	o.Jobs, o.Spool = 1, 64<<10
	d := start(t, o)
	migration, asks := connect(t, url), connect(t, url)
	if _, err := io.ReadFull(d, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	altered := make(chan error, 1)
	go func() {
		_, err := migration.Exec(context.Background(), "ALTER TABLE zz ADD more int")
		altered <- err
	}()
	until(t, asks, "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = 'zz'::regclass AND NOT granted)")
	if _, err := io.CopyN(io.Discard, d, 14_600_000); err != nil { // the rows of "wide", and some
		t.Fatal(err)
	}
	until(t, asks, `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'cofre test public.zz' AND wait_event = 'ClientWrite'
		AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'wide'::regclass))`)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := o.Session.SchemaVersion(ctx, true); !fault.HasCode(err, fault.Canceled) {
		t.Errorf("%v", err)
	}
	w, err := o.Session.NewWatcher(t.Context(), "watch")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if waiting, err := w.Behind(t.Context(), "cofre test"); err != nil || len(waiting) != 1 || waiting[0].Lock != "table public.zz" {
		t.Errorf("%+v %v", waiting, err)
	}
	_ = d.Close()
	o.Session.Close()
	if err := <-altered; err != nil {
		t.Error(err)
	}
}

// until waits for a question to be answered with true.
func until(t *testing.T, conn *pgx.Conn, question string) {
	t.Helper()
	for yes := false; !yes; time.Sleep(5 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), question).Scan(&yes); err != nil {
			t.Fatal(err)
		}
	}
}
