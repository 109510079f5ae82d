package pgdump

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// readClient learns from a pg_dump's own file what it is, without starting it: it has the line that "pg_dump --version" prints as one of
// its constants. The version is "" where that is not found. delivered reports that it lies in a folder that was made by
// layers/pg_dump, with all that it needs, and for this processor: it need not be tried out. What it was built with is noted, too.
func readClient(file string) (c Client, delivered bool) {
	// There, bin/pg_dump starts libexec/pg_dump with the loader and the libraries of lib, here or one folder up.
	root := filepath.Dir(filepath.Dir(file))
	program := filepath.Join(root, "libexec", "pg_dump")
	if info, err := os.Stat(program); err == nil && info.Mode().IsRegular() {
		for _, lib := range []string{filepath.Join(root, "lib"), filepath.Join(filepath.Dir(root), "lib")} {
			found, _ := filepath.Glob(filepath.Join(lib, "ld-linux-*"))
			delivered = delivered || len(found) > 0
		}
	} else {
		program = file
	}
	f, err := elf.Open(program)
	if err != nil {
		return c, false
	}
	defer f.Close()
	constants := f.Section(".rodata")
	if constants == nil || f.Machine != machines[runtime.GOARCH] || constants.Size > maxConstants {
		return c, false
	}
	data, err := constants.Data()
	if err != nil {
		return c, false
	}
	_, line, found := bytes.Cut(data, []byte("\x00pg_dump (PostgreSQL) "))
	line, _, ended := bytes.Cut(line, []byte{0})
	if !found || !ended {
		return c, false
	}
	c, ok := parseVersion("pg_dump (PostgreSQL) " + string(bytes.TrimSpace(line)))
	if !ok || !delivered {
		return c, false
	}
	c.PgDump = file
	if libraries, err := f.ImportedLibraries(); err == nil && c.Major >= 16 && slices.Contains(libraries, "libzstd.so.1") {
		builtWith.Store([3]string{c.PgDump, c.Version, string(Zstd)}, true)
	}
	return c, true
}

// maxConstants bounds what is read of a program's constants, in bytes; pg_dump has 100 KB.
const maxConstants = 4 << 20

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
