package pgdump_test

import (
	"context"
	"io"
	"os"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(parentEnv); url != "" {
		beParent(url)
	}
	testenv.Main(m)
}

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
