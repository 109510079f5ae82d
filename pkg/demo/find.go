package demo

import (
	"os"
	"path/filepath"

	"cofre/pkg/fault"
)

// findPostgres looks for the folder with postgres and initdb: the one asked for, a checkout's own, Debian's
// places (the newest first), PATH.
func findPostgres(getenv func(string) string) (string, error) {
	if asked := getenv("COFRE_DEMO_POSTGRES"); asked != "" {
		for _, dir := range []string{asked, filepath.Join(asked, "bin"), filepath.Dir(asked)} {
			if hasServer(dir) {
				return filepath.Abs(dir)
			}
		}
		return "", fault.New(fault.Validation, fault.InvalidInput, "For example: COFRE_DEMO_POSTGRES=/usr/lib/postgresql/17/bin", "COFRE_DEMO_POSTGRES: there is no postgres and initdb in %.200q", asked)
	}
	var places []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		places = append(places, filepath.Join(filepath.Dir(exe), "..", ".cache", "postgres", "18", "bin"))
	}
	for _, glob := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(glob)
		for i := len(found) - 1; i >= 0; i-- {
			places = append(places, found[i])
		}
	}
	for _, dir := range append(places, filepath.SplitList(getenv("PATH"))...) {
		if hasServer(dir) {
			return filepath.Clean(dir), nil
		}
	}
	return "", fault.New(fault.BackupCreation, fault.ClientMissing,
		"In a checkout run: make demo. Otherwise install a server (Debian: apt-get install postgresql), or set COFRE_DEMO_POSTGRES to the folder of postgres and initdb.",
		"the demo found no PostgreSQL server on this machine")
}

func hasServer(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.IsDir() || st.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
