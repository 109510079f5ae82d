package doctest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
)

// promise is what README says of memory, in MB.
var promise = regexp.MustCompile(`less than (\d+) MB of memory`)

// TestMemory: a backup, and a validation, of cofre and the processes of its own (not pg_dump's) stays below what README
// promises, and one that is six times as large does not take noticeably more.
func TestMemory(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(testenv.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := promise.FindSubmatch(readme)
	if m == nil {
		t.Fatalf("README.md does not say %q", promise)
	}
	limit, _ := strconv.Atoi(string(m[1]))
	server, minio := testenv.Postgres(t, testenv.NewestMajor), testenv.MinIO(t)
	const small, large = 60, 360 // MB of data; the small one already fills every buffer
	urls := map[int]string{}
	for _, mb := range []int{small, large} {
		urls[mb] = server.NewDatabase(t)
		testenv.LoadSQL(t, urls[mb], fmt.Sprintf(`CREATE TABLE t AS SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 31) j) v
			FROM generate_series(1, %d) i`, mb*1000))
	}
	for _, c := range []struct {
		name, directory string
		options         []string
	}{
		{"as it is to S3", "s3://" + minio.NewBucket(t) + "/prefix", []string{"--compression", "none"}},
		{"compressed and encrypted to a directory", t.TempDir(), []string{"--format", "plain", "--compression", "zstd", "--encrypt"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			peaks := map[int]int{}
			for _, mb := range []int{small, large} {
				env := append(minio.Env(), "DATABASE_URL="+urls[mb], "BACKUP_DIRECTORY="+c.directory, "HOME="+t.TempDir(), "TMPDIR="+os.TempDir(),
					"PGDUMP_PATH="+testenv.ClientBin(testenv.NewestMajor), "BACKUP_AGE_RECIPIENTS="+exampleRecipient)
				id, create := peak(t, env, append([]string{"create", "--quiet"}, c.options...)...)
				_, validate := peak(t, env, "validate", "--quiet", strings.TrimSpace(id))
				t.Logf("%d MB of data: %d MB to create, %d MB to validate", mb, create, validate)
				peaks[mb] = max(create, validate)
			}
			if peaks[large] >= limit {
				t.Errorf("it took %d MB; README.md promises less than %d", peaks[large], limit)
			}
			if peaks[large] > peaks[small]+25 {
				t.Errorf("it took %d MB for %d MB of data, and %d MB for %d", peaks[small], small, peaks[large], large)
			}
		})
	}
}

// peak runs cofre and gives the peak of the memory that it and the programs that it runs take for themselves, added
// up, in MB (10^6 bytes). Pages of the program's file, which the system shares and takes back, do not count.
func peak(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(built(t), "cofre"), args...)
	cmd.Env = env
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	most := 0
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			if err != nil {
				t.Fatalf("cofre %v: %v\n%s%s", args, err, out.String(), complaints.String())
			}
			return out.String(), most * 1024 / 1e6
		case <-tick.C:
			sum := anonymous(cmd.Process.Pid)
			children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", cmd.Process.Pid))
			for _, file := range children {
				pids, _ := os.ReadFile(file)
				for _, pid := range strings.Fields(string(pids)) {
					n, _ := strconv.Atoi(pid)
					sum += anonymous(n)
				}
			}
			most = max(most, sum)
		}
	}
}

// anonymous reads how much memory a process of cofre takes now, in KiB; 0 when it runs another program.
func anonymous(pid int) int {
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || filepath.Base(exe) != "cofre" {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	kb, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return kb
}
