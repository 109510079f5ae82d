package functions_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
)

// names gives all functions, by their folders.
func names(tb testing.TB) []string {
	tb.Helper()
	mains, err := filepath.Glob(filepath.Join(testenv.Root(), "functions/*/main.go"))
	if err != nil || len(mains) == 0 {
		tb.Fatalf("no functions: %v", err)
	}
	var all []string
	for _, m := range mains {
		all = append(all, filepath.Base(filepath.Dir(m)))
	}
	return all
}

// maxZip bounds what is uploaded for a function, in bytes. What grows beyond it is worth a look: a cold start reads it all.
const maxZip = 9 << 20

// Programs of one size are made of the same packages: one of them is zipped for all.
func TestZipsAreSmall(t *testing.T) {
	seen := map[int64]bool{}
	for _, name := range names(t) {
		info, err := os.Stat(build(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if seen[info.Size()] {
			continue
		}
		seen[info.Size()] = true
		if size := zipped(t, name); size > maxZip {
			t.Errorf("%s is %d bytes zipped, more than %d", name, size, maxZip)
		}
	}
}

// Every function has an event to try it with, and every event a function.
func TestEventsAndFunctionsMatch(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Root(), "events/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	all, tried := names(t), map[string]bool{}
	for _, f := range files {
		name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".json"), "-")
		if !slices.Contains(all, name) {
			t.Errorf("%s is an event of no function", f)
		}
		tried[name] = true
	}
	for _, name := range all {
		if !tried[name] {
			t.Errorf("there is no event for %s", name)
		}
	}
}

// BenchmarkColdStart gives the size of each function's zip, the time from the start of its process to the answer of its
// first event, and that of the next. The event is one that no function knows, so that nothing but the start is measured.
//
//	go test ./functions -run '^$' -bench ColdStart -benchtime 10x
func BenchmarkColdStart(b *testing.B) {
	s3 := testenv.MinIO(b)
	env := append(s3.Env(), "BACKUP_DIRECTORY=s3://"+s3.NewBucket(b)+"/backups", "DATABASE_URL=postgresql://u:p@127.0.0.1/d")
	for _, name := range names(b) {
		b.Run(name, func(b *testing.B) {
			size := zipped(b, name)
			var cold, warm time.Duration
			for range b.N {
				b.StopTimer()
				f := start(b, name, env...)
				b.StartTimer()
				cold += f.invoke([]byte(`[]`)).took
				warm += f.invoke([]byte(`[]`)).took
				b.StopTimer()
				f.process.Kill()
			}
			b.ReportMetric(float64(cold.Microseconds())/1000/float64(b.N), "ms/cold")
			b.ReportMetric(float64(warm.Microseconds())/1000/float64(b.N), "ms/warm")
			b.ReportMetric(float64(size)/1e6, "MB/zip")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkAccepted gives the time until a call is answered that starts a backup's workflow: in a new process, and in the same
// one again. It is to be a second at most.
//
//	go test ./functions -run '^$' -bench Accepted -benchtime 10x
func BenchmarkAccepted(b *testing.B) {
	states := newStepFunctions(b)
	w := newWorld(b, "BACKUP_WORKFLOW_ARN="+stateMachine, "AWS_ENDPOINT_URL_SFN="+states.URL, "BACKUP_MAX_CONCURRENT=100")
	var cold, warm time.Duration
	for range b.N {
		b.StopTimer()
		f := w.start("create")
		b.StartTimer()
		for _, total := range []*time.Duration{&cold, &warm} {
			var accepted outcome
			a := f.invoke(event(b, "create", ""))
			a.http(202, &accepted)
			*total += a.took
		}
		b.StopTimer()
		f.process.Kill()
	}
	b.ReportMetric(float64(cold.Microseconds())/1000/float64(b.N), "ms/cold")
	b.ReportMetric(float64(warm.Microseconds())/1000/float64(b.N), "ms/warm")
	b.ReportMetric(0, "ns/op")
}

// The template's own architecture is arm64, wherever this runs. What is built for this machine's is what the other tests take for it.
func TestBothArchitecturesAreBuilt(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64} {
		dir := t.TempDir()
		make := exec.Command("make", "--silent", "build-CreateFunction", "ARCHITECTURE="+arch, "ARTIFACTS_DIR="+dir)
		make.Dir = testenv.Root()
		if arch != architecture() {
			make.Env = append(os.Environ(), "GOFLAGS='-gcflags=all=-N -l'") // nobody runs it: it need not be fast
		}
		if out, err := make.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", arch, err, out)
		}
		program := filepath.Join(dir, "bootstrap")
		if arch == architecture() {
			if deployed, tested := sizeOf(t, program), sizeOf(t, build(t, "create")); max(deployed, tested)-min(deployed, tested) > 64<<10 {
				t.Errorf("what is deployed has %d bytes, what is tested %d: testenv.Build and functions/build.mk build with different options", deployed, tested)
			}
		}
		f, err := elf.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		libraries, err := f.ImportedLibraries()
		f.Close()
		if err != nil || f.Machine != machine || len(libraries) > 0 {
			t.Errorf("%s is for %v and needs %v, %v", arch, f.Machine, libraries, err)
		}
	}
	make := exec.Command("make", "--silent", "build-CreateFunction", "ARCHITECTURE=riscv", "ARTIFACTS_DIR="+t.TempDir())
	make.Dir = testenv.Root()
	if out, err := make.CombinedOutput(); err == nil || !strings.Contains(string(out), "arm64 or x86_64") {
		t.Errorf("an unknown architecture: %v\n%s", err, out)
	}
}

func sizeOf(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Where there is no apt, as on Amazon Linux, the layer that is there is taken, and without one the build says what to do.
func TestLayerWithoutApt(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"sh", "make", "git", "find", "cp", "mkdir", "echo"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(root string) (string, string, error) {
		dir := t.TempDir()
		make := exec.Command(filepath.Join(bin, "make"), "--silent", "build-PgDumpLayer", "ARCHITECTURE="+architecture(), "ARTIFACTS_DIR="+dir)
		make.Dir, make.Env = root, []string{"PATH=" + bin}
		out, err := make.CombinedOutput()
		return dir, string(out), err
	}
	dir, out, err := run(testenv.Root())
	if _, serr := os.Stat(filepath.Join(dir, "pg_dump/18/bin/pg_dump")); err != nil || serr != nil {
		t.Errorf("%v, %v\n%s", err, serr, out)
	}
	bare := t.TempDir() // a checkout without .cache
	for _, name := range []string{"Makefile", "functions"} {
		if err := os.Symlink(filepath.Join(testenv.Root(), name), filepath.Join(bare, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, out, err := run(bare); err == nil || !strings.Contains(out, "scripts/setup layer-"+architecture()) {
		t.Errorf("without a layer: %v\n%s", err, out)
	}
}
