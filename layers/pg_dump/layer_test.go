package layer_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// From a root that holds nothing but the folder (no shell, no /etc, no /proc), stock pg_dump
// dumps a real database over TCP, from servers as old as its own major and older.
func TestDumpsFromAnEmptyRoot(t *testing.T) {
	majors := testenv.InitialMajors()
	for i, client := range majors {
		jail := newJail(t, filepath.Dir(testenv.ClientBin(client)))
		for _, major := range majors[:i+1] {
			t.Run(fmt.Sprintf("client %d server %d", client, major), func(t *testing.T) {
				server := testenv.Postgres(t, major)
				from, to := server.NewDatabase(t), server.NewDatabase(t)
				testenv.LoadSQL(t, from, "CREATE TABLE t AS SELECT i, repeat('x', i) AS v FROM generate_series(1, 1000) i")

				dump := jail.run(t, nil, "bin/pg_dump", "--format=custom", "--dbname="+from)
				if list := jail.run(t, dump, "bin/pg_restore", "--list"); !bytes.Contains(list, []byte("TABLE DATA public t")) {
					t.Errorf("pg_restore --list says:\n%s", list)
				}
				// A newer client sets what an older server does not know; the rest of the script counts.
				script := jail.run(t, dump, "bin/pg_restore", "--file=-")
				jail.run(t, script, "bin/psql", "--no-psqlrc", "--quiet", "--dbname="+to)
				sum := jail.run(t, nil, "bin/psql", "-XAtc", "SELECT count(*), sum(i), sum(length(v)) FROM t", "--dbname="+to)
				if got := strings.TrimSpace(string(sum)); got != "1000|500500|500500" {
					t.Errorf("restored: %s", got)
				}
			})
		}
	}
}

// The layer's clients share the libraries of the newest. Each dumps a server of its own major from an empty root.
func TestLayerDumpsFromAnEmptyRoot(t *testing.T) {
	jail := newJail(t, testenv.Layer())
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			from := testenv.Postgres(t, major).NewDatabase(t)
			testenv.LoadSQL(t, from, "CREATE TABLE t AS SELECT i, repeat('x', i) AS v FROM generate_series(1, 1000) i")
			bin := fmt.Sprintf("pg_dump/%d/bin/", major)
			dump := jail.run(t, nil, bin+"pg_dump", "--format=custom", "--dbname="+from)
			to := testenv.Postgres(t, major).NewDatabase(t)
			jail.run(t, dump, bin+"pg_restore", "--exit-on-error", "--dbname="+to)
			sum := jail.run(t, nil, bin+"psql", "-XAtc", "SELECT count(*), sum(i), sum(length(v)) FROM t", "--dbname="+to)
			if got := strings.TrimSpace(string(sum)); got != "1000|500500|500500" {
				t.Errorf("restored: %s", got)
			}
		})
	}
}

// Both architectures are complete, whichever this machine is.
func TestLayers(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64} {
		layer := testenv.LayerOf(arch)
		if out, err := exec.Command("./check", layer).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
		err := filepath.WalkDir(filepath.Join(layer, "pg_dump"), func(file string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.Contains(file, "/share/") || d.Name() == "MANIFEST" {
				return err
			}
			f, err := elf.Open(file)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			defer f.Close()
			if f.Machine != machine {
				t.Errorf("%s is for %v", file, f.Machine)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// The scripts' own check, on the folder that cofre ships.
func TestCheckScript(t *testing.T) {
	layer := filepath.Dir(testenv.ClientBin(testenv.NewestMajor))
	if out, err := exec.Command("./check", layer).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}

	spoilt := t.TempDir()
	if err := os.CopyFS(spoilt, os.DirFS(layer)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(spoilt, "lib", "libpq.so.5"), []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("./check", spoilt).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "differ from its MANIFEST") {
		t.Errorf("a spoilt folder: %v\n%s", err, out)
	}
}

func TestUnknownMajorIsRefused(t *testing.T) {
	out, err := exec.Command("./build", "9", t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "known majors: 15, 17, 18") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The launcher works by symbolic link and by relative path too, and names what is missing.
func TestLauncherFindsItsFolder(t *testing.T) {
	bin := testenv.ClientBin(testenv.NewestMajor)
	link := filepath.Join(t.TempDir(), "dump")
	if err := os.Symlink(filepath.Join(bin, "pg_dump"), link); err != nil {
		t.Fatal(err)
	}
	relative := exec.Command("./pg_dump", "--version")
	relative.Dir = bin
	for _, cmd := range []*exec.Cmd{exec.Command(link, "--version"), relative} {
		cmd.Env = []string{"LD_LIBRARY_PATH=/nonexistent"}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "pg_dump (PostgreSQL) 18") {
			t.Errorf("%s: %v\n%s", cmd.Path, err, out)
		}
	}

	alone := filepath.Join(t.TempDir(), "pg_dump")
	launcher, err := os.ReadFile(filepath.Join(bin, "pg_dump"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(alone, launcher, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(alone, "--version")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 127 || !strings.Contains(string(out), "no libexec/pg_dump") {
		t.Errorf("without its folder: %v\n%s", err, out)
	}
}

// jail is an empty root with a copy of a layer.
type jail struct{ root string }

func newJail(t *testing.T, layer string) jail {
	t.Helper()
	j := jail{root: t.TempDir()}
	if err := os.CopyFS(filepath.Join(j.root, "some", "where"), os.DirFS(layer)); err != nil {
		t.Fatal(err)
	}
	return j
}

// run runs a program of the layer and returns its standard output.
func (j jail) run(t *testing.T, stdin []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("/some/where/"+program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PGUSER=postgres", "PGSSLMODE=disable"}
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.SysProcAttr = testenv.InRoot(j.root, 0)
	out, err := cmd.Output()
	if errors.Is(err, fs.ErrPermission) {
		t.Fatalf("cannot enter an empty root: %v; run as root, or let users make namespaces "+
			"(outside of a container: sysctl kernel.unprivileged_userns_clone=1)", err)
	}
	if err != nil {
		t.Fatalf("%s in an empty root: %v\n%s", program, err, stderr.String())
	}
	return out
}
