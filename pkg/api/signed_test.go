package api_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// Where trusted keys are set, the API hands out and validates what they have signed and nothing else, whatever the index says.
// A request cannot allow more.
func TestSignedBackups(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, newDatabase(t), nil, "BACKUP_SIGNING_KEY="+key, "BACKUP_TRUSTED_KEYS="+strings.TrimSpace(string(public)))
	id := w.created(w.http, "").ID
	answered := func(method, path string, status int, field, want string) {
		t.Helper()
		for _, door := range []func(ask) reply{w.http, w.function} {
			var got map[string]any
			door(ask{method, path, "ADMIN", "", nil}).want(status).into(&got)
			if field != "" && got[field] != want {
				t.Errorf("%s %s: %s is %v, want %s", method, path, field, got[field], want)
			}
		}
	}
	b, err := w.Service.Info(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	answered("GET", "/api/backup/download/"+id, 200, "checksum", b.Checksum)
	answered("POST", "/api/backup/validate/"+id, 200, "", "")

	// Whoever may write to the storage changes the index: what was signed is handed out.
	if err := w.Service.Registry.Update(t.Context(), func(x *registry.Index) error {
		x.Find(id).Checksum = strings.Repeat("0", 64)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	answered("GET", "/api/backup/download/"+id, 200, "checksum", b.Checksum)
	answered("POST", "/api/backup/validate/"+id, 200, "", "")

	// And then the manifest, and then removes the signature.
	ctx := context.Background()
	manifest, _, err := w.Store.Get(ctx, registry.ManifestKey(id))
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(manifest), b.Checksum, strings.Repeat("0", 64), 1)
	if _, err := w.Store.Put(ctx, registry.ManifestKey(id), []byte(forged), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	answered("GET", "/api/backup/download/"+id, 409, "reason", "signature_wrong")
	answered("GET", "/api/backup/download/"+id+"?redirect=1", 409, "reason", "signature_wrong")
	answered("POST", "/api/backup/validate/"+id, 409, "reason", "signature_wrong")
	if err := w.Store.Delete(ctx, registry.SignatureKey(id)); err != nil {
		t.Fatal(err)
	}
	answered("GET", "/api/backup/download/"+id, 409, "reason", "signature_missing")
	answered("POST", "/api/backup/validate/"+id, 409, "reason", "signature_missing")
}
