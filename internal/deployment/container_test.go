package deployment

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

// TestContainer makes a backup with just what is in the container, as its user: the root is what container/context put together,
// which is what the Dockerfile copies. The database's URL comes out of a secret, as on AWS.
func TestContainer(t *testing.T) {
	dockerfile, err := os.ReadFile(filepath.Join(testenv.Root(), "container", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root")
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if out, err := exec.Command(filepath.Join(testenv.Root(), "container", "context"), architecture, root).CombinedOutput(); err != nil {
		t.Fatalf("container/context: %v\n%s", err, out)
	}
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !strings.Contains(string(dockerfile), "\nCOPY "+f.Name()+" /"+f.Name()+"\n") {
			t.Errorf("the Dockerfile does not copy %s", f.Name())
		}
	}

	d := deploy(t, false)
	out, f := invoke(t, "create", d.env("CreateRole"), object{"action": "reserve", "key": "k"})
	if f != nil {
		t.Fatalf("reserve: %+v", f)
	}
	const arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf"
	secrets := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ SecretId string }
		if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.SecretId != arn {
			http.Error(w, "no such secret", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(object{"SecretString": d.database})
	}))
	defer secrets.Close()

	cmd := exec.Command("/usr/bin/cofre", "run", text(out["id"]), "--json")
	cmd.Dir = "/"
	cmd.Env = append(without(d.env("BackupTaskRole"), "PGDUMP_PATH=", "DATABASE_URL="), "HOME=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER="+secrets.URL, "DATABASE_URL="+arn)
	cmd.SysProcAttr = testenv.InRoot(root, 65532)
	// Containers have a /dev.
	if err := os.MkdirAll(filepath.Join(root, "dev"), 0o755); err == nil {
		err = os.WriteFile(filepath.Join(root, "dev", "null"), nil, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cofre run: %v\n%s", err, said)
	}
	if b := d.api("list", "GET", "/api/backup/"+text(out["id"]), "", 200); b["status"] != "success" {
		t.Errorf("the backup is %v\n%s", b, said)
	}
}

// without leaves variables out.
func without(env []string, prefixes ...string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(e, p) })
	})
}
