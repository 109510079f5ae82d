package doctest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cofre/internal/testenv"
)

func TestMain(m *testing.M) {
	code := testenv.Runner{M: m}.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(code)
}

// binaries is the folder for programs, for as long as the tests run; "" before they are built.
var binaries string

// programs builds cofre and stock age, once.
var programs = sync.OnceValue(func() (err error) {
	// Made while the tests run: where their temporary files lie then, so that the programs can be linked from there.
	if binaries, err = os.MkdirTemp("", "cofre-doctest-"); err != nil {
		return err
	}
	return testenv.Build(binaries, "./cmd/cofre", "filippo.io/age/cmd/age", "filippo.io/age/cmd/age-keygen")
})

// built gives the folder with the programs.
func built(t *testing.T) string {
	t.Helper()
	if err := programs(); err != nil {
		t.Fatal(err)
	}
	return binaries
}

// needed are the other programs that the documents use, by the name of their package in Debian, too.
var needed = []string{"bash", "curl", "jq", "gzip", "zstd"}

// exampleRecipient is the public key that documents and messages show.
const exampleRecipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

// checkNeeded fails the test where one is missing.
func checkNeeded(t *testing.T) {
	t.Helper()
	for _, program := range needed {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("the documents use %s, which is not here; run: make setup, or: apt-get install %s", program, strings.Join(needed, " "))
		}
	}
}

// sandbox is the machine on which a document's reader types.
type sandbox struct {
	root    string // its folders: /srv, /etc, /usr/local, home, the checkout
	env     []string
	replace *strings.Replacer
}

// newSandbox starts what a document needs: a PostgreSQL 18 with the database shop, a PostgreSQL 15 that is the
// old host, and a bucket.
func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	checkNeeded(t)
	server := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	server.Exec(t, "postgres", "CREATE DATABASE shop")
	old := testenv.Postgres(t, testenv.InitialMajors()[0]) // one document only restores to it
	old.Exec(t, "postgres", "DROP DATABASE IF EXISTS shop")
	old.Exec(t, "postgres", "CREATE DATABASE shop")
	testenv.LoadFile(t, server.URL("shop"), filepath.Join("testdata", "shop.sql"))
	minio := testenv.MinIO(t)
	bucket := "s3://" + minio.NewBucket(t) + "/prefix"

	s := &sandbox{root: t.TempDir()}
	s.furnish(t)
	local := s.path("srv/backups")
	s.env = []string{
		"PATH=" + strings.Join([]string{s.path("checkout/bin"), testenv.ClientBin(testenv.NewestMajor), testenv.ServerBin(testenv.NewestMajor), os.Getenv("PATH")}, ":"),
		"HOME=" + s.path("home"), "TMPDIR=" + os.TempDir(), "LC_ALL=C.UTF-8", "TZ=UTC",
		"PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", server.Port), "PGUSER=postgres", "PGPASSWORD=" + server.Password,
		"AWS_ENDPOINT_URL_S3=" + minio.Endpoint, "AWS_REGION=" + testenv.Region,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"LOCAL=" + local, "BUCKET=" + bucket, "SHOP=" + server.URL("shop"), "OLD_SHOP=" + old.URL("shop"), "S3_KEY=" + minio.AccessKey, "S3_SECRET=" + minio.SecretKey,
	}
	// What the documents make up, and what stands for it here. Everything else is typed as it is printed.
	s.replace = strings.NewReplacer(
		"/srv/backups", local,
		"/mnt/second", s.path("mnt/second"),
		"/usr/local", s.path("usr/local"),
		"/etc/cofre.env", s.path("etc/cofre.env"),
		"postgresql://user:password@host:5432/", server.URL(""),
		"postgresql://user@host:5432/", fmt.Sprintf("postgresql://postgres@127.0.0.1:%d/", server.Port), // PGPASSWORD has the password
		"postgresql://cofre:secret@host:5432/", server.URLAs("cofre", "secret", ""),
		"postgresql://user@old-host:5432/", old.URL(""),
		"s3://bucket/prefix", bucket,
		"https://minio.example.com", minio.Endpoint,
		"127.0.0.1:8080", freeAddress(t),
		"AKIAIOSFODNN7EXAMPLE", minio.AccessKey,
		"wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", minio.SecretKey,
		exampleRecipient, "$(age-keygen -y key.txt)",
	)
	return s
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// furnish makes the folders, with the checkout as "make build" leaves it.
func (s *sandbox) furnish(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"srv", "etc", "usr/local/lib", "home", "checkout/bin", "checkout/lib/cofre/pg_dump"} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"cofre", "age", "age-keygen"} {
		if err := os.Link(filepath.Join(built(t), program), s.path("checkout/bin/"+program)); err != nil {
			t.Fatal(err)
		}
	}
	client := filepath.Dir(testenv.ClientBin(testenv.NewestMajor))
	if err := os.Symlink(client, s.path(fmt.Sprintf("checkout/lib/cofre/pg_dump/%d", testenv.NewestMajor))); err != nil {
		t.Fatal(err)
	}
}

func (s *sandbox) path(p string) string { return filepath.Join(s.root, p) }
