//go:build pictures

package uitest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"cofre/internal/testenv"
)

// A shop whose tables are worth looking at, and a database that a backup takes its time for.
const (
	loja = `
CREATE EXTENSION pgcrypto;
CREATE SCHEMA relatorios;
CREATE TABLE clientes AS SELECT i AS id, 'cliente ' || i AS nome, md5(i::text) AS nota FROM generate_series(1, 21140) AS i;
CREATE TABLE enderecos AS SELECT i AS id, 'rua ' || i AS rua, md5(i::text) AS bairro FROM generate_series(1, 28804) AS i;
CREATE TABLE produtos AS SELECT i AS id, 'produto ' || i AS nome FROM generate_series(1, 1842) AS i;
CREATE TABLE pedidos (id serial PRIMARY KEY, cliente int NOT NULL, total numeric(10, 2) NOT NULL, nota text);
INSERT INTO pedidos (cliente, total, nota) SELECT 1 + i % 500, i / 7.0, md5(i::text) FROM generate_series(1, 184035) AS i;
CREATE TABLE pedidos_itens AS SELECT i AS id, i % 184035 AS pedido, i % 1842 AS produto, i % 9 AS quantidade FROM generate_series(1, 489123) AS i;
CREATE TABLE pagamentos AS SELECT i AS id, i AS pedido, encode(gen_random_bytes(12), 'hex') AS recibo FROM generate_series(1, 176889) AS i;
CREATE TABLE cupons AS SELECT i AS id FROM generate_series(1, 911) AS i;
CREATE TABLE relatorios.vendas_por_dia_e_por_loja AS SELECT i AS dia, i * 3.5 AS total FROM generate_series(1, 6132) AS i;
CREATE INDEX ON pedidos (cliente);`
	acervo = `CREATE EXTENSION pgcrypto; CREATE TABLE paginas AS SELECT i AS id, gen_random_bytes(1000) AS pagina FROM generate_series(1, 40000) AS i`
)

// Pictures of every screen in every state, to be looked at: several directories of backups, in each of which something else is the matter, and a server for each.
// It is no test of the others' kind, and "make pictures" alone runs it.
func TestPictures(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	for name, script := range map[string]string{"loja": loja, "financeiro": orders, "acervo": acervo} {
		server.Exec(t, "postgres", "CREATE DATABASE "+name)
		testenv.LoadSQL(t, server.URL(name), script)
	}
	proxy := testenv.Proxy(t, server.Addr())
	proxy.Throttle(testenv.ToClient, 250_000)
	slow := testenv.Proxy(t, server.Addr())
	slow.Throttle(testenv.ToServer, 500_000)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	bin := testenv.ClientBin(testenv.NewestMajor)
	env := []string{
		"COFRE_PROGRAM=" + path, "COFRE_ROOT=" + root, "COFRE_CLIENT_BIN=" + bin, "PGDUMP_PATH=" + filepath.Join(bin, "pg_dump"),
		"BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor),
		"LOJA_URL=" + server.URL("loja"), "FINANCEIRO_URL=" + server.URL("financeiro"), "ACERVO_URL=" + server.URLThrough(proxy.Addr(), "acervo"),
		"STAGING_URL=" + server.URLThrough(slow.Addr(), "postgres"), "NTFY_URL=https://ntfy.example.com/backups",
		"BACKUP_MAX_REQUESTS_PER_MINUTE=0", "BACKUP_AUTO_CLEANUP_ENABLED=false",
	}
	drive(t, "worlds.mjs", site{}, env...)
	described, err := os.ReadFile(filepath.Join(root, "worlds.json"))
	if err != nil {
		t.Fatal(err)
	}
	var worlds map[string]map[string]string
	if err := json.Unmarshal(described, &worlds); err != nil {
		t.Fatal(err)
	}
	for name, world := range worlds {
		s := serve(t, append(env, "BACKUP_DIRECTORY="+world["backups"], "BACKUP_CONFIG="+world["config"], "BACKUP_MAX_STORAGE_SIZE_GB="+world["quota"])...)
		worlds[name]["url"], worlds[name]["secret"] = s.url, s.secret
	}
	said, err := json.Marshal(worlds)
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "pictures.mjs", site{}, append(env, "COFRE_WORLDS="+string(said))...)
}
