//go:build sam

package functions_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/process"
	"cofre/internal/testenv"
)

// docker is a Docker daemon of the test's own: its socket, its data and its network are beside those of any other, and go
// with it.
type docker struct {
	socket  string
	gateway string // by which containers reach this machine
}

const (
	bridge = "cofre-sam"
	subnet = "198.18.213" // of a range that no network uses (RFC 2544)
)

// startDocker starts the daemon. It changes nothing of the machine's firewall: containers need this machine only.
func startDocker(t *testing.T) *docker {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a Docker daemon of one's own needs root; run: sudo make sam-test")
	}
	program, err := exec.LookPath("dockerd")
	if err != nil {
		t.Fatal("dockerd is missing; run: scripts/setup docker")
	}
	dir, err := process.NewDir("docker")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
	})
	d := &docker{socket: filepath.Join(dir.Path, "socket"), gateway: subnet + ".1"}
	addBridge(t, d.gateway)
	log, err := os.Create(filepath.Join(dir.Path, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, "--host=unix://"+d.socket, "--data-root="+filepath.Join(dir.Path, "data"), "--exec-root="+filepath.Join(dir.Path, "exec"),
		"--pidfile="+filepath.Join(dir.Path, "pid"), "--config-file="+emptyConfig(t), "--bridge="+bridge, "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false")
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd, syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(syscall.SIGTERM, 30*time.Second); err != nil {
			t.Errorf("stop dockerd: %v", err)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if resp, err := d.client().Get("http://docker/_ping"); err == nil {
			resp.Body.Close()
			return d
		}
		select {
		case <-p.Done():
			deadline = time.Time{}
		default:
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("dockerd does not start on this machine:\n%s", text)
		}
	}
}

// emptyConfig keeps the settings of another daemon on this machine out.
func emptyConfig(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "daemon.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// addBridge makes the containers' network. One that a killed run left is replaced.
func addBridge(t *testing.T, address string) {
	t.Helper()
	_ = exec.Command("ip", "link", "delete", bridge).Run() // there is none, as a rule
	for _, args := range []string{"link add " + bridge + " type bridge", "address add " + address + "/24 dev " + bridge, "link set " + bridge + " up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "link", "delete", bridge).CombinedOutput(); err != nil {
			t.Errorf("ip link delete %s: %v\n%s", bridge, err, out)
		}
	})
}

func (d *docker) client() *http.Client {
	return &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", d.socket)
		},
	}}
}

// importBase makes an image and gives it the name of AWS's own, which the SAM CLI builds upon. There is nothing in it but
// busybox for the three commands that SAM runs while it builds; what a function needs, it brings along.
func (d *docker) importBase(t *testing.T) {
	t.Helper()
	busybox, err := os.ReadFile(filepath.Join(testenv.Root(), ".cache/bin/busybox"))
	if err != nil {
		t.Fatalf("%v; run: scripts/setup docker", err)
	}
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	add := func(h tar.Header, data []byte) {
		h.Size = int64(len(data))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin/", "var/", "var/task/", "opt/", "tmp/"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o1777}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, busybox)
	for _, name := range []string{"sh", "mv", "cp", "rm", "chmod"} {
		add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	resp, err := d.client().Post("http://docker/images/create?fromSrc=-&repo=public.ecr.aws/lambda/provided&tag=al2023-"+architecture(), "application/x-tar", &image)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || strings.Contains(string(out), `"error"`) {
		t.Fatalf("import the base image: %s %s %v", resp.Status, out, err)
	}
}

// containers counts those that the daemon has, running or not.
func (d *docker) containers(t *testing.T) int {
	t.Helper()
	resp, err := d.client().Get("http://docker/containers/json?all=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []any
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// relay lets containers reach a server on this machine's loopback, by an address of their own network, and gives the
// host and port that they use.
func (d *docker) relay(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", d.gateway+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					fmt.Fprintln(os.Stderr, "relay:", err)
					return
				}
				defer out.Close()
				done := make(chan struct{})
				go func() {
					io.Copy(out, in)
					out.(*net.TCPConn).CloseWrite()
					close(done)
				}()
				io.Copy(in, out)
				in.(*net.TCPConn).CloseWrite()
				<-done
			}()
		}
	}()
	return l.Addr().String()
}
