package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// target parses a URL; nothing comes from the environment.
func target(t testing.TB, url string) postgres.Target {
	t.Helper()
	got, err := postgres.ParseTarget(url, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// client gives the programs of one major.
func client(t testing.TB, major int) pgdump.Client {
	t.Helper()
	c, err := pgdump.Find(context.Background(), pgdump.FindOptions{Dirs: []string{testenv.ClientBin(major)}, Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dump reads a dump to its end.
func dump(t testing.TB, c pgdump.Client, o pgdump.DumpOptions) ([]byte, error) {
	t.Helper()
	d, err := c.Dump(context.Background(), o)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(d)
}

func TestDumpAndRestore(t *testing.T) {
	for _, server := range testenv.InitialMajors() {
		for _, format := range []pgdump.Format{pgdump.Custom, pgdump.Plain} {
			t.Run(fmt.Sprintf("%d/%s", server, format), func(t *testing.T) {
				s := testenv.Postgres(t, server)
				from, to := target(t, s.NewDatabase(t)), target(t, s.NewDatabase(t))
				testenv.LoadSQL(t, s.URL(from.Database()), `CREATE TABLE t (id int primary key, v text); INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 50000) i`)
				c := client(t, testenv.NewestMajor)
				data, err := dump(t, c, pgdump.DumpOptions{Target: from, Format: format})
				if err != nil {
					t.Fatal(err)
				}
				report, err := c.Restore(context.Background(), pgdump.RestoreOptions{Target: to, Format: format}, bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%d bytes, %+v", len(data), report)
			})
		}
	}
}
