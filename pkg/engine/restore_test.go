package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

// A database of any encoding and collation comes back by stock pg_restore, whichever way, and by cofre's restore with several jobs and with
// one, with no difference.
func TestRestoreOfOrdinaryDatabases(t *testing.T) {
	s := testenv.Postgres(t, 18)
	words := func(w string) string {
		return fmt.Sprintf(`CREATE TABLE "%[1]s" AS SELECT i AS "%[1]s", '%[1]s' || i AS v FROM generate_series(1, 3000) i; CREATE INDEX ON "%[1]s" (v); COMMENT ON TABLE "%[1]s" IS '%[1]s';`, w)
	}
	for name, c := range map[string]struct{ as, load string }{
		"utf8": {"ENCODING 'UTF8' LOCALE 'C.UTF-8'", postgrestest.Rental + words("日本 é")},
		"icu": {"ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LOCALE 'C'", postgrestest.Rental + words("Ärger") + `
			CREATE COLLATION numeric_order (provider = icu, locale = 'en-u-kn-true');
			CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
			CREATE TABLE sorted (v text COLLATE numeric_order, w text COLLATE any_case UNIQUE);
			INSERT INTO sorted SELECT 'v' || i, 'W' || i FROM generate_series(1, 2000) i;
			CREATE INDEX ON sorted (v);`},
		"sql_ascii": {"ENCODING 'SQL_ASCII' LOCALE 'C'", postgrestest.Rental + words("caf\u00e9") + `
			SET escape_string_warning = off; CREATE TABLE raw (v text); INSERT INTO raw SELECT E'\xe9\xff\x80' || i FROM generate_series(1, 3000) i;`},
		"latin1": {"ENCODING 'LATIN1' LOCALE 'C'", postgrestest.Rental + words("caf\u00e9")},
	} {
		t.Run(name, func(t *testing.T) {
			database := func(what string) string {
				n := "ordinary_" + name + "_" + what
				s.Exec(t, "postgres", "CREATE DATABASE "+n+" TEMPLATE template0 "+c.as)
				t.Cleanup(func() { s.Exec(t, "postgres", "DROP DATABASE "+n+" WITH (FORCE)") })
				return s.URL(n)
			}
			url := database("source")
			testenv.LoadSQL(t, url, "SET client_encoding = 'UTF8';\n"+c.load)
			d := start(t, options(t, url, 18))
			data := all(t, d)
			_ = d.Close()
			file := filepath.Join(t.TempDir(), "archive")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			want := postgrestest.Fingerprint(t, target(t, url))
			same := func(way, to string) {
				t.Helper()
				if diff := postgres.Diff(want, postgrestest.Fingerprint(t, target(t, to))); len(diff) > 0 {
					t.Errorf("%s: %d differences: %q", way, len(diff), diff[:min(len(diff), 5)])
				}
			}
			for i, way := range [][]string{{file}, {}, {"-1", file}, {"-j4", file}} {
				to := database(fmt.Sprint(i))
				cmd := exec.Command(filepath.Join(testenv.ClientBin(18), "pg_restore"), append([]string{"--exit-on-error", "--dbname=" + to}, way...)...)
				cmd.Stdin = bytes.NewReader(data)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%q: %v\n%s", way, err, out)
				}
				same(fmt.Sprint(way), to)
			}
			for _, jobs := range []int{1, 4} {
				to := database(fmt.Sprint("cofre", jobs))
				o := pgdump.RestoreOptions{Target: target(t, to), Jobs: jobs}
				if _, err := client(t, 18).Restore(t.Context(), o, bytes.NewReader(data)); err != nil {
					t.Fatal(err)
				}
				same(fmt.Sprintf("cofre with %d jobs", jobs), to)
			}
		})
	}
}

// With jobs, stock pg_restore may make the trigger of a partitioned table before its partitions are filled, of pg_dump's own archives,
// too: the trigger then writes into audit, and takes from its sequence.
func withoutTriggersOfJobs(diff, way []string) []string {
	return slices.DeleteFunc(diff, func(d string) bool {
		return slices.Contains(way, "-j4") &&
			(strings.HasPrefix(d, "content public.audit:") || strings.HasPrefix(d, "sequence value public.audit_id_seq:"))
	})
}

// Stock pg_restore brings a hard database back from the archive with no difference: from a file, from a pipe, with several jobs, and in
// one transaction; the oldest that reads the archive, and newer ones.
func TestStockRestore(t *testing.T) {
	for _, c := range []struct{ server, client, restore int }{{15, 15, 15}, {17, 17, 18}, {18, 18, 18}} {
		t.Run(fmt.Sprintf("%d by %d", c.server, c.client), func(t *testing.T) {
			url := testenv.Postgres(t, c.server).NewDatabase(t)
			testenv.LoadSQL(t, url, postgrestest.Nasty)
			d := start(t, options(t, url, c.client))
			data := all(t, d)
			_ = d.Close()
			want := postgrestest.Fingerprint(t, target(t, url))
			file := filepath.Join(t.TempDir(), "archive")
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, way := range [][]string{{file}, {"-1"}, {"-j4", file}} {
				to := testenv.Postgres(t, c.server).NewDatabase(t)
				cmd := exec.Command(filepath.Join(testenv.ClientBin(c.restore), "pg_restore"), append([]string{"--exit-on-error", "--dbname=" + to}, way...)...)
				cmd.Stdin = bytes.NewReader(data)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%q: %v\n%s", way, err, out)
				}
				diff := withoutTriggersOfJobs(postgres.Diff(want, postgrestest.Fingerprint(t, target(t, to))), way)
				if len(diff) > 0 {
					t.Errorf("%q: %d differences: %q", way, len(diff), diff[:min(len(diff), 5)])
				}
			}
		})
	}
}
