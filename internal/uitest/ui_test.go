package uitest

import (
	"path/filepath"
	"testing"

	"cofre/internal/testenv"
)

// shop has little data, archive enough for its backup to be watched while the connection is slow. Random bytes do not compress.
const (
	shop = `CREATE TABLE customers AS SELECT i AS id, 'customer ' || i AS name, md5(i::text) AS note FROM generate_series(1, 20000) AS i`
	// broken cannot be dumped: what its table belongs to has gone from the catalog.
	broken  = `CREATE SCHEMA gone; CREATE TABLE gone.t (); DELETE FROM pg_namespace WHERE nspname = 'gone'`
	archive = `CREATE EXTENSION pgcrypto; CREATE TABLE pages AS SELECT i AS id, gen_random_bytes(1000) AS page FROM generate_series(1, 24000) AS i`
)

// Everything that people do with backups in a browser: each role, create, watch, reload, cancel, validate, download, restore,
// delete, clean up; in both languages and themes, on a desk and on a phone, without a violation of accessibility.
func TestUI(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	for name, script := range map[string]string{"shop": shop, "archive": archive, "broken": broken, "doomed": "", "restored": ""} {
		server.Exec(t, "postgres", "CREATE DATABASE "+name)
		if script != "" {
			testenv.LoadSQL(t, server.URL(name), script)
		}
	}
	proxy := testenv.Proxy(t, server.Addr())
	proxy.Throttle(testenv.ToClient, 2_500_000)
	backups := filepath.Join(t.TempDir(), "backups")

	site := serve(t, "DATABASE_URL="+server.URLThrough(proxy.Addr(), "shop"), "BACKUP_DIRECTORY="+backups,
		"BACKUP_MAX_STORAGE_SIZE_GB=10", "BACKUP_SCHEDULE=0 2 1 1 *", "BACKUP_MAX_REQUESTS_PER_MINUTE=0")
	drive(t, "run.mjs", site, "COFRE_BACKUPS="+backups, "COFRE_CLIENT_BIN="+testenv.ClientBin(testenv.NewestMajor),
		"COFRE_SOURCE="+server.URL("shop"), "COFRE_TARGET="+server.URL("restored"))
}

// Signing in at a real OpenID provider: the code flow with PKCE, what is left in the address, the end of a token, and back.
func TestSignInAtProvider(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	provider := testenv.OIDC(t)
	site := serve(t, "DATABASE_URL="+server.NewDatabase(t), "BACKUP_DIRECTORY="+filepath.Join(t.TempDir(), "backups"),
		"BACKUP_OIDC_ISSUER="+provider.Issuer, "BACKUP_OIDC_AUDIENCE="+testenv.OIDCAudience, "BACKUP_OIDC_ROLES_CLAIM=roles")
	drive(t, "signin.mjs", site, "COFRE_ISSUER="+provider.Issuer)
}
