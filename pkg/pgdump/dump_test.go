package pgdump_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// big makes a database whose dump takes long enough to be interrupted, about 22 MB as text.
const big = `CREATE TABLE big AS SELECT i, md5(i::text) AS a, md5((-i)::text) AS b FROM generate_series(1, 300000) i`

// wantFault checks code and reason, and that the message and hint are there.
func wantFault(t *testing.T, err error, code fault.Code, reason fault.Reason, parts ...string) {
	t.Helper()
	f := &fault.Error{}
	if !errors.As(err, &f) {
		t.Fatalf("got %v, not a fault", err)
	}
	if f.Code != code || f.Reason != reason {
		t.Fatalf("got %s %q, want %s %q: %v", f.Code, f.Reason, code, reason, err)
	}
	if f.Message == "" || f.Hint == "" && f.Code != fault.Canceled {
		t.Errorf("message %q, hint %q", f.Message, f.Hint)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error()+f.Hint, p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v can be taken for the end of the input", err)
	}
}

// gone checks that a process and its group have ended. Zombies that nobody has waited for yet count as ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // has ended meanwhile
		}
		_, rest, _ := bytes.Cut(stat, []byte(") "))
		if f := bytes.Fields(rest); len(f) > 2 && string(f[0]) != "Z" && string(f[2]) == strconv.Itoa(pid) {
			t.Errorf("%s of the process group %d is still there: %s", file, pid, stat)
		}
	}
}

// started begins a dump and reads its first part.
func started(t *testing.T, ctx context.Context, o pgdump.DumpOptions) *pgdump.Dump {
	t.Helper()
	d, err := client(t, testenv.NewestMajor).Dump(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if _, err := io.ReadFull(d, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	return d
}

func bigDatabase(t *testing.T) postgres.Target {
	t.Helper()
	s := testenv.Postgres(t, testenv.NewestMajor)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), big)
	return db
}

// The reader must not say io.EOF before pg_dump has said that it succeeded, whatever ends it.
func TestInterruptedDumpIsNeverComplete(t *testing.T) {
	db := bigDatabase(t)
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSEGV} {
		t.Run(s.String(), func(t *testing.T) {
			d := started(t, context.Background(), pgdump.DumpOptions{Target: db})
			if err := syscall.Kill(d.PID(), s); err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, d)
			name := map[syscall.Signal]string{syscall.SIGKILL: "SIGKILL", syscall.SIGTERM: "SIGTERM", syscall.SIGSEGV: "SIGSEGV"}[s]
			wantFault(t, err, fault.BackupCreation, fault.KilledBySignal, name)
			if _, again := d.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("after %d bytes: %v, then %v", n, err, again)
			}
			gone(t, d.PID())
		})
	}
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		d := started(t, ctx, pgdump.DumpOptions{Target: db})
		cancel()
		_, err := io.Copy(io.Discard, d)
		wantFault(t, err, fault.Canceled, "")
		gone(t, d.PID())
	})
	t.Run("timeout while nobody reads", func(t *testing.T) {
		d := started(t, context.Background(), pgdump.DumpOptions{Target: db, Timeout: 700 * time.Millisecond})
		time.Sleep(time.Second)
		_, err := io.Copy(io.Discard, d)
		wantFault(t, err, fault.BackupCreation, fault.Timeout, "700ms", "PGDUMP_TIMEOUT")
		gone(t, d.PID())
	})
	t.Run("close in the middle", func(t *testing.T) {
		d := started(t, context.Background(), pgdump.DumpOptions{Target: db})
		for range 2 {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		gone(t, d.PID())
		_, err := io.Copy(io.Discard, d)
		wantFault(t, err, fault.Canceled, "")
	})
	t.Run("close after the process has ended but not all was read", func(t *testing.T) {
		d, err := client(t, 18).Dump(context.Background(), pgdump.DumpOptions{Target: db, Selection: postgres.Selection{SchemaOnly: true}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(d, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // it fits into the pipe: pg_dump has exited 0 by now
		d.Close()
		_, err = io.Copy(io.Discard, d)
		wantFault(t, err, fault.Canceled, "")
	})
}

func TestConnectionCutInTheMiddle(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := bigDatabase(t)
	proxy := testenv.Proxy(t, fmt.Sprintf("127.0.0.1:%d", s.Port))
	through := target(t, s.URLThrough(proxy.Addr(), db.Database()))
	proxy.CloseAfter(testenv.ToClient, 10<<20)
	d, err := client(t, 18).Dump(context.Background(), pgdump.DumpOptions{Target: through, Format: pgdump.Plain})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n, err := io.Copy(io.Discard, d)
	wantFault(t, err, fault.BackupCreation, fault.ConnectionLost)
	if !fault.From(err).Transient || n < 1<<20 {
		t.Errorf("%d bytes, %+v", n, fault.From(err))
	}
	gone(t, d.PID())
}

func TestServerEndsTheSession(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := bigDatabase(t)
	d := started(t, context.Background(), pgdump.DumpOptions{Target: db, Format: pgdump.Plain})
	s.Exec(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cofre' AND datname = '"+db.Database()+"'")
	_, err := io.Copy(io.Discard, d)
	wantFault(t, err, fault.BackupCreation, fault.ConnectionLost)
}

// A table that another session has locked must not hold the dump for ever.
func TestLockedTable(t *testing.T) {
	ctx := context.Background()
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), `CREATE SCHEMA shop; CREATE TABLE shop."or ders" (id int)`)
	conn, err := db.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{"BEGIN", `LOCK TABLE shop."or ders" IN ACCESS EXCLUSIVE MODE`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	_, err = dump(t, client(t, 18), pgdump.DumpOptions{Target: db, LockWaitTimeout: 300 * time.Millisecond})
	wantFault(t, err, fault.BackupCreation, fault.LockTimeout, `shop."or ders"`)
	if !fault.From(err).Transient {
		t.Error("not transient")
	}
	d, err := client(t, 18).Dump(ctx, pgdump.DumpOptions{Target: db, Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = io.Copy(io.Discard, d)
	wantFault(t, err, fault.BackupCreation, fault.Timeout)
	gone(t, d.PID())
}

func TestMissingRights(t *testing.T) {
	ctx := context.Background()
	s := testenv.Postgres(t, 18)
	db := s.NewDatabase(t)
	role, password := s.NewRole(t, "")
	testenv.LoadSQL(t, db, fmt.Sprintf(`CREATE TABLE open_one (id int); CREATE TABLE "Closed" (id serial); GRANT SELECT ON open_one TO %s;
		CREATE TABLE hidden (id int); GRANT SELECT ON hidden TO %[1]s; ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; SELECT lo_create(4711)`, role))
	as := target(t, fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s", role, password, s.Port, target(t, db).Database()))
	_, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: as})
	wantFault(t, err, fault.Permission, fault.MissingPrivilege, "Closed")
	_, err = dump(t, client(t, 18), pgdump.DumpOptions{Target: as, Selection: postgres.Selection{Tables: []string{"hidden"}}})
	wantFault(t, err, fault.Permission, fault.MissingPrivilege, `"hidden"`, "BYPASSRLS")

	server, err := postgres.Inspect(ctx, as, postgres.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, server.Readable(), fault.Permission, fault.MissingPrivilege, `public."Closed"`, "GRANT SELECT ON", "public.hidden", "BYPASSRLS", `sequence public."Closed_id_seq"`, "large object 4711")
	only, err := postgres.Inspect(ctx, as, postgres.Selection{Tables: []string{"open_one"}})
	if err != nil || only.Readable() != nil {
		t.Error(err, only.Readable())
	}
	if _, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: as, Selection: postgres.Selection{Tables: []string{"open_one"}}}); err != nil {
		t.Error(err)
	}
}

func TestWrongConnections(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	for _, c := range []struct {
		url    string
		reason fault.Reason
	}{
		{strings.Replace(url, s.Password, "wrong", 1), fault.LoginFailed},
		{s.URL("no_such_database"), fault.DatabaseMissing},
		{strings.Replace(url, fmt.Sprint(":", s.Port), ":1", 1), fault.PortRefused},
	} {
		_, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: target(t, c.url)})
		wantFault(t, err, fault.DatabaseConnection, c.reason)
		if strings.Contains(fmt.Sprintf("%+v", err), s.Password) {
			t.Error("the password is in the error")
		}
	}
}

// Nothing secret may be seen by other users of the machine, nor given to the child.
func TestSecretsStayOutOfArguments(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := bigDatabase(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "very-secret-key")
	t.Setenv("PGOPTIONS", "-c nothing=1")
	d := started(t, context.Background(), pgdump.DumpOptions{Target: db})
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.PID()))
	if err != nil {
		t.Fatal(err)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", d.PID()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(cmdline, []byte("--dbname=host=")) || bytes.Contains(cmdline, []byte(s.Password)) {
		t.Errorf("cmdline: %q", cmdline)
	}
	if bytes.Contains(environ, []byte("AWS_")) || bytes.Contains(environ, []byte("very-secret-key")) || bytes.Contains(environ, []byte("PGOPTIONS")) {
		t.Errorf("environment: %q", environ)
	}
	if slices.ContainsFunc(d.Args(), func(a string) bool { return strings.Contains(a, s.Password) }) || strings.Contains(d.Stderr(), s.Password) {
		t.Error("the password is in the arguments or messages")
	}
}

func TestSelections(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), `CREATE SCHEMA a; CREATE SCHEMA "--help"; CREATE TABLE a.one AS SELECT 1 AS x; CREATE TABLE a.two AS SELECT 2 AS y;
		CREATE TABLE "--help"."-t" AS SELECT 3 AS z; SELECT lo_from_bytea(77, 'lo-content')`)
	c := client(t, 18)
	for _, k := range []struct {
		name      string
		o         pgdump.DumpOptions
		has, lack []string
	}{
		{"all", pgdump.DumpOptions{}, []string{"a.one", "a.two", `"-t"`, "lo_create"}, nil},
		{"schema", pgdump.DumpOptions{Selection: postgres.Selection{Schemas: []string{"a"}}}, []string{"a.one", "a.two"}, []string{`"-t"`, "lo_create"}},
		{"schema with large objects", pgdump.DumpOptions{Selection: postgres.Selection{Schemas: []string{"a"}, LargeObjects: true}}, []string{"a.one", "lo_create"}, []string{`"-t"`}},
		{"names like options", pgdump.DumpOptions{Selection: postgres.Selection{Tables: []string{`"--help"."-t"`}}}, []string{`"-t"`}, []string{"a.one"}},
		{"exclude", pgdump.DumpOptions{Selection: postgres.Selection{ExcludeTables: []string{"a.o*"}}}, []string{"a.two"}, []string{"a.one"}},
		{"exclude data", pgdump.DumpOptions{Selection: postgres.Selection{ExcludeTableData: []string{"a.*"}}}, []string{"CREATE TABLE a.one", `COPY "--help"`}, []string{"COPY a."}},
		{"schema only", pgdump.DumpOptions{Selection: postgres.Selection{SchemaOnly: true}}, []string{"CREATE TABLE a.one"}, []string{"COPY"}},
		{"data only", pgdump.DumpOptions{Selection: postgres.Selection{DataOnly: true}}, []string{"COPY a.one"}, []string{"CREATE TABLE"}},
		{"no owner", pgdump.DumpOptions{NoOwner: true, NoPrivileges: true}, []string{"a.one"}, []string{"OWNER TO"}},
	} {
		t.Run(k.name, func(t *testing.T) {
			k.o.Target, k.o.Format = db, pgdump.Plain
			data, err := dump(t, c, k.o)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range k.has {
				if !bytes.Contains(data, []byte(s)) {
					t.Errorf("%q is missing", s)
				}
			}
			for _, s := range k.lack {
				if bytes.Contains(data, []byte(s)) {
					t.Errorf("%q is there", s)
				}
			}
		})
	}
	for _, sel := range []postgres.Selection{
		{Tables: []string{"nothing"}}, {Schemas: []string{"nothing"}}, {Tables: []string{""}}, {Tables: []string{"a\x00b"}}, {Schemas: []string{"a\nb"}}, {Schemas: []string{`"a`}},
		{Tables: []string{"\xff"}}, {Tables: []string{strings.Repeat("a", 1000)}}, {SchemaOnly: true, DataOnly: true},
	} {
		_, err := dump(t, c, pgdump.DumpOptions{Target: db, Selection: sel})
		wantFault(t, err, fault.Validation, fault.InvalidInput)
	}
	for _, o := range []pgdump.DumpOptions{{Format: "tar"}, {Snapshot: "x; --help"}, {Timeout: -1}, {Compression: pgdump.Compression{Algorithm: "brotli"}},
		{Compression: pgdump.Compression{Algorithm: pgdump.Gzip, Level: 10}}} {
		o.Target = db
		_, err := dump(t, c, o)
		wantFault(t, err, fault.Validation, fault.InvalidInput)
	}
}

// Verbose gets every line, and a flood of messages does not fill memory.
func TestVerbose(t *testing.T) {
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), "CREATE TABLE t (id int)")
	var lines []string
	d, err := client(t, 18).Dump(context.Background(), pgdump.DumpOptions{Target: db, Verbose: func(l string) { lines = append(lines, l) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, d); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, `dumping contents of table "public.t"`) }) {
		t.Errorf("%q", lines)
	}
}

func TestSnapshot(t *testing.T) {
	ctx := context.Background()
	s := testenv.Postgres(t, 18)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), "CREATE TABLE t AS SELECT 'before' AS v")
	conn, err := db.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ"); err != nil {
		t.Fatal(err)
	}
	var snapshot string
	if err := conn.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&snapshot); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, db.Database(), "INSERT INTO t VALUES ('after')")
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: db, Format: pgdump.Plain, Snapshot: snapshot})
	if err != nil || !bytes.Contains(data, []byte("before")) || bytes.Contains(data, []byte("after")) {
		t.Errorf("%v: %s", err, data)
	}
}
