package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
)

// Whatever tables there are, in whichever pieces and by however many readers they are read, and whatever writers and VACUUM do
// meanwhile: it is what one pg_dump gives of the same snapshot.
func TestWhateverHappensMeanwhile(t *testing.T) {
	for i, major := range []int{18, 15, 17} {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%d on %d", i, major), func(t *testing.T) {
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			url := testenv.Postgres(t, major).NewDatabase(t)
			tables := randomTables(t, url, random)
			stop := unrest(t, url, tables, random)
			defer stop()
			for range 2 {
				o := options(t, url, 18)
				o.Jobs, o.Piece, o.Spool = 1+random.IntN(4), 8192<<random.IntN(6), random.IntN(1<<20)
				d := start(t, o)
				got := all(t, d)
				sameScript(t, 18, got, one(t, o, d.Snapshot()))
				check(t, got)
				_ = d.Close()
				o.Session.Close()
			}
		})
	}
}

// randomTables makes tables of all sorts and gives their names.
func randomTables(t *testing.T, url string, random *rand.Rand) (names []string) {
	var b strings.Builder
	b.WriteString("SET client_min_messages = error; SELECT setseed(0.5);\n")
	for i := range 8 {
		name := fmt.Sprintf("t%d", i)
		rows := 1 << (3 + random.IntN(9))
		long := "''"
		if random.IntN(3) == 0 {
			long = "(SELECT string_agg(md5((g * k)::text), '') FROM generate_series(1, 200) k)" // TOAST
		}
		switch random.IntN(5) {
		case 0: // partitions, one with its columns in another order
			fmt.Fprintf(&b, `CREATE TABLE %[1]s (id int, n int, v text) PARTITION BY RANGE (id);
				CREATE TABLE %[1]s_a PARTITION OF %[1]s FOR VALUES FROM (MINVALUE) TO (100);
				CREATE TABLE %[1]s_b (v text, gone int, n int, id int); ALTER TABLE %[1]s_b DROP COLUMN gone;
				ALTER TABLE %[1]s ATTACH PARTITION %[1]s_b FOR VALUES FROM (100) TO (MAXVALUE);`, name)
		case 1: // inheritance
			fmt.Fprintf(&b, "CREATE TABLE %[1]s (id int, n int, v text); CREATE TABLE %[1]s_child (more text DEFAULT 'm') INHERITS (%[1]s); INSERT INTO %[1]s_child SELECT g, g, 'c' FROM generate_series(1, %[2]d) g;", name, rows)
			names = append(names, name+"_child")
		default:
			fmt.Fprintf(&b, "CREATE %s TABLE %s (gone text, id int, n int, twice int GENERATED ALWAYS AS (n * 2) STORED, v text);", []string{"", "UNLOGGED"}[random.IntN(2)], name)
			if random.IntN(2) == 0 {
				fmt.Fprintf(&b, "ALTER TABLE %s DROP COLUMN gone;", name)
			}
		}
		fmt.Fprintf(&b, "INSERT INTO %s (id, n, v) SELECT g, g, %s || repeat('x', %d) FROM generate_series(1, %d) g;\n", name, long, random.IntN(300), rows)
		names = append(names, name)
	}
	testenv.LoadSQL(t, url, b.String())
	return names
}

// unrest changes rows, and rewrites, empties, makes and drops tables, until it is stopped.
func unrest(t *testing.T, url string, tables []string, random *rand.Rand) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for w := range 3 {
		random := rand.New(rand.NewPCG(random.Uint64(), 0))
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer conn.Close(context.Background())
			conn.Exec(ctx, "SET lock_timeout = 20; SET statement_timeout = '2s'")
			for i := 0; ctx.Err() == nil; i++ {
				name := tables[random.IntN(len(tables))]
				// Errors are as it comes: what is locked is left alone, a deadlock is another time's.
				_, _ = conn.Exec(ctx, []string{
					fmt.Sprintf("UPDATE %s SET n = n + 1, v = v || 'y' WHERE id %% 7 = %d", name, random.IntN(7)),
					fmt.Sprintf("DELETE FROM %s WHERE id %% 11 = %d", name, random.IntN(11)),
					fmt.Sprintf("INSERT INTO %s (id, n, v) SELECT g, g, repeat('z', g %% 500) FROM generate_series(1, 200) g", name),
					fmt.Sprintf("VACUUM %s", name),
					fmt.Sprintf("VACUUM FULL %s", name),
					fmt.Sprintf("TRUNCATE ONLY %s", name),
					fmt.Sprintf("ALTER TABLE %s ALTER n TYPE bigint", name),
					fmt.Sprintf("CREATE TABLE new%d_%d AS SELECT 1 AS one", w, i),
					fmt.Sprintf("DROP TABLE IF EXISTS new%d_%d", w, i-random.IntN(20)),
				}[[]int{0, 0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 8}[random.IntN(14)]])
			}
		})
	}
	return func() { cancel(); all.Wait() }
}
