package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"cofre/pkg/address"
	"cofre/pkg/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

const (
	connectTimeout = 10 * time.Second
	maxBackoff     = 10 * time.Second
	// writeBuffer makes one system call of what would be eight.
	writeBuffer = 256 << 10
	readBuffer  = 64 << 10
)

// tune sets what connections are like, and leaves whom they trust to the SDK (AWS_CA_BUNDLE). They end when nothing moves for the
// timeout (0: never), or too little. They speak HTTP/1.1, so that what moves on one is of its request.
//
// The SDK's own read timeout also runs while a request is still being sent, so that a slow line would fail in
// the middle of a large part. This one counts bytes in both directions.
func tune(c Config, timeout time.Duration) func(*http.Transport) {
	return func(t *http.Transport) {
		dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}
		if c.Elsewhere {
			dialer.ControlContext, t.Proxy = address.Refuse(address.Local, errHere), nil
		}
		dial := dialer.DialContext
		if timeout > 0 {
			next := dial
			dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := next(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return &movingConn{Conn: conn, timeout: timeout}, nil
			}
			// Idle connections leave the pool before their own deadline strikes.
			t.IdleConnTimeout = timeout / 2
		}
		t.DialContext = dial
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP1(true)
		t.WriteBufferSize = writeBuffer
		t.ReadBufferSize = readBuffer
		t.MaxIdleConnsPerHost = c.Concurrency + 4
	}
}

// errHere is a fault, so that it is not tried again.
var errHere = fault.New(fault.Validation, fault.PlaceForbidden, "Name the location in cofre.yaml, on the machine that it is of.", "its service is at an address of this machine or link")

// leastBytes is how many bytes must come while an answer is waited for during two timeouts (a minute), and half of them go in one where
// something is sent. Whoever lets one byte through now and then would keep a backup for ever.
const leastBytes = 64 << 10

// leastRequest is smaller than any request, in bytes, and larger than what TLS sends by itself, as often as the other side likes.
const leastRequest = 100

// errTooSlow is a net.Error, so that it is tried again on another connection.
var errTooSlow net.Error = tooSlow{}

type tooSlow struct{}

func (tooSlow) Error() string   { return "less than 64 KiB moved in a minute" }
func (tooSlow) Timeout() bool   { return true }
func (tooSlow) Temporary() bool { return false }

// movingConn fails when neither a read nor a write has moved a byte for the timeout, or too few in a longer time. It carries one
// request at a time.
type movingConn struct {
	net.Conn
	timeout time.Duration
	asked   atomic.Bool // a request was sent since the last read: nobody knows how long the other side thinks
	// Since leastBytes came last, or the answer began: for how long reading waited, and what came.
	waited time.Duration
	got    int
}

func (c *movingConn) Read(p []byte) (int, error) {
	started := time.Now()
	for queued := 0; ; {
		if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if n > 0 && c.dripped(n, time.Since(started)) {
			return 0, errTooSlow
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		// On a slow line the kernel may still be sending what was written long ago: that moves, too.
		left := unsent(c.Conn)
		switch {
		case left == queued:
			return n, err
		case left > 0 && queued > 0 && left > queued-leastBytes/2:
			return n, errTooSlow
		}
		queued = left
	}
}

// dripped counts what has come of an answer, and reports whether that was too little in too long a time.
func (c *movingConn) dripped(n int, waited time.Duration) bool {
	if c.asked.Swap(false) {
		c.waited, c.got, waited = 0, 0, 0
	}
	c.waited += waited
	if c.got += n; c.got >= leastBytes {
		c.waited, c.got = 0, 0
	}
	return c.waited > 2*c.timeout
}

func (c *movingConn) Write(p []byte) (done int, err error) {
	if len(p) >= leastRequest {
		c.asked.Store(true)
	}
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return done, err
		}
		n, err := c.Conn.Write(p[done:])
		done += n
		if n > 0 {
			// The reader waits meanwhile: give it the whole time again.
			_ = c.SetReadDeadline(time.Now().Add(c.timeout))
		}
		switch {
		case n == 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return done, err
		case n < leastBytes/2:
			return done, errTooSlow
		}
	}
}

// damagedOnTheWay are answers to a payload whose checksum did not match: sending it again may help.
var damagedOnTheWay = map[string]struct{}{
	"BadDigest": {}, "XAmzContentChecksumMismatch": {}, "XAmzContentSHA256Mismatch": {}, "IncompleteBody": {},
}

// final are answers that no repetition changes, although their status would say so.
var final = map[string]struct{}{
	"InsufficientStorage": {}, "XMinioStorageFull": {}, "QuotaExceeded": {}, "NotImplemented": {},
}

// newRetryer is the SDK's adaptive retryer: exponential backoff with jitter, and a rate that falls when the
// service asks to slow down.
func newRetryer(attempts int) aws.Retryer {
	return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) {
			s.MaxAttempts = attempts
			s.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return backoff(attempt), nil })
			s.RateLimiter = ratelimit.None // attempts bound it; a budget shared by all requests would end uploads early
			s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(neverRetry)}, s.Retryables...)
			s.Retryables = append(s.Retryables,
				retry.RetryableErrorCode{Codes: damagedOnTheWay},
				retry.IsErrorRetryableFunc(retryConnection))
		})
	})
}

func neverRetry(err error) aws.Ternary {
	var f *fault.Error
	if errors.As(err, &f) && !f.Transient {
		return aws.FalseTernary
	}
	if _, ok := final[answerOf(err).code]; ok {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// retryConnection retries what the SDK does not know to be a broken connection. A cancelled context is not one.
func retryConnection(err error) aws.Ternary {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return aws.FalseTernary
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return aws.UnknownTernary
	}
	var ne net.Error
	if errors.As(err, &ne) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
