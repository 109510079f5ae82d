package layer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

// A package whose bytes are not those that were pinned under its version is refused; a newer one is told, and refused when
// asked for.
func TestPins(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "libx.deb")
	if err := os.WriteFile(file, []byte("a package"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("a package"))
	good := hex.EncodeToString(sum[:])
	for _, x := range []struct {
		name, pins, strict string
		ok                 bool
		says               string
	}{
		{"as pinned", "libx 1.0 amd64 " + good, "", true, ""},
		{"other bytes", "libx 1.0 amd64 " + strings.Repeat("0", 64), "", false, "is not the one that"},
		{"newer", "libx 0.9 amd64 " + good, "", true, "is newer than what"},
		{"newer, strictly", "libx 0.9 amd64 " + good, "1", false, "is not pinned"},
	} {
		pins := filepath.Join(dir, "versions")
		if err := os.WriteFile(pins, []byte(x.pins+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-euc", `. layers/pg_dump/lib/packages.sh; check_pin libx 1.0 amd64 "$1"`, "sh", file)
		cmd.Dir = testenv.Root()
		cmd.Env = append(os.Environ(), "PINS="+pins, "PIN_STRICT="+x.strict)
		out, err := cmd.CombinedOutput()
		if (err == nil) != x.ok || !strings.Contains(string(out), x.says) || x.says == "" && len(out) > 0 {
			t.Errorf("%s: %v, %s", x.name, err, out)
		}
	}
}
