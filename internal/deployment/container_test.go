package deployment

import (
	"encoding/json"
	"errors"
	"fmt"
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

// newContainer makes a root that holds what is in the container: what container/context puts together, which is what the Dockerfile
// copies, and a /dev, which containers have.
func newContainer(t *testing.T, more ...string) string {
	t.Helper()
	dockerfile, err := os.ReadFile(filepath.Join(testenv.Root(), "container", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root")
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if out, err := exec.Command(filepath.Join(testenv.Root(), "container", "context"), append([]string{architecture, root}, more...)...).CombinedOutput(); err != nil {
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
	null := filepath.Join(root, "dev", "null")
	if err := errors.Join(os.MkdirAll(filepath.Dir(null), 0o755), os.WriteFile(null, nil, 0o666), os.Chmod(null, 0o666), os.Symlink("/proc/self/fd", filepath.Join(root, "dev", "fd"))); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestContainer makes a backup with just what is in the container, as its user. The database's URL comes out of a secret, as on AWS.
func TestContainer(t *testing.T) {
	root := newContainer(t)
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
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cofre run: %v\n%s", err, said)
	}
	if b := d.api("list", "GET", "/api/backup/"+text(out["id"]), "", 200); b["status"] != "success" {
		t.Errorf("the backup is %v\n%s", b, said)
	}
}

// TestProofContainer proves a backup with just what is in the image for proofs, as its user, and without credentials: with what the workflow gives
// it. It writes nowhere but in its scratch folder, and leaves nothing there.
func TestProofContainer(t *testing.T) {
	if !testenv.InMountNamespace(t) {
		return
	}
	root := newContainer(t, "proof")
	testenv.Proc(t, root)
	d := deploy(t, false)
	id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
	if o := d.follow(id); o.status != "SUCCEEDED" {
		t.Fatalf("the workflow ended as %+v", o)
	}
	var variables []string
	for _, v := range resources(t)["ProofTask"].Properties["ContainerDefinitions"].([]any)[0].(object)["Environment"].([]any) {
		name := text(v.(object)["Name"])
		if value := text(v.(object)["Value"]); value != "" { // others are CloudFormation's to fill in
			variables = append(variables, name+"="+value)
		}
	}
	ordered, f := invoke(t, "prove", d.env("ProveRole"), object{"action": "order", "id": id})
	if f != nil {
		t.Fatalf("order: %+v", f)
	}
	cmd := exec.Command("/usr/bin/cofre", "run", id, "--proof", "--json")
	cmd.Dir = "/"
	cmd.Env = append(variables, "BACKUP_PROOF_ORDER="+text(ordered["link"]), "HOME=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt")
	cmd.SysProcAttr = testenv.InRoot(root, 65532)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cofre run: %v\n%s", err, said)
	}
	for _, want := range []string{`"proven": true`, `"level": "proven"`, `"rows": 5000`} {
		if !strings.Contains(string(said), want) {
			t.Errorf("it does not say %s:\n%s", want, said)
		}
	}
	left, err := os.ReadDir(filepath.Join(root, "var", "scratch"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if out, f := invoke(t, "prove", d.env("ProveRole"), object{"action": "settle", "id": id, "order": ordered["order"]}); f != nil || out["state"] != "proven" {
		t.Errorf("it is settled as %v, %+v", out, f)
	}
	if b := d.api("list", "GET", "/api/backup/"+id, "", 200); !strings.Contains(fmt.Sprint(b["verifications"], b["verification"]), "proven") {
		t.Errorf("the backup is not proven: %v", b)
	}
}

// without leaves variables out.
func without(env []string, prefixes ...string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(e, p) })
	})
}
