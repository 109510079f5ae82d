package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
)

// storesUnderTest are the services of others that TestStores runs on; "make stores" adds those that are heavy to start.
var storesUnderTest = append(storeCases(testenv.LightStores()...), locked("moto", 1))

// storeCase is one configuration of a service.
type storeCase struct {
	name   string // in the matrix
	server string // of testenv.Store
	bucket func(testing.TB, *testenv.StoreServer) string
}

func storeCases(names ...string) (cases []storeCase) {
	for _, name := range names {
		cases = append(cases, storeCase{name, name, func(tb testing.TB, s *testenv.StoreServer) string { return s.NewBucket(tb) }})
	}
	return cases
}

func locked(name string, days uint) storeCase {
	return storeCase{name + ", object lock", name, func(tb testing.TB, s *testenv.StoreServer) string { return s.NewLockedBucket(tb, days) }}
}

func versioned(name string) storeCase {
	return storeCase{name + ", versions", name, func(tb testing.TB, s *testenv.StoreServer) string { return s.NewVersionedBucket(tb) }}
}

// TestStores does all that people do with backups on services that nobody here wrote, and holds what is found missing there
// against the matrix in docs/operating.md.
func TestStores(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var matrix []string
	t.Run("", func(t *testing.T) {
		for _, c := range storesUnderTest {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				row := fmt.Sprintf("| %s | %s |", c.name, c.run(t))
				mu.Lock()
				defer mu.Unlock()
				matrix = append(matrix, row)
				if !bytes.Contains(document, []byte("\n"+row+"\n")) {
					t.Errorf("docs/operating.md does not have the row\n%s", row)
				}
			})
		}
	})
	slices.Sort(matrix)
	t.Logf("\n%s", strings.Join(matrix, "\n"))
}

// run gives what the service was found to lack.
func (c storeCase) run(t *testing.T) string {
	server := testenv.Store(t, c.server)
	bucket := c.bucket(t, server)
	env := environment(t, newSample(t), "s3://"+bucket+"/a/b", append(server.Env(), "BACKUP_MAX_CONCURRENT=8")...)

	// Without a look by doctor before: creating finds out by itself what the service can do.
	var first backup.Backup
	warned := works(t, env, &first, "create", "-n", "first")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			var b backup.Backup
			if works(t, env, &b, "create", "-n", fmt.Sprintf("at-once-%d", i)); b.ID == "" {
				t.Errorf("create %d at once", i)
			}
		})
	}
	all.Wait()
	c.stored(t, server, bucket, first)
	var list backup.List
	if works(t, env, &list, "list"); list.Total != 5 {
		t.Errorf("%d backups of 5 are listed", list.Total)
	}
	works(t, env, nil, "validate", "first.dump", "at-once-3.dump")
	works(t, env, nil, "delete", "first.dump", "--yes")
	works(t, env, nil, "create", "-n", "first")
	works(t, env, nil, "delete", "first.dump", "--yes")
	works(t, env, nil, "cleanup")
	if works(t, env, &list, "list"); list.Total != 4 {
		t.Errorf("%d backups of 4 are listed", list.Total)
	}
	var d backup.Diagnosis
	works(t, env, &d, "doctor")
	lacks := c.lacks(t, server, bucket)
	for _, check := range d.Checks {
		if check.Name == "leftovers" {
			t.Errorf("left over: %s", check.Detail)
		}
		// Whether writers that come at the same moment are kept apart is found by trying, and a matter of chance: two looks may differ.
		// Where the conditions themselves are missing they are always missing.
		chance := !strings.Contains(lacks, "create-only") && strings.Contains(warned+check.Detail, "among several writers")
		if check.Name == "storage: safe updates" && !chance && (check.Result == backup.CheckWarning) != strings.Contains(warned, "one cofre at a time") {
			t.Errorf("doctor says %s, create said %q", check.Result, warned)
		}
	}
	return lacks
}

// stored holds the object, read by a client of another make, against the record.
func (c storeCase) stored(t *testing.T, server *testenv.StoreServer, bucket string, b backup.Backup) {
	t.Helper()
	o, err := server.Client(t).GetObject(t.Context(), bucket, strings.TrimPrefix(b.Filepath, "s3://"+bucket+"/"), minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	h := sha256.New()
	if n, err := io.Copy(h, o); err != nil || n != b.Size || hex.EncodeToString(h.Sum(nil)) != b.Checksum {
		t.Errorf("the object has %d bytes of %d, %v", n, b.Size, err)
	}
}

// lacks reads what was kept about the service.
func (c storeCase) lacks(t *testing.T, server *testenv.StoreServer, bucket string) string {
	t.Helper()
	client := server.Client(t)
	for o := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: "a/b/capabilities/", Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		r, err := client.GetObject(t.Context(), bucket, o.Key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var kept struct {
			Lacks []string `json:"lacks"`
		}
		if err := json.NewDecoder(r).Decode(&kept); err != nil {
			t.Fatal(err)
		}
		// Whether several writers get through at once is a matter of chance.
		kept.Lacks = slices.DeleteFunc(kept.Lacks, func(l string) bool { return l == "writers-at-once" })
		if len(kept.Lacks) == 0 {
			return "nothing"
		}
		return strings.Join(kept.Lacks, ", ")
	}
	t.Fatal("nothing was kept about what the service can do")
	return ""
}

// works runs a call that has to succeed, without the race detector, and gives what it said on standard error.
func works(t *testing.T, env []string, into any, args ...string) string {
	t.Helper()
	cmd := cofre(t, env, append(args, "--json")...)
	cmd.Path = filepath.Join(plain(t), "cofre")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("cofre %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
		return ""
	}
	if into != nil {
		if err := json.Unmarshal(out, into); err != nil {
			t.Errorf("cofre %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return stderr.String()
}
