package pgdump_test

import (
	"context"
	"io"
	"os"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(parentEnv); url != "" {
		beParent(url)
	}
	testenv.Main(m)
}

var target, client, fingerprint = postgrestest.Target, postgrestest.Client, postgrestest.Fingerprint

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
