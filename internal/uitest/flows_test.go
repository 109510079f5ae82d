package uitest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cofre/internal/testenv"

	"filippo.io/age"
)

// receiver is where messages go, as an HTTPS server elsewhere would be. A POST is kept, a GET gives all that came.
type receiver struct {
	mu  sync.Mutex
	got []json.RawMessage
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(r.got)
		return
	}
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	if err != nil || !json.Valid(body) {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	r.got = append(r.got, body)
	_, _ = io.WriteString(w, "ok")
}

// Everything that there is to do, from an empty place on and by keyboard alone; and main states on the way, in both languages and themes and five widths.
func TestEveryFlow(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	server.Exec(t, "postgres", "CREATE DATABASE shop")
	testenv.LoadSQL(t, server.URL("shop"), orders)
	messages := &receiver{}
	hook, trusted := startOutside(t, messages, true)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "cofre.yaml")
	if err := os.WriteFile(file, []byte("targets:\n  - name: here\n    connection: {env: HERE_URL}\n    allow: [new, part]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backups := filepath.Join(dir, "backups")
	site := serve(t, "BACKUP_DIRECTORY="+backups, "BACKUP_CONFIG="+file, "HERE_URL="+server.URL("postgres"), "BACKUP_SERVER_KEY="+identity.String(), "SSL_CERT_FILE="+trusted,
		"BACKUP_PROOF_SERVER="+testenv.ServerBin(testenv.NewestMajor), "BACKUP_MAX_REQUESTS_PER_MINUTE=0")
	drive(t, "flows.mjs", site, "COFRE_CLIENT_BIN="+testenv.ClientBin(testenv.NewestMajor), "COFRE_SHOP="+server.URL("shop"),
		"COFRE_HOOK="+hook+"/messages", "NODE_EXTRA_CA_CERTS="+trusted)
}
