package postgrestest

import (
	"os"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// Target parses a URL; nothing comes from the environment.
func Target(t testing.TB, url string) postgres.Target {
	t.Helper()
	got, err := postgres.ParseTarget(url, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Client finds the programs of one major.
func Client(t testing.TB, major int) pgdump.Client {
	t.Helper()
	c, err := pgdump.Find(t.Context(), pgdump.FindOptions{Dirs: []string{testenv.ClientBin(major)}, Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Fingerprint is of a whole database.
func Fingerprint(t testing.TB, db postgres.Target) postgres.Fingerprint {
	t.Helper()
	f, err := postgres.TakeFingerprint(t.Context(), db, postgres.FingerprintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
