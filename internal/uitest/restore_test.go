package uitest

import (
	"os"
	"path/filepath"
	"testing"

	"cofre/internal/testenv"
)

// orders refer to customers, and have a sequence that goes on; pages are what a restore through a slow connection takes its time for.
const orders = `
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 500) AS i;
CREATE TABLE orders (id serial PRIMARY KEY, customer int NOT NULL REFERENCES customers, total numeric(10, 2) NOT NULL);
INSERT INTO orders (customer, total) SELECT 1 + i % 500, i / 7.0 FROM generate_series(1, 20000) AS i;
CREATE INDEX ON orders (customer);
CREATE EXTENSION pgcrypto;
CREATE TABLE pages AS SELECT i AS id, gen_random_bytes(1000) AS page FROM generate_series(1, 12000) AS i;`

// The worst day by the browser alone: the database was dropped, and comes back with every row. Then the smaller disasters: rows of
// one table, a database that is replaced, a restore that is stopped half way, a damaged backup.
func TestRestore(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	server.Exec(t, "postgres", "CREATE DATABASE shop")
	testenv.LoadSQL(t, server.URL("shop"), orders)
	proxy := testenv.Proxy(t, server.Addr())
	proxy.Throttle(testenv.ToServer, 1_000_000)
	dir := t.TempDir()
	file := filepath.Join(dir, "cofre.yaml")
	const targets = `targets:
  - name: staging
    connection: {env: STAGING_URL}
    allow: [new, part, replace, switch]
  - name: far away
    connection: {env: FAR_URL}
`
	if err := os.WriteFile(file, []byte(targets), 0o600); err != nil {
		t.Fatal(err)
	}
	backups := filepath.Join(dir, "backups")
	site := serve(t, "DATABASE_URL="+server.URL("shop"), "BACKUP_DIRECTORY="+backups, "BACKUP_CONFIG="+file,
		"STAGING_URL="+server.URL("postgres"), "FAR_URL="+server.URLThrough(proxy.Addr(), "postgres"), "BACKUP_MAX_REQUESTS_PER_MINUTE=0")
	drive(t, "restore.mjs", site, "COFRE_BACKUPS="+backups, "COFRE_CLIENT_BIN="+testenv.ClientBin(testenv.NewestMajor),
		"COFRE_SHOP="+server.URL("shop"), "COFRE_ADMIN="+server.URL("postgres"), "COFRE_HALF="+server.URL("shop_half"))
}
