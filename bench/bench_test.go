package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"cofre/bench/lab"
	"cofre/bench/measure"
	"cofre/bench/report"
	"cofre/internal/testenv"
)

// The tests run everything at a tiny scale, once, on a database of 3 MB.
const tinyScale = 0.002

var tiny *session

func TestMain(m *testing.M) {
	playRole()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	clearEnvironment()
	dir, err := os.MkdirTemp("", "cofre-bench-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	// PostgreSQL may run as another user, who has to come to its data.
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	cofre := filepath.Join(dir, "cofre")
	if err := testenv.Build(cofre, "./cmd/cofre"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	tiny, err = openSession(context.Background(), config{
		scale: tinyScale, big: 2, rounds: 1, noSync: true, dir: filepath.Join(dir, "lab"), cofre: cofre, pgDump: testenv.ClientBin(18),
		effort: effort{repeats: 2, tables: 30, row: 30, kept: 2 * pageSize, many: 3 * pageSize, crowded: 2 * pageSize, readers: 5, writers: 4, updates: 5},
		only:   map[string][]string{"backup": {"default", "cofre", "cofre local"}, "nowhere": {"default", "gzip pipe", "directory"}},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := tiny.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// Every benchmark runs, and every goal has a figure. The gzip pipe into storage is left out: its AWS command line
// comes from PyPI.
func TestBenchmarks(t *testing.T) {
	for _, m := range benchmarks {
		t.Run(m.name, func(t *testing.T) {
			b := &report.Benchmark{Name: m.name, Title: m.title, Rounds: 1, Scale: tinyScale}
			if err := m.run(t.Context(), tiny, b); err != nil {
				t.Fatal(err)
			}
			t.Log("\n" + b.Markdown())
			for _, s := range b.Series {
				if len(s.Runs) != 1 {
					t.Fatalf("%s has %d runs", s.Name, len(s.Runs))
				}
				if r := s.Runs[0]; r.Wall <= 0 || r.ClientCPU <= 0 || r.ServerCPU < 0 {
					t.Errorf("%s: a run that cost nothing: %+v", s.Name, r)
				}
			}
			if len(b.Figures) == 0 && m.name != "nowhere" {
				t.Error("no figures")
			}
			for _, f := range b.Figures {
				if f.Value <= 0 && !strings.Contains(f.Name, "lost") && !strings.Contains(f.Name, "peak") && !strings.Contains(f.Name, "without an answer") {
					t.Errorf("figure %q is %v", f.Name, f.Value)
				}
			}
		})
	}
}

// What every rival stored is a backup: pg_restore reads as many tables from it as there are.
func TestRivalsStoreBackups(t *testing.T) {
	p := tiny.lab.Postgres
	want, err := p.Int(t.Context(), lab.Database, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('app', 'small', 'public')")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rivals {
		if c.name == "gzip pipe" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			at, err := tiny.newPlace()
			if err != nil {
				t.Fatal(err)
			}
			steps, err := c.steps(&course{s: tiny, p: at, upload: true, ctx: t.Context()})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := tiny.measure(t.Context(), p, measure.Job{Steps: steps, Env: p.Env(lab.Database), Dir: at.dir}); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			download(t, at.prefix, dir)
			got := tablesIn(t, filepath.Join(dir, "backup"), c.name == "plain")
			if int64(got) != want {
				t.Errorf("the backup holds %d tables, the database %d", got, want)
			}
		})
	}
}

// download fetches everything under a prefix.
func download(t *testing.T, prefix, dir string) {
	t.Helper()
	client := tiny.lab.MinIO.Client
	for o := range client.ListObjects(t.Context(), lab.Bucket, minio.ListObjectsOptions{Prefix: prefix + "/", Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		file := filepath.Join(dir, strings.TrimPrefix(o.Key, prefix+"/"))
		if err := client.FGetObject(t.Context(), lab.Bucket, o.Key, file, minio.GetObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// tablesIn counts the tables whose data a backup holds.
func tablesIn(t *testing.T, file string, plain bool) int {
	t.Helper()
	if plain {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count("\n"+string(b), "\nCOPY ")
	}
	list, err := exec.Command(filepath.Join(tiny.lab.ClientBin, "pg_restore"), "--list", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(list), " TABLE DATA ")
}

// The uploader cuts a stream where it should, and what is stored is what came in.
func TestUploaderParts(t *testing.T) {
	for _, c := range []struct {
		name           string
		bytes          int
		part, parallel int
	}{
		{"empty", 0, 5, 1}, {"less than a part", 1000, 5, 1}, {"one part", 5 << 20, 5, 1}, {"a byte more", 5<<20 + 1, 5, 4}, {"many", 33 << 20, 5, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := tiny.newPlace()
			if err != nil {
				t.Fatal(err)
			}
			// Numbered lines: parts in a wrong order show.
			script := fmt.Sprintf("seq 1 9999999 | head -c %d | tee %s/sent", c.bytes, at.dir)
			course := &course{s: tiny, p: at, upload: true}
			if _, err := measure.Run(t.Context(), tiny.self, measure.Job{Steps: []measure.Pipeline{{{"/bin/sh", "-c", script}, course.sink(c.part, c.parallel)}}}); err != nil {
				t.Fatal(err)
			}
			download(t, at.prefix, filepath.Join(at.dir, "stored"))
			if out, err := exec.Command("cmp", filepath.Join(at.dir, "sent"), filepath.Join(at.dir, "stored", "backup")).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if n, err := tiny.lab.MinIO.Stored(t.Context(), at.prefix); err != nil || n != int64(c.bytes) {
				t.Errorf("stored %d bytes, not %d, error %v", n, c.bytes, err)
			}
		})
	}
}

func TestARunThatFailsFailsTheBenchmark(t *testing.T) {
	broken := contestant{"broken", "", "", stream(8, 1, "--format=custom", "--table=no.such")}
	if _, err := broken.entrant(tiny, true).run(t.Context()); err == nil || !strings.Contains(err.Error(), "no matching tables") {
		t.Errorf("error %v", err)
	}
}

func TestConfig(t *testing.T) {
	env := map[string]string{}
	get := func(name string) string { return env[name] }
	c, err := configFrom(get)
	if err != nil || c.scale != 1 || c.big != 10 || c.rounds != 3 || c.results != resultsFile() || !c.wants("backup", "cofre") {
		t.Errorf("%+v, error %v", c, err)
	}
	env = map[string]string{"SCALE": "0.5", "BIG": "10", "ROUNDS": "7", "ONLY": "restore, backup/cofre+stock best"}
	c, err = configFrom(get)
	if err != nil || c.scale != 0.5 || c.big != 10 || c.rounds != 7 || c.results != "" {
		t.Errorf("%+v, error %v", c, err)
	}
	if !c.wants("backup", "stock best") || c.wants("backup", "plain") || !c.wants("restore", "pg_restore") || len(c.only) != 2 {
		t.Errorf("ONLY was read as %v", c.only)
	}
	for name, value := range map[string]string{"SCALE": "0", "BIG": "x", "ROUNDS": "2", "ONLY": "bakcup"} {
		env = map[string]string{name: value}
		if _, err := configFrom(get); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: error %v", name, value, err)
		}
	}
}
