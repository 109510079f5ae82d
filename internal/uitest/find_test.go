package uitest

import (
	"os"
	"path/filepath"
	"testing"

	"cofre/internal/testenv"
)

// "Find what was lost yesterday and put that table back" by the browser alone, in few clicks; and what a backup's page says of one that is good, lost rows, is damaged,
// a part, or failed.
func TestFindWhatWasLost(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	for name, script := range map[string]string{"shop": orders, "broken": broken} {
		server.Exec(t, "postgres", "CREATE DATABASE "+name)
		testenv.LoadSQL(t, server.URL(name), script)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "cofre.yaml")
	if err := os.WriteFile(file, []byte("targets:\n  - name: here\n    connection: {env: HERE_URL}\n    allow: [new, part]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backups := filepath.Join(dir, "backups")
	site := serve(t, "DATABASE_URL="+server.URL("shop"), "BACKUP_DIRECTORY="+backups, "BACKUP_CONFIG="+file, "HERE_URL="+server.URL("postgres"), "BACKUP_MAX_REQUESTS_PER_MINUTE=0")
	drive(t, "find.mjs", site, "COFRE_BACKUPS="+backups, "COFRE_CLIENT_BIN="+testenv.ClientBin(testenv.NewestMajor), "COFRE_SHOP="+server.URL("shop"))
}
