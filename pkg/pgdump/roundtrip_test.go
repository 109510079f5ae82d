package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

// databases to bring back equal, by name.
var databases = map[string]string{
	"empty": "",
	"nasty": postgrestest.Nasty,
	"many":  postgrestest.ManyTables(2000),
	"huge":  postgrestest.HugeRow(300 << 20),
}

// stockRestore restores a custom dump with the stock pg_restore of a major, as a user would by hand.
func stockRestore(t testing.TB, major int, to postgres.Target, data []byte, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(testenv.ClientBin(major), "pg_restore"), append(args, "--dbname="+to.ClientConninfo())...)
	cmd.Env = append(os.Environ(), to.ClientEnv()...)
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pg_restore: %v\n%s", err, out)
	}
}

func fingerprint(t testing.TB, db postgres.Target) postgres.Fingerprint {
	t.Helper()
	f, err := postgres.TakeFingerprint(context.Background(), db, postgres.FingerprintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantEqual(t testing.TB, from, to postgres.Target) {
	t.Helper()
	a, b := fingerprint(t, from), fingerprint(t, to)
	diff := postgres.Diff(a, b)
	for i, d := range diff {
		if i == 20 {
			t.Errorf("and %d more differences", len(diff)-20)
			break
		}
		t.Error(d)
	}
	t.Logf("%d entries, %d tables, %d rows, %d large objects", len(a.Entries), a.Tables, a.Rows, a.LOs)
}

// TestStockRestoreOfADump restores what Dump wrote with stock pg_restore of the server's own major where it can read
// the archive, else of the newest.
func TestStockRestoreOfADump(t *testing.T) {
	for _, name := range []string{"empty", "nasty", "many"} {
		for _, server := range testenv.InitialMajors() {
			t.Run(fmt.Sprintf("%s/%d", name, server), func(t *testing.T) {
				s := testenv.Postgres(t, server)
				from, to := target(t, s.NewDatabase(t)), target(t, s.NewDatabase(t))
				testenv.LoadSQL(t, s.URL(from.Database()), databases[name])
				data, err := dump(t, client(t, server), pgdump.DumpOptions{Target: from})
				if err != nil {
					t.Fatal(err)
				}
				stockRestore(t, server, to, data, "--exit-on-error")
				wantEqual(t, from, to)
			})
		}
	}
}

// TestRestoreRoundTrip dumps with the newest client, restores with Restore, and compares; also from one major to another.
func TestRestoreRoundTrip(t *testing.T) {
	for _, name := range []string{"empty", "nasty", "many"} {
		for _, way := range [][2]int{{15, 15}, {17, 17}, {18, 18}, {15, 18}, {17, 18}} {
			for _, format := range []pgdump.Format{pgdump.Custom, pgdump.Plain} {
				t.Run(fmt.Sprintf("%s/%d to %d/%s", name, way[0], way[1], format), func(t *testing.T) {
					source, dest := testenv.Postgres(t, way[0]), testenv.Postgres(t, way[1])
					from, to := target(t, source.NewDatabase(t)), target(t, dest.NewDatabase(t))
					testenv.LoadSQL(t, source.URL(from.Database()), databases[name])
					if name == "nasty" {
						testenv.LoadSQL(t, dest.URL("postgres"), rolesOf(postgrestest.Nasty))
					}
					c := client(t, testenv.NewestMajor)
					data, err := dump(t, c, pgdump.DumpOptions{Target: from, Format: format})
					if err != nil {
						t.Fatal(err)
					}
					report, err := c.Restore(context.Background(), pgdump.RestoreOptions{Target: to, Format: format}, bytes.NewReader(data))
					if err != nil {
						t.Fatalf("%v\n%+v", err, report)
					}
					wantEqual(t, from, to)
				})
			}
		}
	}
}

// rolesOf cuts the part that creates roles out of the nasty database.
func rolesOf(sql string) string {
	_, rest, _ := strings.Cut(sql, "DO $$")
	roles, _, _ := strings.Cut(rest, "-- Extensions")
	return "DO $$" + roles
}
