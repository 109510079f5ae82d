package server

import (
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// A process has so many descriptors, and each connection takes memory. Whoever opens many and sends nothing, or a byte now and then, or
// does not take the answer, must not keep others out. So there are at most so many connections, and a new one beyond that takes the
// place of the one that has made the server wait for the longest, of the address that has the most. One that is being answered is
// never ended for another.

// maxConnections is how many there may be at once.
const maxConnections = 1000

// What one connection of HTTP/2 may have: no request has a larger body, and no browser asks for more at once.
var limits2 = &http.HTTP2Config{MaxConcurrentStreams: 100, MaxReceiveBufferPerConnection: 128 << 10, MaxReceiveBufferPerStream: 64 << 10}

// crowd is all connections.
type crowd struct {
	most int
	mu   sync.Mutex
	all  map[net.Conn]*guest
}

// guest is one connection.
type guest struct {
	conn  net.Conn
	host  string
	busy  int       // requests that are being answered, and do not wait for the other end
	since time.Time // when there was none the last time
}

func newCrowd(most int) *crowd { return &crowd{most: most, all: map[net.Conn]*guest{}} }

type guestKey struct{}

// enter is http.Server.ConnContext.
func (c *crowd) enter(ctx context.Context, conn net.Conn) context.Context {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = conn.RemoteAddr().String()
	}
	g := &guest{conn: conn, host: host, since: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= c.most {
		out := c.longest()
		if out == nil {
			out = g // all are being answered
		}
		delete(c.all, out.conn)
		go end(out.conn)
		if out == g {
			return ctx
		}
	}
	c.all[conn] = g
	return context.WithValue(ctx, guestKey{}, g)
}

// end closes a connection without a farewell, for which it might have to wait.
func end(conn net.Conn) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	conn.Close()
}

// longest returns the connection that has to go for another one.
func (c *crowd) longest() (out *guest) {
	hosts := map[string]int{}
	for _, g := range c.all {
		hosts[g.host]++
	}
	for _, g := range c.all {
		switch {
		case g.busy > 0:
		case out == nil, hosts[g.host] > hosts[out.host], hosts[g.host] == hosts[out.host] && g.since.Before(out.since):
			out = g
		}
	}
	return out
}

// leave is http.Server.ConnState.
func (c *crowd) leave(conn net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		c.mu.Lock()
		delete(c.all, conn)
		c.mu.Unlock()
	}
}

// count returns how many connections there are.
func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

func (c *crowd) change(g *guest, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.busy += n; g.busy == 0 {
		g.since = time.Now()
	}
}

// awaited notes that a guest is waited for, until the function that it returns is called.
func (c *crowd) awaited(g *guest) func() {
	c.change(g, -1)
	return func() { c.change(g, 1) }
}

// handler notes what each request waits for.
func (c *crowd) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, ok := r.Context().Value(guestKey{}).(*guest)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		c.change(g, 1)
		defer c.change(g, -1)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &awaitedBody{r.Body, c, g}
		}
		next.ServeHTTP(&awaitedWriter{w, c, g}, r)
	})
}

// awaitedBody is a body that is read while nothing else is done.
type awaitedBody struct {
	io.ReadCloser
	c *crowd
	g *guest
}

func (b *awaitedBody) Read(p []byte) (int, error) {
	defer b.c.awaited(b.g)()
	return b.ReadCloser.Read(p)
}

// awaitedWriter is an answer that somebody has to take.
type awaitedWriter struct {
	http.ResponseWriter
	c *crowd
	g *guest
}

func (w *awaitedWriter) Write(p []byte) (int, error) {
	defer w.c.awaited(w.g)()
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *awaitedWriter) Flush() {
	defer w.c.awaited(w.g)()
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// takenAtOnce is how much of a file is sent before it counts that somebody takes it, in bytes.
const takenAtOnce = 1 << 20

// ReadFrom lets the system send a file, piece by piece.
func (w *awaitedWriter) ReadFrom(r io.Reader) (total int64, err error) {
	whole, ok := r.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	for err == nil && whole.N > 0 {
		piece := &io.LimitedReader{R: whole.R, N: min(whole.N, takenAtOnce)}
		n := piece.N
		var sent int64
		taken := w.c.awaited(w.g)
		sent, err = io.Copy(w.ResponseWriter, piece)
		taken()
		total += sent
		whole.N -= n - piece.N
		if piece.N > 0 {
			break // the end
		}
	}
	return total, err
}

// Unwrap is for http.ResponseController.
func (w *awaitedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
