package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/process"
)

// StoreServer is a running S3 service of others, in one configuration.
type StoreServer struct {
	Name      string // "rclone"
	Endpoint  string // http://127.0.0.1:PORT
	AccessKey string
	SecretKey string

	port    int
	dir     *process.Dir
	process *process.Process
}

// storeProgram says how a service is started. %s fields are filled in by launch.
type storeProgram struct {
	setup   string   // the part of scripts/setup that brings it
	needs   []string // below the checkout
	command func(s *StoreServer) *exec.Cmd
}

// storePrograms are the services of others, by the names that tests and documents use.
var storePrograms = map[string]storeProgram{
	"moto":         {"sam", []string{".cache/sam/bin/python3"}, func(s *StoreServer) *exec.Cmd { return s.moto("") }},
	"moto, no CRT": {"sam", []string{".cache/sam/bin/python3"}, func(s *StoreServer) *exec.Cmd { return s.moto("import sys; sys.modules['awscrt'] = None; ") }},
	"rclone": {"rclone", []string{".cache/bin/rclone"}, func(s *StoreServer) *exec.Cmd {
		return exec.Command(cached("bin", "rclone"), "serve", "s3", s.data(), "--addr", s.Addr(), "--auth-key", s.AccessKey+","+s.SecretKey, "--config", "/dev/null")
	}},
	"gofakes3":                        {"gofakes3", []string{".cache/bin/gofakes3"}, func(s *StoreServer) *exec.Cmd { return s.gofakes3() }},
	"gofakes3, buckets by themselves": {"gofakes3", []string{".cache/bin/gofakes3"}, func(s *StoreServer) *exec.Cmd { return s.gofakes3("-autobucket") }},
	"s3rver": {"s3rver", []string{".cache/s3rver/node_modules"}, func(s *StoreServer) *exec.Cmd {
		s.AccessKey, s.SecretKey = "S3RVER", "S3RVER"
		return exec.Command("node", cached("s3rver", "node_modules", "s3rver", "bin", "s3rver.js"), "-d", s.data(), "-a", "127.0.0.1", "-p", strconv.Itoa(s.port), "--no-vhost-buckets", "-s")
	}},
}

// LightStores names the services of others that every run of the tests starts.
func LightStores() []string {
	return []string{"gofakes3", "moto", "moto, no CRT", "rclone", "s3rver"}
}

func cached(elem ...string) string {
	return filepath.Join(append([]string{Root(), ".cache"}, elem...)...)
}

func (s *StoreServer) data() string { return s.folder("data") }

func (s *StoreServer) folder(name string) string {
	path := filepath.Join(s.dir.Path, name)
	_ = os.MkdirAll(path, 0o755)
	return path
}

func (s *StoreServer) moto(before string) *exec.Cmd {
	return exec.Command(cached("sam", "bin", "python3"), "-c", before+"from moto.server import main; main()", "-H", "127.0.0.1", "-p", strconv.Itoa(s.port))
}

func (s *StoreServer) gofakes3(more ...string) *exec.Cmd {
	return exec.Command(cached("bin", "gofakes3"), append([]string{"-backend", "memory", "-host", s.Addr(), "-quiet"}, more...)...)
}

var stores struct {
	sync.Mutex
	running map[string]*StoreServer
}

// Store returns the service of others of that name, which the tests of this process share.
func Store(tb testing.TB, name string) *StoreServer {
	tb.Helper()
	stores.Lock()
	defer stores.Unlock()
	if s := stores.running[name]; s != nil {
		return s
	}
	s, err := startStore(name)
	if err != nil {
		tb.Fatal(err)
	}
	if stores.running == nil {
		stores.running = map[string]*StoreServer{}
	}
	stores.running[name] = s
	AtEnd(s.stop)
	return s
}

func startStore(name string) (*StoreServer, error) {
	program, ok := storePrograms[name]
	if !ok {
		return nil, fmt.Errorf("testenv knows no store called %q", name)
	}
	for _, path := range program.needs {
		if _, err := os.Stat(filepath.Join(Root(), path)); err != nil {
			return nil, fmt.Errorf("tests need what is not here: %w; run: scripts/setup %s", err, program.setup)
		}
	}
	dir, err := process.NewDir("store")
	if err != nil {
		return nil, err
	}
	s := &StoreServer{Name: name, AccessKey: "test" + rand.Text()[:12], SecretKey: rand.Text(), dir: dir}
	for attempt := 1; ; attempt++ {
		if s.port, err = process.FreePort(); err == nil {
			s.Endpoint = "http://" + s.Addr()
			if err = s.launch(program); err == nil {
				return s, nil
			}
		}
		if attempt == 3 {
			_ = dir.Remove()
			return nil, err
		}
	}
}

func (s *StoreServer) launch(program storeProgram) error {
	log, err := os.Create(filepath.Join(s.dir.Path, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := program.command(s)
	cmd.Dir = s.dir.Path
	cmd.Env = []string{"HOME=" + s.dir.Path, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.folder("tmp")}
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = process.Start(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if resp, err := client.Get(s.Endpoint + "/"); err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("%s ended at once: %v\n%s", s.Name, s.process.Err(), s.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.process.Kill()
	return fmt.Errorf("%s was not ready within a minute\n%s", s.Name, s.log())
}

func (s *StoreServer) stop() error {
	s.process.Kill()
	return s.dir.Remove()
}

func (s *StoreServer) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir.Path, "log"))
	return string(b[max(0, len(b)-4096):])
}

// Addr is the host and port of the server.
func (s *StoreServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Client returns a client that shares no code with cofre's storage, as a witness.
func (s *StoreServer) Client(tb testing.TB) *minio.Client {
	tb.Helper()
	c, err := minio.New(s.Addr(), &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: Region, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// NewBucket makes an empty bucket and returns its name. It goes with the server.
func (s *StoreServer) NewBucket(tb testing.TB) string {
	tb.Helper()
	return newBucket(tb, s.Client(tb), minio.MakeBucketOptions{Region: Region})
}

// NewVersionedBucket is NewBucket with versions.
func (s *StoreServer) NewVersionedBucket(tb testing.TB) string {
	tb.Helper()
	name := s.NewBucket(tb)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Client(tb).EnableVersioning(ctx, name); err != nil {
		tb.Fatalf("enable versions in %s: %v", name, err)
	}
	return name
}

// NewLockedBucket is NewBucket with object lock, whose default rule keeps objects for days; 0: no rule.
func (s *StoreServer) NewLockedBucket(tb testing.TB, days uint) string {
	tb.Helper()
	c := s.Client(tb)
	name := newBucket(tb, c, minio.MakeBucketOptions{Region: Region, ObjectLocking: true})
	if days == 0 {
		return name
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mode, unit := minio.Governance, minio.Days
	if err := c.SetBucketObjectLockConfig(ctx, name, &mode, &days, &unit); err != nil {
		tb.Fatalf("set the rule of %s: %v", name, err)
	}
	return name
}

// Env is the environment with which the AWS SDK and its programs find this server.
func (s *StoreServer) Env() []string { return storeEnv(s.Endpoint, s.AccessKey, s.SecretKey) }

func storeEnv(endpoint, access, secret string) []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=" + endpoint, "AWS_ACCESS_KEY_ID=" + access,
		"AWS_SECRET_ACCESS_KEY=" + secret, "AWS_REGION=" + Region,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
	}
}

func newBucket(tb testing.TB, c *minio.Client, o minio.MakeBucketOptions) string {
	tb.Helper()
	name := fmt.Sprintf("test-%d-%s", buckets.Add(1), strings.ToLower(rand.Text()[:6]))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.MakeBucket(ctx, name, o); err != nil {
		tb.Fatalf("make bucket %s: %v", name, err)
	}
	return name
}
