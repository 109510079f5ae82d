package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/process"
)

// Bucket is the bucket that everybody stores in, under a prefix of his own.
const Bucket = "bench"

// Region is the region that MinIO answers to.
const Region = "us-east-1"

// MinIO is a running S3 server: one node, one folder, MinIO's own defaults.
type MinIO struct {
	Addr      string // host:port
	AccessKey string
	SecretKey string
	Client    *minio.Client

	process *process.Process
}

func startMinIO(ctx context.Context, work string) (m *MinIO, err error) {
	for range portAttempts {
		m, err = tryMinIO(ctx, work)
		if err == nil || !strings.Contains(err.Error(), "already in use") {
			break
		}
	}
	return m, err
}

func tryMinIO(ctx context.Context, work string) (*MinIO, error) {
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	m := &MinIO{Addr: "127.0.0.1:" + strconv.Itoa(port), AccessKey: "bench" + rand.Text()[:12], SecretKey: rand.Text()}
	logFile := filepath.Join(work, "minio.log")
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(minioProgram(), "server", "--quiet", "--anonymous", "--address", m.Addr, filepath.Join(work, "minio"))
	cmd.Dir = work
	cmd.Env = []string{
		"HOME=" + work, "MINIO_ROOT_USER=" + m.AccessKey, "MINIO_ROOT_PASSWORD=" + m.SecretKey, "MINIO_REGION=" + Region,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off",
	}
	cmd.Stdout, cmd.Stderr = log, log
	if m.process, err = process.Start(cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	if err := m.ready(ctx); err != nil {
		m.process.Kill()
		text, _ := os.ReadFile(logFile)
		return nil, fmt.Errorf("start MinIO: %w\n%s", err, text[max(0, len(text)-2000):])
	}
	return m, nil
}

// ready waits for the server and makes the bucket.
func (m *MinIO) ready(ctx context.Context) error {
	client := http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(startTimeout); ; {
		resp, err := client.Get("http://" + m.Addr + "/minio/health/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it was not ready within %v", startTimeout)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.process.Done():
			return fmt.Errorf("it ended at once: %w", m.process.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	var err error
	m.Client, err = minio.New(m.Addr, &minio.Options{
		Creds: credentials.NewStaticV4(m.AccessKey, m.SecretKey, ""), Region: Region,
	})
	if err != nil {
		return err
	}
	return m.Client.MakeBucket(ctx, Bucket, minio.MakeBucketOptions{Region: Region})
}

// Pid is the server's process id.
func (m *MinIO) Pid() int { return m.process.Pid() }

// Env is the environment with which S3 clients find the server, or one that stands before it at another address.
func (m *MinIO) Env(addr string) []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=http://" + addr, "AWS_ACCESS_KEY_ID=" + m.AccessKey, "AWS_SECRET_ACCESS_KEY=" + m.SecretKey,
		"AWS_REGION=" + Region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// Stored adds up the sizes of the objects under a prefix, in bytes. Those whose name below it begins with one of
// the given beginnings count; all of them, when none is given.
func (m *MinIO) Stored(ctx context.Context, prefix string, beginnings ...string) (total int64, err error) {
	for o := range m.Client.ListObjects(ctx, Bucket, minio.ListObjectsOptions{Prefix: prefix + "/", Recursive: true}) {
		if o.Err != nil {
			return 0, o.Err
		}
		counts := len(beginnings) == 0
		for _, b := range beginnings {
			counts = counts || strings.HasPrefix(o.Key, prefix+"/"+b)
		}
		if counts {
			total += o.Size
		}
	}
	return total, nil
}

// Remove removes everything under a prefix.
func (m *MinIO) Remove(ctx context.Context, prefix string) error {
	objects := m.Client.ListObjects(ctx, Bucket, minio.ListObjectsOptions{Prefix: prefix + "/", Recursive: true})
	for e := range m.Client.RemoveObjects(ctx, Bucket, objects, minio.RemoveObjectsOptions{}) {
		if e.Err != nil {
			return fmt.Errorf("remove %s: %w", e.ObjectName, e.Err)
		}
	}
	return nil
}
