package embedded

import (
	"context"
	"io"
	"net"
	"sync"

	"cofre/pkg/fault"
)

// relay makes the socket reachable by TCP on loopback, byte for byte.
type relay struct {
	listener net.Listener
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup
}

func newRelay(addr string, dial func(context.Context, string, string) (net.Conn, error)) (*relay, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil || !tcp.IP.IsLoopback() {
		return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Use 127.0.0.1:0.", "the embedded store listens on loopback only, not on %q", addr)
	}
	l, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Use 127.0.0.1:0, which finds a free port.", "cannot listen on %s", addr)
	}
	r := &relay{listener: l, dial: dial}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.work.Go(r.accept)
	return r, nil
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.work.Go(func() { r.join(in) })
	}
}

// join copies both ways until one side ends or the relay is closed.
func (r *relay) join(in net.Conn) {
	defer in.Close()
	out, err := r.dial(r.ctx, "", "")
	if err != nil {
		return
	}
	defer out.Close()
	stop := context.AfterFunc(r.ctx, func() { in.Close(); out.Close() })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(in, out)
		in.Close()
	})
	io.Copy(out, in)
	if half, ok := out.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	back.Wait()
}

func (r *relay) close() {
	r.cancel()
	r.listener.Close()
	r.work.Wait()
}
