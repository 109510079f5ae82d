package testenv

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/process"
)

// Region is the region that MinIO servers here answer to.
const Region = "us-east-1"

// MinIOServer is a running S3 server.
type MinIOServer struct {
	Endpoint  string // http://127.0.0.1:PORT
	AccessKey string
	SecretKey string

	port    int
	dir     *process.Dir
	process *process.Process
}

// MinIO returns the S3 server that the tests of this process share. Tests work in a
// NewBucket.
func MinIO(tb testing.TB) *MinIOServer {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.minio == nil {
		s, err := startMinIO()
		if err != nil {
			tb.Fatal(err)
		}
		AtEnd(s.stop)
		shared.minio = s
	}
	return shared.minio
}

// NewMinIO starts an S3 server of the test's own, to be killed and started again. It ends with
// the test.
func NewMinIO(tb testing.TB) *MinIOServer {
	tb.Helper()
	s, err := startMinIO()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.stop(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func startMinIO() (*MinIOServer, error) {
	if _, err := minioProgram(); err != nil {
		return nil, err
	}
	dir, err := process.NewDir("minio")
	if err != nil {
		return nil, err
	}
	s := &MinIOServer{AccessKey: "test" + rand.Text()[:12], SecretKey: rand.Text(), dir: dir}
	for attempt := 1; ; attempt++ {
		if s.port, err = process.FreePort(); err == nil {
			s.Endpoint = "http://" + s.Addr()
			if err = s.launch(); err == nil {
				return s, nil
			}
		}
		if attempt == 3 {
			_ = dir.Remove()
			return nil, err
		}
	}
}

func (s *MinIOServer) launch() error {
	log, err := os.Create(filepath.Join(s.dir.Path, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(MinIOBinary(), "server", "--quiet", "--anonymous", "--address", s.Addr(), filepath.Join(s.dir.Path, "data"))
	cmd.Dir = s.dir.Path
	cmd.Env = []string{
		"HOME=" + s.dir.Path, "MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey,
		"MINIO_REGION=" + Region, "MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=on", "MINIO_CALLHOME_ENABLE=off",
	}
	cmd.Stdout, cmd.Stderr = log, log
	s.process, err = process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if resp, err := client.Get(s.Endpoint + "/minio/health/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("MinIO ended at once: %v\n%s", s.process.Err(), s.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.process.Kill()
	return fmt.Errorf("MinIO was not ready within a minute\n%s", s.log())
}

func (s *MinIOServer) stop() error {
	s.process.Kill()
	return s.dir.Remove()
}

func (s *MinIOServer) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir.Path, "log"))
	return string(b[max(0, len(b)-4096):])
}

// Addr is the host and port of the server.
func (s *MinIOServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Kill kills the server at once. What it stored stays.
func (s *MinIOServer) Kill() { s.process.Kill() }

// Start starts a killed server again, on the same port and data.
func (s *MinIOServer) Start(tb testing.TB) {
	tb.Helper()
	if err := s.launch(); err != nil {
		tb.Fatal(err)
	}
}

// Client returns a client that shares no code with cofre's storage, as a witness.
func (s *MinIOServer) Client(tb testing.TB) *minio.Client {
	tb.Helper()
	c, err := minio.New(s.Addr(), &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: Region,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

var buckets atomic.Int64

// NewBucket makes an empty bucket and returns its name. It goes with the server.
func (s *MinIOServer) NewBucket(tb testing.TB) string {
	tb.Helper()
	return newBucket(tb, s.Client(tb), minio.MakeBucketOptions{Region: Region})
}

// NewLockedBucket makes an empty bucket with object lock (and so with versions), without a default rule.
func (s *MinIOServer) NewLockedBucket(tb testing.TB) string {
	tb.Helper()
	return newBucket(tb, s.Client(tb), minio.MakeBucketOptions{Region: Region, ObjectLocking: true})
}

// Env is the environment with which the AWS SDK and its programs find this server.
func (s *MinIOServer) Env() []string { return storeEnv(s.Endpoint, s.AccessKey, s.SecretKey) }
