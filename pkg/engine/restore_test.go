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
	"cofre/pkg/postgres"
	"cofre/pkg/postgres/postgrestest"
)

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
				diff := slices.DeleteFunc(postgres.Diff(want, postgrestest.Fingerprint(t, target(t, to))), func(d string) bool {
					// With jobs, pg_restore may make the trigger of a partitioned table before its partitions are filled, of pg_dump's
					// own archives, too.
					return way[0] == "-j4" && strings.HasPrefix(d, "content public.audit:")
				})
				if len(diff) > 0 {
					t.Errorf("%q: %d differences: %q", way, len(diff), diff[:min(len(diff), 5)])
				}
			}
		})
	}
}
