package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

const targets = `targets:
  - name: staging
    connection: {env: STAGING_URL}
  - name: super
    connection: {env: SUPER_URL}
  - name: gone
    connection: {env: GONE_URL}
  - name: broken
    connection: {env: BROKEN_URL}
  - name: unset
    connection: {env: UNSET_URL}
`

// A target is what the file names and nothing else; what is wrong with one is told without its password.
func TestRestoreTarget(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	if err := os.WriteFile(file, []byte(targets), 0o600); err != nil {
		t.Fatal(err)
	}
	role, password := server.NewRole(t, "CREATEDB")
	c, err := app.Load([]string{
		"BACKUP_CONFIG=" + file, "BACKUP_DIRECTORY=" + filepath.Join(t.TempDir(), "backups"), "DATABASE_URL=" + server.NewDatabase(t), "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor),
		"STAGING_URL=" + server.URLAs(role, password, "postgres"), "SUPER_URL=" + server.NewDatabase(t), "GONE_URL=postgresql://u:hidden@127.0.0.1:1/postgres", "BROKEN_URL=postgresql://u:hidden@127.0.0.1:port/postgres",
	})
	if err != nil {
		t.Fatal(err)
	}
	to, err := c.RestoreTarget(t.Context(), "staging", "shop_restored")
	if err != nil || to.Database() != "shop_restored" {
		t.Fatalf("%v: %q", err, to.Database())
	}
	for name, reason := range map[string]fault.Reason{"": fault.NotFound, "Staging": fault.NotFound, "postgresql://u@h/d": fault.NotFound, "unset": fault.InvalidInput, "broken": fault.InvalidInput} {
		_, err := c.RestoreTarget(t.Context(), name, "shop")
		if f := fault.From(err); !fault.HasReason(err, reason) || strings.Contains(f.Message+f.Hint+fault.Whole(err)+err.Error(), "hidden") {
			t.Errorf("%q: %v (%+v)", name, err, f)
		}
	}

	a, err := app.Open(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checks := a.Service.Engine.Checks(t.Context(), c.Sources())
	for name, result := range map[string]string{"staging": backup.CheckOK, "super": backup.CheckWarning, "gone": backup.CheckWarning, "broken": backup.CheckWarning, "unset": backup.CheckWarning} {
		i := slices.IndexFunc(checks, func(c backup.Check) bool { return c.Name == "target "+name })
		if i < 0 || checks[i].Result != result || checks[i].Detail == "" || strings.Contains(checks[i].Detail+checks[i].Hint, "hidden") {
			t.Errorf("%s: %+v", name, checks)
		}
	}
}
