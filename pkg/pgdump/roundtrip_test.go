package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/archive"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

// databases to bring back equal, by name.
var databases = map[string]string{
	"empty": "",
	"nasty": postgrestest.Nasty,
	"many":  postgrestest.ManyTables(2000),
	"huge":  postgrestest.HugeRow(96),
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

func wantEqual(t testing.TB, from, to postgres.Target) {
	t.Helper()
	equal(t, fingerprint(t, from), fingerprint(t, to))
}

func equal(t testing.TB, a, b postgres.Fingerprint) {
	t.Helper()
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

// TestStockRestore restores what Dump wrote with stock pg_restore and nothing of ours.
func TestStockRestore(t *testing.T) {
	for _, c := range []struct {
		name                      string
		from, client, restore, to int
	}{
		{"empty", 15, 15, 15, 15}, {"nasty", 15, 15, 15, 15}, {"nasty", 17, 17, 17, 17}, {"empty", 18, 18, 18, 18}, {"nasty", 18, 18, 18, 18},
		{"nasty", 15, 18, 18, 18}, {"nasty", 17, 18, 18, 18}, {"nasty", 15, 17, 17, 17},
	} {
		t.Run(fmt.Sprintf("%s/%d by %d to %d", c.name, c.from, c.client, c.to), func(t *testing.T) {
			from, to := filled(t, c.name, c.from), fresh(t, c.name, c.to)
			data, err := dump(t, client(t, c.client), pgdump.DumpOptions{Target: from})
			if err != nil {
				t.Fatal(err)
			}
			stockRestore(t, c.restore, to, data, "--exit-on-error")
			wantEqual(t, from, to)
		})
	}
}

// filled gives a new database with content.
func filled(t testing.TB, name string, major int) postgres.Target {
	t.Helper()
	s := testenv.Postgres(t, major)
	db := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(db.Database()), databases[name])
	return db
}

// fresh gives an empty database on a server that has the roles of the content.
func fresh(t testing.TB, name string, major int) postgres.Target {
	t.Helper()
	s := testenv.Postgres(t, major)
	if name == "nasty" {
		testenv.LoadSQL(t, s.URL("postgres"), rolesOf(postgrestest.Nasty))
	}
	return target(t, s.NewDatabase(t))
}

// TestRestoreRoundTrip dumps with the newest client, restores in every way that Restore has, and compares; also from
// one major to another.
func TestRestoreRoundTrip(t *testing.T) {
	for _, way := range [][2]int{{15, 15}, {17, 17}, {18, 18}, {15, 18}, {17, 18}} {
		for _, name := range []string{"empty", "nasty", "many"} {
			if name != "nasty" && way[0] != testenv.NewestMajor {
				continue // nothing in it depends on the version
			}
			t.Run(fmt.Sprintf("%s/%d to %d", name, way[0], way[1]), func(t *testing.T) {
				from := filled(t, name, way[0])
				want := fingerprint(t, from)
				dumps := map[pgdump.Format][]byte{} // one for all modes
				for _, mode := range restoreModes {
					if (name == "many" || way[0] != way[1]) && mode.name != "auto" && mode.name != "jobs over ranges" {
						continue
					}
					t.Run(mode.name, func(t *testing.T) {
						to := fresh(t, name, way[1])
						if format := mode.options.Format; dumps[format] == nil {
							var err error
							if dumps[format], err = dump(t, client(t, testenv.NewestMajor), pgdump.DumpOptions{Target: from, Format: format}); err != nil {
								t.Fatal(err)
							}
						}
						report := restored(t, dumps[mode.options.Format], to, mode.options)
						equal(t, want, fingerprint(t, to))
						t.Logf("%s in %s, one transaction %t, %d tables", report.Method, report.Duration.Round(time.Millisecond), report.OneTransaction, report.Done["TABLE"])
					})
				}
			})
		}
	}
}

var restoreModes = []struct {
	name    string
	options pgdump.RestoreOptions
}{
	{"auto", pgdump.RestoreOptions{}},
	{"one", pgdump.RestoreOptions{Transaction: pgdump.One}},
	{"several", pgdump.RestoreOptions{Transaction: pgdump.Several}},
	{"jobs", pgdump.RestoreOptions{Jobs: 2}},
	{"jobs over ranges", pgdump.RestoreOptions{Jobs: 2, Ranges: &pgdump.Ranges{}}},
	{"plain", pgdump.RestoreOptions{Format: pgdump.Plain}},
}

// restored restores a dump. Ranges that are not nil are filled in.
func restored(t testing.TB, data []byte, to postgres.Target, o pgdump.RestoreOptions) pgdump.RestoreReport {
	t.Helper()
	o.Target = to
	in := data
	if o.Ranges != nil {
		o.Ranges, in = ranges(t, data), headOf(t, data)
	}
	report, err := client(t, testenv.NewestMajor).Restore(context.Background(), o, bytes.NewReader(in))
	if err != nil {
		t.Fatalf("%v\n%+v", err, report)
	}
	return report
}

// headOf gives the part of an archive before its first block.
func headOf(t testing.TB, data []byte) []byte {
	t.Helper()
	h, err := archive.ReadHead(context.Background(), bytes.NewReader(data), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return data[:h.Length]
}

func ranges(t testing.TB, data []byte) *pgdump.Ranges {
	t.Helper()
	check := archive.NewChecker(archive.Options{Kind: archive.KindCustom})
	if _, err := check.Write(data); err != nil {
		t.Fatal(err)
	}
	summary, err := check.Close()
	if err != nil {
		t.Fatal(err)
	}
	return &pgdump.Ranges{Index: summary.Index, Open: func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(bytes.NewReader(data), offset, length)), nil
	}}
}

// TestHugeRow passes a row of 96 MB through without holding it: what it takes here are buffers.
func TestHugeRow(t *testing.T) {
	from, to := filled(t, "huge", 18), fresh(t, "huge", 18)
	c := client(t, 18)
	d, err := c.Dump(context.Background(), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := c.Restore(context.Background(), pgdump.RestoreOptions{Target: to, Jobs: 2}, d); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
		t.Errorf("%d MB were allocated", used>>20)
	}
	wantEqual(t, from, to)
}

// rolesOf cuts the part that creates roles out of the nasty database.
func rolesOf(sql string) string {
	_, rest, _ := strings.Cut(sql, "DO $$")
	roles, _, _ := strings.Cut(rest, "-- Extensions")
	return "DO $$" + roles
}
