package storagetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// Proxy is an HTTP proxy in front of a real server. It loses answers, refuses requests, and makes the server
// look like one that lacks features.
type Proxy struct {
	Addr string // host and port

	place Place
	mu    sync.Mutex
	rule  func(*http.Request) Verdict
	seen  []string
}

// Verdict is what happens to a request. The zero value lets it pass.
type Verdict struct {
	Lose   bool // the server gets it, the client gets no answer
	Hang   bool // the answer stops behind After bytes of its body, while the connection stays
	After  int64
	Status int    // answer this, without asking the server
	Code   string // with this S3 code
	// Strip takes headers (of the request and its answer) out before the server sees them, and signs anew.
	Strip []string
	// Answer changes the server's answer, its body too.
	Answer func(*http.Response)
	// Raw is what the connection gets in the place of an answer, before it is closed.
	Raw string
}

// NewProxy starts a proxy to a place until the test ends. rule is asked for every request.
func NewProxy(tb testing.TB, p Place, rule func(*http.Request) Verdict) *Proxy {
	tb.Helper()
	x := &Proxy{place: p, rule: rule}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	reverse := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", p.Addr(), r.In.Host
			if v, ok := r.In.Context().Value(verdictKey{}).(Verdict); ok && len(v.Strip) > 0 {
				x.sign(r.Out, v.Strip)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			v, _ := r.Request.Context().Value(verdictKey{}).(Verdict)
			if v.Hang {
				r.Body = &hanging{ReadCloser: r.Body, left: v.After, ctx: r.Request.Context()}
			}
			for _, h := range v.Strip {
				r.Header.Del(h)
			}
			if v.Answer != nil {
				v.Answer(r)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { drop(w) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.serve(reverse, w, r) }))
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	x.Addr = strings.TrimPrefix(server.URL, "http://")
	return x
}

// Set changes the rule; nil lets everything pass.
func (x *Proxy) Set(rule func(*http.Request) Verdict) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rule = rule
}

// Requests are the method and S3 operation of what came so far, such as "POST complete".
func (x *Proxy) Requests() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.seen...)
}

// Operation names the S3 operation of a request: "put", "get", "head", "delete", "list", "tags", "start",
// "part", "complete", "abort", "uploads".
func Operation(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case q.Has("tagging"):
		return "tags"
	case q.Has("list-type"):
		return "list"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "start"
	case q.Has("uploads"):
		return "uploads"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "complete"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "part"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort"
	}
	return strings.ToLower(r.Method)
}

type verdictKey struct{}

// hanging is a body that stops until the client has gone.
type hanging struct {
	io.ReadCloser
	left int64
	ctx  context.Context
}

func (h *hanging) Read(p []byte) (int, error) {
	if h.left == 0 {
		<-h.ctx.Done()
		return 0, h.ctx.Err()
	}
	n, err := h.ReadCloser.Read(p[:min(int64(len(p)), h.left)])
	h.left -= int64(n)
	return n, err
}

func (x *Proxy) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	x.seen = append(x.seen, Operation(r))
	var v Verdict
	if x.rule != nil {
		v = x.rule(r)
	}
	x.mu.Unlock()
	switch {
	case v.Status != 0:
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(v.Status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said the proxy</Message></Error>", v.Code)
		}
	case v.Raw != "":
		drop(w, v.Raw)
	case v.Lose:
		next.ServeHTTP(httptest.NewRecorder(), r)
		drop(w)
	default:
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), verdictKey{}, v)))
	}
}

// drop closes the connection, with this or no answer.
func drop(w http.ResponseWriter, raw ...string) {
	if h, ok := w.(http.Hijacker); ok {
		if c, _, err := h.Hijack(); err == nil {
			for _, text := range raw {
				_, _ = io.WriteString(c, text)
				time.Sleep(100 * time.Millisecond) // until whoever reads has it all
			}
			c.Close()
		}
	}
}

// sign removes headers and signs the rest with the place's credentials.
func (x *Proxy) sign(r *http.Request, strip []string) {
	for _, h := range append(strip, "Authorization", "X-Amz-Date", "X-Forwarded-For") {
		r.Header.Del(h)
	}
	c := x.place.config
	signed := signer.SignV4(*r, c.Credentials.AccessKeyID, c.Credentials.SecretAccessKey, "", c.Region)
	r.Header = signed.Header
}

// Count makes a rule that applies v to the first n requests of an operation.
func Count(operation string, n int, v Verdict) func(*http.Request) Verdict {
	return func(r *http.Request) Verdict {
		if Operation(r) == operation && n > 0 {
			n--
			return v
		}
		return Verdict{}
	}
}
