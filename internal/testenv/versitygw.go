package testenv

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"cofre/internal/process"
)

var versitygw struct {
	sync.Mutex
	server *MinIOServer
}

// Versitygw returns versitygw over a temporary directory, as a server that is told apart from MinIO by nothing but what it
// does. The tests of this process share it.
func Versitygw(tb testing.TB) *MinIOServer {
	tb.Helper()
	versitygw.Lock()
	defer versitygw.Unlock()
	if versitygw.server == nil {
		s, err := startVersitygw()
		if err != nil {
			tb.Fatal(err)
		}
		AtEnd(s.stop)
		versitygw.server = s
	}
	return versitygw.server
}

func startVersitygw() (*MinIOServer, error) {
	program := filepath.Join(Root(), ".cache", "bin", "versitygw")
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("tests need what is not here: %w; run: scripts/setup versitygw", err)
	}
	dir, err := process.NewDir("versitygw")
	if err != nil {
		return nil, err
	}
	s := &MinIOServer{AccessKey: "test" + rand.Text()[:12], SecretKey: rand.Text(), dir: dir}
	if s.port, err = process.FreePort(); err == nil {
		s.Endpoint = "http://" + s.Addr()
		err = s.launchVersitygw(program)
	}
	if err != nil {
		_ = dir.Remove()
		return nil, err
	}
	return s, nil
}

func (s *MinIOServer) launchVersitygw(program string) error {
	data := filepath.Join(s.dir.Path, "data")
	log, err := os.Create(filepath.Join(s.dir.Path, "log"))
	if err == nil {
		defer log.Close()
		err = os.Mkdir(data, 0o700)
	}
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "--access", s.AccessKey, "--secret", s.SecretKey, "--region", Region, "--port", s.Addr(), "--quiet", "posix", data)
	cmd.Dir, cmd.Env = s.dir.Path, []string{"HOME=" + s.dir.Path}
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = process.Start(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if c, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
			return c.Close()
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("versitygw ended at once: %v\n%s", s.process.Err(), s.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.process.Kill()
	return fmt.Errorf("versitygw was not ready within a minute\n%s", s.log())
}
