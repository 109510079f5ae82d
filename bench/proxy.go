package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"cofre/bench/lab"
)

// countingProxy stands before MinIO and counts.
type countingProxy struct {
	Addr   string
	server http.Server
	served chan struct{}

	mu       sync.Mutex
	requests []string
	time     time.Duration // from a request's arrival to the end of its answer, all together
}

func startProxy(m *lab.MinIO) (*countingProxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &countingProxy{Addr: listener.Addr().String(), served: make(chan struct{})}
	target := &url.URL{Scheme: "http", Host: m.Addr}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the signature covers it
	}}
	p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		forward.ServeHTTP(w, r)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.requests = append(p.requests, r.Method+" "+r.URL.Path)
		p.time += time.Since(start)
	})
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener)
	}()
	return p, nil
}

// take gives the requests since it was last called, and the time they took together.
func (p *countingProxy) take() ([]string, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests, took := p.requests, p.time
	p.requests, p.time = nil, 0
	return requests, took
}

func (p *countingProxy) close() {
	_ = p.server.Shutdown(context.Background())
	<-p.served
}
