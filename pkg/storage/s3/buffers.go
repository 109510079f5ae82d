package s3

import (
	"bytes"
	"context"
	"io"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// bufferPool holds the buffers of one upload. Buffers come into being when they are first needed, are used
// again, and become fewer when parts become larger.
type bufferPool struct {
	free  chan []byte
	alive int // buffers that exist or may; only the filling goroutine touches it
}

func newBufferPool(n int) *bufferPool {
	p := &bufferPool{free: make(chan []byte, n), alive: n}
	for range n {
		p.free <- nil
	}
	return p
}

// get waits for a buffer of size bytes, while no more than most exist.
func (p *bufferPool) get(ctx context.Context, size int64, most int) ([]byte, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		default:
		}
		select {
		case buf := <-p.free:
			if p.alive > most {
				p.alive-- // let this one go
				continue
			}
			if int64(cap(buf)) < size {
				buf = make([]byte, size)
			}
			return buf[:size], nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (p *bufferPool) put(buf []byte) { p.free <- buf[:0] }

// body is a part as the SDK wants it: seekable, for retries.
type body struct{ *bytes.Reader }

func newBody(p []byte) io.ReadSeeker { return body{bytes.NewReader(p)} }

// partOptions gives parts more attempts than other requests, and leaves the payload's SHA-256 out of
// the signature where nobody can change it on its way.
func (s *Store) partOptions() func(*awss3.Options) {
	return func(o *awss3.Options) {
		o.RetryMaxAttempts = 2 * s.cfg.MaxAttempts
		if s.unsignedParts {
			o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
		}
	}
}
