package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
)

// TestDocumentedCalls types the commands of docs/api.md into one shell, as somebody would who reads it from the top,
// and sees that every operation is shown.
func TestDocumentedCalls(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v; run: make setup", err)
		}
	}
	text, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	database := newDatabase(t)
	w := newWorld(t, database, nil, append(withTarget(t, database), "BACKUP_MAX_CONCURRENT=10", "BACKUP_COPIES="+filepath.Join(t.TempDir(), "second"), "BACKUP_SERVER_KEY="+id.String())...)
	script := "set -eu -o pipefail\n"
	blocks := regexp.MustCompile("(?s)```bash\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	for _, b := range blocks {
		script += "set -x\n" + b[1] + "{ set +x; } 2>/dev/null\n"
	}
	script = strings.NewReplacer("http://127.0.0.1:8080", w.server.URL, "eyJhbGciOi", token("ADMIN")).Replace(script)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || len(blocks) < 15 {
		t.Fatalf("%d blocks: %v\n%s", len(blocks), err, out)
	}
	w.server.Close() // a request is logged behind its answer
	for _, op := range w.contract.Operations() {
		path, _, _ := strings.Cut(op.Path, "/{")
		if !strings.Contains(script, "$API"+path) {
			t.Errorf("%s is not shown", op.ID)
		}
		if !strings.Contains(w.log.String(), `"operation":"`+op.ID+`"`) {
			t.Errorf("%s was not called", op.ID)
		}
	}
	if strings.Contains(w.log.String(), `"level":"ERROR"`) {
		t.Errorf("errors in the log: %s", w.log.String())
	}
}
