package engine_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/engine"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// wide is a table whose rows do not fit into what a test lets a spool hold.
const wide = `CREATE TABLE wide (id int, v text); ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
INSERT INTO wide SELECT i, (SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 300) k) FROM generate_series(1, 1500) i;`

// under way begins a dump and reads its first bytes, so that its readers wait for what holds the rest.
func underWay(t *testing.T, url string) (*engine.Dump, engine.Options) {
	t.Helper()
	o := options(t, url, 18)
	o.Spool, o.Piece = 64<<10, 256<<10
	d := start(t, o)
	if _, err := io.ReadFull(d, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	return d, o
}

// Whatever breaks in the middle, the dump does not end as if it were whole, and says that another try may help.
func TestBrokenInTheMiddle(t *testing.T) {
	shared := testenv.Postgres(t, 18)
	own := testenv.PostgresWith(t, testenv.Options{Major: 17})
	for _, c := range []struct {
		name   string
		server *testenv.Server
		what   func(t *testing.T, url string)
		later  bool // it shows at the end only, at the latest
	}{
		{"a reader's connection", shared, func(t *testing.T, url string) {
			shared.Exec(t, database(url), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'cofre test %' LIMIT 1")
		}, false},
		{"the snapshot's owner", shared, func(t *testing.T, url string) {
			shared.Exec(t, database(url), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'cofre test session'")
		}, true},
		{"the server", own, func(t *testing.T, url string) {
			if err := own.Crash(); err != nil {
				t.Fatal(err)
			}
			if err := own.Restart(context.Background()); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := c.server.NewDatabase(t)
			testenv.LoadSQL(t, url, wide)
			d, _ := underWay(t, url)
			c.what(t, url)
			n, err := io.Copy(io.Discard, d)
			f := fault.From(err)
			if f == nil || f.Code != fault.BackupCreation || f.Reason != fault.ConnectionLost || !f.Transient || f.Hint == "" {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			if _, again := d.Read(make([]byte, 1)); again == nil || again == io.EOF {
				t.Errorf("read again: %v", again)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			// A whole new attempt.
			check(t, all(t, start(t, options(t, url, 18))))
		})
	}
}

// A hot standby ends what reads it when replication has to go on: that is said, with what helps, and is worth a whole new attempt.
func TestStandbyGoesOn(t *testing.T) {
	primary := testenv.PostgresWith(t, testenv.Options{
		Major: 18, Settings: []string{"wal_level = replica", "max_wal_senders = 4", "autovacuum = off"},
		HBA: []string{"local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"},
	})
	url := primary.NewDatabase(t)
	testenv.LoadSQL(t, url, wide)
	standby := testenv.PostgresWith(t, testenv.Options{Major: 18, Primary: primary, Settings: []string{"wal_level = replica", "max_wal_senders = 4", "max_standby_streaming_delay = 0"}})
	d, _ := underWay(t, standby.URL(database(url)))
	// Dead rows that the snapshot still sees are cleared away.
	testenv.LoadSQL(t, url, "DELETE FROM wide WHERE id % 2 = 0;\nVACUUM wide;")
	conn := connect(t, standby.URL(database(url)))
	for here := true; here; time.Sleep(10 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'cofre test session'").Scan(&here); err != nil {
			t.Fatal(err)
		}
	}
	n, err := io.Copy(io.Discard, d)
	f := fault.From(err)
	if f == nil || f.Code != fault.BackupCreation || f.Reason != fault.ServerConflict || !f.Transient || !strings.Contains(f.Message, "conflict with recovery") || !strings.Contains(f.Hint, "hot_standby_feedback") {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	_ = d.Close()
	if rows := check(t, all(t, start(t, options(t, standby.URL(database(url)), 18)))).Rows; rows != 750 {
		t.Errorf("%d rows", rows)
	}
}

// Who gives up leaves no session behind, and no lock.
func TestStopped(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, wide)
	d, o := underWay(t, url)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	o.Session.Close()
	conn := connect(t, url)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var left int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&left); err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions are left", left)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	o = options(t, url, 18)
	o.Spool, o.Piece = 64<<10, 256<<10
	d, err := engine.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	cancel()
	if _, err := io.Copy(io.Discard, d); fault.From(err) == nil || fault.From(err).Code != fault.Canceled {
		t.Errorf("%v", err)
	}
	o = options(t, url, 18)
	o.Spool, o.Piece, o.Dump.Timeout = 64<<10, 256<<10, time.Millisecond
	if d, err = engine.Start(t.Context(), o); err == nil {
		defer d.Close()
		_, err = io.Copy(io.Discard, d)
	}
	if f := fault.From(err); f == nil || f.Code != fault.BackupCreation || f.Reason != fault.Timeout {
		t.Errorf("%v", err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// A lock that somebody else holds is waited for as long as was said, without holding others meanwhile, and then it is said who
// holds it.
func TestLockNotGiven(t *testing.T) {
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE a (i int); CREATE TABLE b (i int); INSERT INTO b SELECT generate_series(1, 10000)")
	holder := connect(t, url+"?application_name=migration")
	if _, err := holder.Exec(t.Context(), "BEGIN; ALTER TABLE b ADD c int"); err != nil {
		t.Fatal(err)
	}
	o := options(t, url, 18)
	o.Dump.LockWaitTimeout = time.Second
	_, err := engine.Start(t.Context(), o)
	f := fault.From(err)
	if f == nil || f.Code != fault.BackupCreation || f.Reason != fault.LockTimeout || !f.Transient || !strings.Contains(f.Error(), "table public.b") || !strings.Contains(f.Error(), "migration") {
		t.Fatalf("%v", err)
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		holder.Exec(context.Background(), "COMMIT")
	}()
	o = options(t, url, 18)
	o.Dump.LockWaitTimeout = time.Minute
	if rows := check(t, all(t, start(t, o))).Rows; rows != 10000 {
		t.Errorf("%d rows", rows)
	}
}

// Tables that the readers are refused, because somebody waits to change them, are read by the session, one at a time and each when
// it is its turn: who held the session before would wait for those who wait for it.
func TestManyRefused(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	const tables = 6
	var b strings.Builder
	b.WriteString(wide)
	for i := range tables {
		fmt.Fprintf(&b, "CREATE TABLE x%02d AS SELECT i, (SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 1000) k) AS v FROM generate_series(1, 20) i;\n", i)
	}
	testenv.LoadSQL(t, url, b.String())
	o := options(t, url, 18)
	o.Jobs, o.Spool, o.Piece = 4, 1, 1<<20
	d := start(t, o)
	var alters sync.WaitGroup
	defer alters.Wait()
	defer o.Session.Close()
	for i := range tables {
		conn := connect(t, url)
		alters.Go(func() { conn.Exec(t.Context(), fmt.Sprintf("ALTER TABLE x%02d ADD more int", i)) })
	}
	conn := connect(t, url)
	for waiting := 0; waiting < tables; time.Sleep(5 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	hangs := time.AfterFunc(time.Minute, func() { _ = d.Close() })
	defer hangs.Stop()
	if rows := check(t, all(t, d)).Rows; rows != 1500+tables*20 {
		t.Errorf("%d rows", rows)
	}
}

// Tables that come and go between listing, lock and snapshot make it begin again; what is frozen is there.
func TestTablesComeAndGo(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE stays AS SELECT 1 AS one")
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for w := range 2 {
		conn := connect(t, url)
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				conn.Exec(ctx, fmt.Sprintf("CREATE TABLE t%d (i int); DROP TABLE IF EXISTS x%[1]d; ALTER TABLE t%[1]d RENAME TO x%[1]d; SELECT pg_sleep(0.02)", w))
			}
		})
	}
	defer all.Wait()
	defer cancel()
	for range 10 {
		s, err := postgres.OpenSession(t.Context(), target(t, url), postgres.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Freeze(t.Context(), postgres.FreezeOptions{Wait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn := connect(t, url)
		for _, table := range f.Tables {
			var locked bool
			err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = $1 AND granted AND mode = 'AccessShareLock')", table.OID).Scan(&locked)
			if err != nil || !locked {
				t.Errorf("%s is not locked: %v", table.Name, err)
			}
		}
		conn.Close(t.Context())
		s.Close()
	}
}

// A server whose lock table has no room gets one pg_dump, whose locks it may have room for.
func TestNoRoomForLocks(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: 18, Settings: []string{"max_locks_per_transaction = 10", "max_connections = 20"}})
	url := s.NewDatabase(t)
	// There is room for the session's locks, or for pg_dump's.
	testenv.LoadSQL(t, url, "SELECT format('CREATE TABLE t%s AS SELECT 1 AS i', g) FROM generate_series(1, 600) g\n\\gexec\n")
	o := options(t, url, 18)
	either, err := engine.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if how, data := either.How(), all(t, either); how.Parallel || !strings.Contains(how.Reason, "max_locks_per_transaction") || check(t, data).Rows != 600 {
		t.Errorf("%+v", how)
	}
	_ = either.Close()
	o.Session.Close()
	testenv.LoadSQL(t, url, "SELECT format('CREATE TABLE t%s (i int)', g) FROM generate_series(601, 6000) g\n\\gexec\n")
	o = options(t, url, 18)
	d, err := engine.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if how := d.How(); how.Parallel || !strings.Contains(how.Reason, "max_locks_per_transaction") {
		t.Errorf("%+v", how)
	}
}

// children is the most that a program took which this process has waited for, in bytes.
func children(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Maxrss << 10
}

// A row of any size passes in pieces: what is held does not grow with it.
func TestMemoryOfALongRow(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	const size = 64 << 20
	testenv.LoadSQL(t, url, fmt.Sprintf("CREATE TABLE long (v text); ALTER TABLE long ALTER v SET STORAGE EXTERNAL; INSERT INTO long SELECT repeat('0123456789abcdef', %d)", size/16))
	o := options(t, url, 18)
	o.Dump.Compression.Algorithm, o.Spool, o.Jobs = pgdump.None, 1<<20, 2
	earlier := children(t)
	d := start(t, o)
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var read, most int64
	buf := make([]byte, 1<<20)
	for i := 0; ; i++ {
		n, err := d.Read(buf)
		read += int64(n)
		if i%20 == 0 {
			runtime.GC() // what nobody refers to any more is not held
			runtime.ReadMemStats(&now)
			most = max(most, int64(now.HeapAlloc)-int64(before.HeapAlloc))
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < size || most > 24<<20 {
		t.Errorf("%d bytes read, %d held", read, most)
	}
	// Nor does pg_dump, which is there for the head, read the row.
	_ = d.Close()
	if after := children(t); after > max(earlier, 80<<20) {
		t.Errorf("a program took %d bytes", after)
	}
}

// Where a row may lie compressed that is much larger than its table and its database, which no size tells, no pg_dump reads it: not in a
// small database, not among many small tables, and not the one that is there for the head.
func TestMemoryOfACompressedRow(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	const size = 64 << 20
	testenv.LoadSQL(t, url, fmt.Sprintf("CREATE TABLE long AS SELECT repeat('0123456789abcdef', %d) v", size/16))
	earlier := children(t)
	for _, c := range []struct {
		name   string
		size   int64
		tables int
	}{{"a small database", 0, 1}, {"small tables", 1 << 30, 1}, {"many small tables", 1 << 30, 1 << 20}} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, url, 18)
			o.Size, o.Tables, o.Small, o.Piece = c.size, c.tables, 0, 0
			d := start(t, o)
			if rows := check(t, all(t, d)).Rows; rows != 1 {
				t.Errorf("%d rows", rows)
			}
			_ = d.Close()
			if after := children(t); after > max(earlier, 80<<20) {
				t.Errorf("a program took %d bytes for a row of %d", after, size)
			}
		})
	}
}

// pg_dump is there for the head, and is held when it begins to read rows. Where it is to read them all after all, it goes on.
func TestHeldAndLetGo(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE a AS SELECT i, repeat('x', 100) AS v FROM generate_series(1, 200000) i; CREATE TABLE b AS SELECT 1 AS one")
	o := options(t, url, 18)
	o.Small = 1 << 30
	o.Dump.Compression.Algorithm = pgdump.None
	conn := connect(t, url)
	held := false
	o.Hesitate(func() { // until pg_dump no longer takes the rows of its first table
		for end := time.Now().Add(time.Minute); !held && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			err := conn.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_stat_activity
				WHERE application_name = 'cofre test head' AND query LIKE 'COPY %' AND wait_event = 'ClientWrite' AND clock_timestamp() - query_start > '100ms'`).Scan(&held)
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	d, err := engine.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if how, rows := d.How(), check(t, all(t, d)).Rows; !held || how.Parallel || rows != 200001 {
		t.Errorf("held: %t, %+v, %d rows", held, how, rows)
	}
}
