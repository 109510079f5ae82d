package server_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/server"
)

// dial opens a connection to a server; it is closed at the end of the test.
func (w *world) dial() net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL(), "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Whoever opens connections without an end, and sends nothing, or a part of a request, or does not take the answer, keeps nobody out,
// and takes neither the descriptors nor the memory.
func TestCrowds(t *testing.T) {
	const most = 100
	ui := fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}, "large.js": {Data: bytes.Repeat([]byte("x"), 16<<20)}}
	for name, send := range map[string]func(w *world, c net.Conn){
		"that say nothing": func(*world, net.Conn) {},
		"that are kept": func(w *world, c net.Conn) {
			io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
			c.SetReadDeadline(time.Now().Add(time.Minute))
			if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != 200 {
				w.t.Errorf("%v", err)
			}
		},
		"with half a header": func(_ *world, c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ") },
		"with half a body": func(w *world, c net.Conn) {
			fmt.Fprintf(c, "POST /api/backup/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: %s\r\nContent-Length: 60000\r\n\r\n{",
				w.signedIn("ADMIN")["Authorization"])
		},
		"with half a body, of strangers": func(_ *world, c net.Conn) {
			io.WriteString(c, "POST /api/backup/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{")
		},
		"that do not take the answer": func(_ *world, c net.Conn) {
			c.(*net.TCPConn).SetReadBuffer(4096)
			io.WriteString(c, "GET /large.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, options{database: nowhere, change: func(c *server.Config) { c.UI, c.MaxConnections = ui, most }})
			w.do("GET", "/healthz", "", nil)
			before := heap()
			var all []net.Conn
			for range 3 * most {
				c := w.dial()
				send(w, c)
				all = append(all, c)
			}
			for range 10 {
				w.client.CloseIdleConnections()
				if r := w.do("GET", "/healthz", "", nil); r.StatusCode != 200 {
					t.Errorf("another one is answered with %d", r.StatusCode)
				}
			}
			n := server.Connections(w.server)
			more := heap() - before
			for _, c := range all {
				c.Close()
			}
			w.stop() // with what was begun
			if err := w.end(); err != nil {
				t.Error(err)
			}
			if n > most || int64(more) > 64<<20 {
				t.Errorf("%d connections, %d MB of memory", n, int64(more)>>20)
			}
		})
	}
}

// A request that is being answered is not ended for others, and where all are, a new one is not let in.
func TestCrowdLeavesTheBusyAlone(t *testing.T) {
	const most = 5
	entered, leave := make(chan bool, most), make(chan bool)
	w := serve(t, options{database: nowhere, change: func(c *server.Config) {
		c.MaxConnections = most
		make := c.NewAPI
		c.NewAPI = func(d server.Doors) (http.Handler, error) {
			h, err := make(d)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("wait") {
					entered <- true
					<-leave
				}
				h.ServeHTTP(w, r)
			}), err
		}
	}})
	var busy []net.Conn
	for range most {
		c := w.dial()
		io.WriteString(c, "GET /api/health?wait=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		busy = append(busy, c)
		<-entered
	}
	for range 2 * most {
		c := w.dial()
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("one too many is let in: %v", err)
		}
	}
	close(leave)
	for _, c := range busy {
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Errorf("a request was not answered: %v", err)
		}
	}
}

// Headers, addresses and bodies of any length are refused after little of them was taken.
func TestGiantRequests(t *testing.T) {
	w := serve(t, options{database: nowhere})
	token := w.signedIn("ADMIN")["Authorization"]
	before := heap()
	for name, c := range map[string]struct {
		head  string
		piece string
		want  string
	}{
		"10 GB of body":          {"POST /api/backup/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: " + token + "\r\nContent-Length: 10000000000\r\n\r\n", " ", "413"},
		"a body without an end":  {"POST /api/backup/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: " + token + "\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", "413"},
		"a stranger's body":      {"POST /api/backup/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n", " ", "401"},
		"chunks with extensions": {"POST /api/backup/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: " + token + "\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", "400"},
		"one long header":        {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", "x", "431"},
		"many headers":           {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", "A: b\r\n", "431"},
		"a long address":         {"GET /", "a/", "431"},
		"a long query":           {"GET /api/backup/list?", "a=b&", "431"},
	} {
		conn := w.dial()
		conn.SetDeadline(time.Now().Add(time.Minute))
		answered := make(chan string, 1)
		go func() {
			line, err := bufio.NewReader(conn).ReadString('\n')
			answered <- fmt.Sprint(line, err)
		}()
		sent := 0
		io.WriteString(conn, c.head)
		piece := []byte(strings.Repeat(c.piece, 16<<10/len(c.piece)))
		for sent < 1<<30 {
			n, err := conn.Write(piece)
			if sent += n; err != nil {
				break
			}
		}
		if got := <-answered; sent > 64<<20 || !strings.Contains(got, " "+c.want+" ") && !strings.Contains(got, "reset") {
			t.Errorf("%s: %d bytes were taken, and %q is the answer", name, sent, got)
		}
	}
	if more := int64(heap() - before); more > 32<<20 {
		t.Errorf("%d MB more memory", more>>20)
	}
}

// Requests of HTTP/2 that are taken back at once cost little, and keep nobody out.
func TestResets(t *testing.T) {
	_, cert, key := testenv.Certificate(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, data := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := serve(t, options{database: nowhere, change: func(c *server.Config) { c.CertFile, c.KeyFile = certFile, keyFile }})
	before := heap()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.server.URL(), "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if p := conn.ConnectionState().NegotiatedProtocol; p != "h2" {
		t.Fatalf("the server speaks %q", p)
	}
	go io.Copy(io.Discard, conn)
	frame := func(kind, flags byte, stream uint32, payload string) []byte {
		b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
		return append(binary.BigEndian.AppendUint32(b, stream), payload...)
	}
	out := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, "")...)
	headers := "\x82\x87\x84\x41\x09localhost" // GET https / localhost
	for n := range 50_000 {
		stream := uint32(2*n + 1)
		out = append(out, frame(1, 5, stream, headers)...)
		out = append(out, frame(3, 0, stream, "\x00\x00\x00\x08")...)
		if len(out) > 32<<10 {
			if _, err := conn.Write(out); err != nil {
				break // it was given up
			}
			out = out[:0]
		}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	r, err := client.Get(w.server.URL() + "/healthz")
	if err != nil || r.StatusCode != 200 || r.ProtoMajor != 2 {
		t.Fatalf("another one: %v, %v", r, err)
	}
	r.Body.Close()
	if more := int64(heap() - before); more > 32<<20 {
		t.Errorf("%d MB more memory", more>>20)
	}
}
