package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
)

// proofServer names the server's programs to a world.
func proofServer(major int) string { return "BACKUP_PROOF_SERVER=" + testenv.ServerBin(major) }

// openFolder makes a folder that every user may enter.
func openFolder(t *testing.T) string {
	dir, err := os.MkdirTemp("", "cofre-proof-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A backup of everything that is hard to dump comes back as it was, by a role without rights, and what only a superuser may make is
// named. The server is gone afterwards, and retention and lists know the proof.
func TestProve(t *testing.T) {
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			source := testenv.Postgres(t, major).NewDatabase(t)
			testenv.LoadFile(t, source, filepath.Join(testenv.Root(), "pkg/postgres/postgrestest/nasty.sql"))
			w := open(t, "", source, proofServer(major))
			b := w.create(backup.Request{Rows: map[int]string{17: backup.RowsBinary}[major]})
			t.Setenv("TMPDIR", openFolder(t))
			done, err := w.Service.Prove(t.Context(), b.ID, backup.ProveOptions{Checks: []backup.ProofCheck{
				{Name: "rows", Query: "SELECT count(*) > 0 FROM pg_catalog.pg_class", Expect: "true"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range done.Proof.Problems {
				t.Error(p.Detail)
			}
			t.Logf("%+v; notes %q", done.Proof.Proof, done.Notes)
			r := done.Proof.Proof
			c := w.contentsOf(b)
			if r.Rows != c.Totals().Rows || r.Tables != c.Totals().Tables || r.Definitions != len(c.Definitions) || r.Sequences != len(c.Sequences) || r.Checks != 1 || r.Computed {
				t.Errorf("compared %+v", r)
			}
			if got := done.Backup.Proofs()[0]; got.Level != registry.LevelProvenInPart || got.Proof == nil {
				t.Errorf("recorded %+v", got)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// Proofs that somebody else makes need nothing of this machine.
func TestProofsElsewhere(t *testing.T) {
	s := backup.New(backup.Config{Engine: struct{ backup.Engine }{}}) // nothing may be asked of it
	if c, ok := s.CheckProofs(t.Context(), overview.Overview{Sources: []overview.Source{{Name: "loja", ProofsExpected: true, ProofsElsewhere: true}}}); ok {
		t.Errorf("it says %+v", c)
	}
}
