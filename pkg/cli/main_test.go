package cli

import (
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"cofre/internal/process"
	"cofre/internal/testenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(testenv.Runner{M: m}, map[string]func(){
		"cofre": func() { os.Exit(Main("v0.0.0-test")) },
	})
}

// plain returns the folder of a cofre as make builds it. The one in PATH is this test's own program, with the race detector in it: that takes four
// times as much of the processors, and is for what does several things at once. Most calls do not, and there are a thousand.
func plain(tb testing.TB) string {
	tb.Helper()
	folder, err := plainOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return folder
}

var plainOnce = sync.OnceValues(func() (string, error) {
	dir, err := process.NewDir("cofre")
	if err != nil {
		return "", err
	}
	testenv.AtEnd(dir.Remove)
	return dir.Path, testenv.Build(filepath.Join(dir.Path, "cofre"), "./cmd/cofre")
})
