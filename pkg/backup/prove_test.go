package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
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

// Proofs that somebody else makes need nothing of this machine. Where no keys are kept, as on AWS, encrypted backups cannot be proven, and that is said.
func TestProofsElsewhere(t *testing.T) {
	o := overview.Overview{Sources: []overview.Source{{Name: "loja", ProofsExpected: true, ProofsElsewhere: true}}}
	config := backup.Config{Engine: struct{ backup.Engine }{}} // nothing may be asked of it
	if c, ok := backup.New(config).CheckProofs(t.Context(), o); ok {
		t.Errorf("it says %+v", c)
	}
	config.KeysElsewhere, config.Defaults.Encrypt = true, true
	if c, ok := backup.New(config).CheckProofs(t.Context(), o); !ok || c.Result != backup.CheckWarning || !strings.Contains(c.Detail, "encrypted") || c.Hint == "" {
		t.Errorf("where no keys are kept it says %+v", c)
	}
}

// An encrypted backup is refused where its key is not kept: before anything is begun, and with what to do instead.
func TestKeysElsewhere(t *testing.T) {
	source := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, "", source, "BACKUP_ENABLE_ENCRYPTION=true", "BACKUP_AGE_RECIPIENTS="+identity.Recipient().String())
	b := w.create(backup.Request{})
	w.Service.KeysElsewhere = true
	for name, ask := range map[string]func() error{
		"a proof":   func() error { _, err := w.Service.Provable(t.Context(), b.ID); return err },
		"an order":  func() error { _, err := w.Service.OrderProof(t.Context(), b.ID); return err },
		"a restore": func() error { _, err := w.Service.RestoreList(t.Context(), b.ID, backup.RestoreRequest{}); return err },
	} {
		err := ask()
		if f := fault.From(err); !fault.HasReason(err, fault.IdentityMissing) || !strings.Contains(f.Message, "its key is not kept here") || !strings.Contains(f.Hint, "on a machine that has the key") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
