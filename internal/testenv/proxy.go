package testenv

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Direction is a way through a proxy.
type Direction string

const (
	// ToServer is what clients send.
	ToServer Direction = "upstream"
	// ToClient is what the server answers.
	ToClient Direction = "downstream"
)

// TCPProxy stands between a client and a server and spoils their connection. Faults add up until
// Heal. Its methods fail the test when the proxy refuses.
type TCPProxy struct {
	tb     testing.TB
	server *toxiproxy.ApiServer

	mu    sync.Mutex
	proxy *toxiproxy.Proxy
}

// Proxy starts a TCP proxy on a free port to upstream (host:port). It ends with the test.
func Proxy(tb testing.TB, upstream string) *TCPProxy {
	tb.Helper()
	upstream = strings.TrimPrefix(upstream, "http://")
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &TCPProxy{tb: tb, server: server, proxy: toxiproxy.NewProxy(server, tb.Name(), "127.0.0.1:0", upstream)}
	if err := p.proxy.Start(); err != nil {
		tb.Fatalf("start a proxy to %s: %v", upstream, err)
	}
	tb.Cleanup(p.Cut)
	return p
}

func (p *TCPProxy) now() *toxiproxy.Proxy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.proxy
}

// Addr is the host and port of the proxy. It stays the same through Cut and Heal.
func (p *TCPProxy) Addr() string { return p.now().Listen }

// Cut closes all connections and refuses new ones.
func (p *TCPProxy) Cut() { p.now().Stop() }

// Heal takes all faults away and accepts connections again.
func (p *TCPProxy) Heal() {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proxy.Enabled {
		p.proxy.Toxics.ResetToxics(context.Background())
		return
	}
	// Another one at the same address: of one that was stopped, a connection may hang in a fault, and hold up every later one.
	p.proxy = toxiproxy.NewProxy(p.server, p.tb.Name(), p.proxy.Listen, p.proxy.Upstream)
	if err := p.proxy.Start(); err != nil {
		p.tb.Fatalf("start the proxy again: %v", err)
	}
}

// Delay holds everything that goes in a direction back by d, give or take jitter.
func (p *TCPProxy) Delay(dir Direction, d, jitter time.Duration) {
	p.tb.Helper()
	p.add(dir, "latency", map[string]int64{"latency": d.Milliseconds(), "jitter": jitter.Milliseconds()})
}

// Throttle limits a direction to about that many bytes per second (in steps of 1,000).
func (p *TCPProxy) Throttle(dir Direction, bytesPerSecond int64) {
	p.tb.Helper()
	p.add(dir, "bandwidth", map[string]int64{"rate": max(1, bytesPerSecond/1000)})
}

// CloseAfter closes each connection once that many bytes went in a direction. Connections that
// are open already count from now.
func (p *TCPProxy) CloseAfter(dir Direction, bytes int64) {
	p.tb.Helper()
	p.add(dir, "limit_data", map[string]int64{"bytes": bytes})
}

// Reset resets each new connection (TCP RST) when it first carries data, after the delay; open
// ones are closed.
func (p *TCPProxy) Reset(delay time.Duration) {
	p.tb.Helper()
	p.add(ToServer, "reset_peer", map[string]int64{"timeout": delay.Milliseconds()})
	p.add(ToClient, "reset_peer", map[string]int64{"timeout": delay.Milliseconds()})
}

// Stall swallows everything that goes in a direction while connections stay open, as a dead
// network does. A side that closes still closes the other.
func (p *TCPProxy) Stall(dir Direction) {
	p.tb.Helper()
	p.add(dir, "timeout", map[string]int64{"timeout": 0})
}

func (p *TCPProxy) add(dir Direction, kind string, attributes map[string]int64) {
	p.tb.Helper()
	body, err := json.Marshal(map[string]any{"type": kind, "stream": dir, "attributes": attributes})
	if err != nil {
		p.tb.Fatal(err)
	}
	if _, err := p.now().Toxics.AddToxicJson(strings.NewReader(string(body))); err != nil {
		p.tb.Fatalf("proxy fault %s: %v", kind, err)
	}
}
