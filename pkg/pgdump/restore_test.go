package pgdump_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// modes are the ways to restore that matter to what a failure leaves behind.
var modes = []struct {
	name      string
	major     int
	options   pgdump.RestoreOptions
	unchanged bool
}{
	{"one transaction", 18, pgdump.RestoreOptions{}, true},
	{"one transaction, older server", 15, pgdump.RestoreOptions{}, true},
	{"plain", 18, pgdump.RestoreOptions{Format: pgdump.Plain}, true},
	{"plain, older server", 15, pgdump.RestoreOptions{Format: pgdump.Plain}, true},
	{"several transactions", 18, pgdump.RestoreOptions{Transaction: pgdump.Several}, false},
	{"several transactions, older server", 15, pgdump.RestoreOptions{Transaction: pgdump.Several}, false},
	{"jobs", 18, pgdump.RestoreOptions{Jobs: 2}, false},
	{"jobs, older server", 15, pgdump.RestoreOptions{Jobs: 2}, false},
	{"jobs over ranges", 18, pgdump.RestoreOptions{Jobs: 2, Ranges: &pgdump.Ranges{}}, false},
}

const shop = `CREATE TABLE customer (id int PRIMARY KEY, name text); INSERT INTO customer SELECT i, 'c' || i FROM generate_series(1, 20000) i;
	CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customer, note text); INSERT INTO orders SELECT i, i, repeat(md5(i::text), 3) FROM generate_series(1, 20000) i`

var sources = map[string][]byte{}

// source gives the dump of a small shop, made once.
func source(t *testing.T, major int, f pgdump.Format) []byte {
	t.Helper()
	key := fmt.Sprint(major, f)
	if sources[key] == nil {
		sources[key] = makeSource(t, major, f)
	}
	return sources[key]
}

func makeSource(t *testing.T, major int, f pgdump.Format) []byte {
	t.Helper()
	s := testenv.Postgres(t, major)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), shop)
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: db, Format: f})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// wantState checks what a failed restore says and what it left behind.
func wantState(t *testing.T, db postgres.Target, report pgdump.RestoreReport, err error, unchanged bool) {
	t.Helper()
	if err == nil {
		t.Fatal("it succeeded")
	}
	empty, what, emptyErr := postgres.Empty(context.Background(), db)
	if emptyErr != nil {
		t.Fatal(emptyErr)
	}
	if report.Unchanged != unchanged || unchanged && !empty {
		t.Errorf("unchanged: reported %t, wanted %t, empty %t (%s): %v", report.Unchanged, unchanged, empty, what, err)
	}
	if says := strings.Contains(err.Error(), "was left as it was"); says != unchanged {
		t.Errorf("the error says %t: %v", says, err)
	}
}

// An input that breaks must not become a restored database, wherever it breaks: psql would commit what it has.
func TestBrokenInputIsNeverCommitted(t *testing.T) {
	away := errors.New("storage went away")
	inputs := []struct {
		name  string
		early bool // nothing was begun yet
		make  func(data []byte) io.Reader
	}{
		{"in the middle", false, func(d []byte) io.Reader { return io.MultiReader(bytes.NewReader(d[:len(d)/2]), iotest.ErrReader(away)) }},
		{"at the very end", false, func(d []byte) io.Reader { return io.MultiReader(bytes.NewReader(d), iotest.ErrReader(away)) }},
		{"like an end", false, func(d []byte) io.Reader {
			return io.MultiReader(bytes.NewReader(d), iotest.ErrReader(io.ErrUnexpectedEOF))
		}},
		{"cut off", false, func(d []byte) io.Reader { return bytes.NewReader(d[:len(d)-300]) }},
		{"cut off in the middle", false, func(d []byte) io.Reader { return bytes.NewReader(d[:len(d)*2/3]) }},
		{"cut off at the front", true, func(d []byte) io.Reader { return bytes.NewReader(d[:10]) }},
		{"empty", true, func(d []byte) io.Reader { return bytes.NewReader(nil) }},
		{"something else", true, func(d []byte) io.Reader { return strings.NewReader(strings.Repeat("hello\n", 1000)) }},
	}
	for _, m := range modes {
		if m.options.Ranges != nil {
			continue // does not read to the end
		}
		t.Run(m.name, func(t *testing.T) {
			data := source(t, m.major, m.options.Format)
			s := testenv.Postgres(t, m.major)
			o := m.options
			o.Target = target(t, s.NewDatabase(t))
			for i, in := range inputs {
				if !m.unchanged && i > 0 && !in.early {
					o.Target = target(t, s.NewDatabase(t))
				}
				report, err := client(t, 18).Restore(context.Background(), o, in.make(data))
				t.Logf("%s: %v", in.name, err)
				if err == nil {
					t.Fatalf("%s: it succeeded", in.name)
				}
				if fault.HasCode(err, fault.Internal) {
					t.Errorf("%s: an internal error", in.name)
				}
				if !in.early || o.Format == pgdump.Plain {
					wantState(t, o.Target, report, err, m.unchanged)
				} else if !report.Unchanged {
					t.Errorf("%s: %+v", in.name, report)
				}
			}
		})
	}
}

// A restore that meets a name that is taken fails, and says in which state the target is.
func TestRestoreOverWhatIsThere(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			data := source(t, m.major, m.options.Format)
			s := testenv.Postgres(t, m.major)
			o := m.options
			o.Target = target(t, s.NewDatabase(t))
			if o.Ranges != nil {
				o.Ranges = ranges(t, data)
			}
			testenv.LoadSQL(t, s.URL(o.Target.Database()), `CREATE TABLE orders (mine int); INSERT INTO orders VALUES (1)`)
			before := fingerprint(t, o.Target)
			report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
			if err == nil || report.Unchanged != m.unchanged || !strings.Contains(err.Error(), `relation "orders" already exists`) {
				t.Fatalf("%v, %+v", err, report)
			}
			reason := fault.ExitStatus
			if !m.unchanged {
				reason = fault.RestoreIncomplete
			}
			wantFault(t, err, fault.Validation, reason)
			if diff := postgres.Diff(before, fingerprint(t, o.Target)); len(diff) > 0 && m.unchanged {
				t.Errorf("%q", diff)
			}
			if o.Format == pgdump.Plain {
				return
			}
			o.Clean = true
			if report, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
				t.Fatalf("clean: %v, %+v", err, report)
			}
			to := target(t, s.NewDatabase(t))
			o.Clean, o.Target = false, to
			if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRestoreIsCancelled(t *testing.T) {
	for _, m := range modes {
		data := source(t, m.major, m.options.Format)
		t.Run(m.name, func(t *testing.T) {
			s := testenv.Postgres(t, m.major)
			o := m.options
			o.Target = target(t, s.NewDatabase(t))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			slow := &slowReader{r: bytes.NewReader(data), then: cancel, after: len(data) / 2, ctx: ctx}
			if o.Ranges != nil {
				o.Ranges = ranges(t, data)
				open := o.Ranges.Open
				o.Ranges.Open = func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
					cancel()
					return open(ctx, offset, length)
				}
			}
			_, err := client(t, 18).Restore(ctx, o, slow)
			reason := fault.Reason("")
			if !m.unchanged {
				reason = fault.RestoreIncomplete
			}
			wantFault(t, err, fault.Canceled, reason)
			waitForNoSessions(t, s, o.Target)
		})
	}
	t.Run("timeout", func(t *testing.T) {
		s := testenv.Postgres(t, 18)
		db := target(t, s.NewDatabase(t))
		hang, w := io.Pipe()
		defer w.Close()
		data := source(t, 18, pgdump.Custom)
		stop := time.AfterFunc(3*time.Second, func() { w.CloseWithError(errors.New("still reading")) })
		defer stop.Stop()
		_, err := client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: db, Timeout: time.Second},
			io.MultiReader(bytes.NewReader(data[:len(data)/2]), hang))
		wantFault(t, err, fault.Validation, fault.Timeout, "1s")
	})
	t.Run("timeout before the server answers", func(t *testing.T) { // which is not the server's fault
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		_, err = client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: target(t, "postgres://ana@"+silent.Addr().String()+"/shop?sslmode=disable"), Timeout: 200 * time.Millisecond},
			bytes.NewReader(source(t, 18, pgdump.Custom)))
		wantFault(t, err, fault.Validation, fault.Timeout, "the restore did not finish within 200ms", "--timeout")
	})
}

// slowReader cancels a context after some bytes, and hangs until it has ended.
type slowReader struct {
	r     io.Reader
	then  func()
	after int
	ctx   context.Context
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.after <= 0 {
		s.then()
		<-s.ctx.Done()
		return 0, s.ctx.Err()
	}
	n, err := s.r.Read(p[:min(len(p), 1000)])
	s.after -= n
	return n, err
}

func waitForNoSessions(t *testing.T, s *testenv.Server, db postgres.Target) {
	t.Helper()
	ctx := context.Background()
	conn, err := target(t, s.URL("postgres")).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var n int
	for range 100 {
		if err := conn.QueryRow(ctx, "SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1", db.Database()).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d sessions are left", n)
}

// What the target lacks is told before anything is touched.
func TestMissingRolesAndExtensions(t *testing.T) {
	s, other := testenv.Postgres(t, 18), testenv.Postgres(t, 17)
	owner, _ := s.NewRole(t, "")
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), fmt.Sprintf(`CREATE TABLE t (id int); ALTER TABLE t OWNER TO %s; CREATE TABLE u (id int); GRANT SELECT ON u TO %[1]s`, owner))
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2}} {
		o.Target = target(t, other.NewDatabase(t))
		report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.TargetLacks, owner, "--no-owner")
		if !report.Unchanged {
			t.Errorf("%+v", report)
		}
		o.NoOwner = true
		report, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.TargetLacks, owner)
		o.NoPrivileges, o.Target = true, target(t, other.NewDatabase(t))
		if _, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
			t.Error(err)
		}
	}
}

// Objects in a tablespace that the target does not have are found before anything is touched; once it is there they come back.
func TestMissingTablespaces(t *testing.T) {
	s, other := testenv.Postgres(t, 18), testenv.Postgres(t, 17)
	const space = "Fast Disk"
	create := `SET allow_in_place_tablespaces = on; CREATE TABLESPACE "` + space + `" LOCATION ''`
	testenv.LoadSQL(t, s.URL("postgres"), create)
	from := target(t, s.NewDatabase(t))
	t.Cleanup(func() {
		s.Exec(t, from.Database(), "DROP TABLE t")
		s.Exec(t, "postgres", `DROP TABLESPACE "`+space+`"`)
	})
	testenv.LoadSQL(t, s.URL(from.Database()), `CREATE TABLE u (id int); CREATE TABLE t (id int) TABLESPACE "`+space+`"; CREATE INDEX i ON t (id) TABLESPACE "`+space+`"; INSERT INTO t VALUES (1)`)
	data := dumpOf(t, from, pgdump.Custom)
	for _, o := range []pgdump.RestoreOptions{{}, {Jobs: 2}, {Create: true}} {
		o.Target = target(t, other.NewDatabase(t))
		if o.Create {
			o.Target = newName(t, other)
		}
		report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.TargetLacks, space, "TABLE public.t, INDEX public.i", "CREATE TABLESPACE")
		if !report.Unchanged || o.Create && exists(t, other, o.Target) {
			t.Errorf("%+v", report)
		}
	}
	testenv.LoadSQL(t, other.URL("postgres"), create)
	to := target(t, other.NewDatabase(t))
	t.Cleanup(func() {
		other.Exec(t, to.Database(), "DROP TABLE IF EXISTS t")
		other.Exec(t, "postgres", `DROP TABLESPACE "`+space+`"`)
	})
	if _, err := client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: to}, bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	wantEqual(t, from, to)
}

func TestRestoreToWrongTargets(t *testing.T) {
	s := testenv.Postgres(t, 18)
	data := source(t, 18, pgdump.Custom)
	_, err := client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: target(t, s.URL("no_such"))}, bytes.NewReader(data))
	wantFault(t, err, fault.DatabaseConnection, fault.DatabaseMissing)
	for _, o := range []pgdump.RestoreOptions{{Format: "tar"}, {Format: pgdump.Plain, Clean: true}, {Part: part.Selection{DataOnly: true, SchemaOnly: true}}, {Transaction: "half"},
		{Transaction: pgdump.One, Jobs: 2}, {Jobs: -1}, {Jobs: 1000}, {Timeout: -1}} {
		o.Target = target(t, s.URL("postgres"))
		_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		wantFault(t, err, fault.Validation, fault.InvalidInput)
	}
}

// Schema first, data later.
func TestPartsOfARestore(t *testing.T) {
	s := testenv.Postgres(t, 18)
	data := source(t, 18, pgdump.Custom)
	db := target(t, s.NewDatabase(t))
	c := client(t, 18)
	for _, o := range []pgdump.RestoreOptions{{Part: part.Selection{SchemaOnly: true}}, {Part: part.Selection{DataOnly: true}, Jobs: 2}} {
		o.Target = db
		if _, err := c.Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
	}
	f := fingerprint(t, db)
	if f.Rows != 40000 || f.Entries["constraint public.orders.orders_customer_fkey"] == "" {
		t.Errorf("%d rows", f.Rows)
	}
}
