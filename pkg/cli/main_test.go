package cli

import (
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"cofre/internal/testenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(testenv.Runner{M: m}, map[string]func(){
		"cofre": func() { os.Exit(Main("v0.0.0-test")) },
	})
}
