package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"cofre/pkg/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

const (
	connectTimeout = 10 * time.Second
	maxBackoff     = 10 * time.Second
	// writeBuffer makes one system call of what would be eight.
	writeBuffer = 256 << 10
	readBuffer  = 64 << 10
)

// newHTTPClient makes a client whose connections end when nothing moves for the timeout (0: never).
//
// The SDK's own read timeout also runs while a request is still being sent, so that a slow line would fail in
// the middle of a large part. This one counts bytes in both directions.
func newHTTPClient(c Config, timeout time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithReadTimeout(0).WithTransportOptions(func(t *http.Transport) {
		dial := (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext
		if c.Dial != nil {
			dial = c.Dial
			t.Proxy = nil
		}
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
		t.WriteBufferSize = writeBuffer
		t.ReadBufferSize = readBuffer
		t.MaxIdleConnsPerHost = c.Concurrency + 4
	})
}

// movingConn fails when neither a read nor a write has moved a byte for the timeout.
type movingConn struct {
	net.Conn
	timeout time.Duration
}

func (c *movingConn) Read(p []byte) (int, error) {
	for queued := 0; ; {
		if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		// On a slow line the kernel may still be sending what was written long ago: that moves, too.
		left := unsent(c.Conn)
		if left == 0 || left == queued {
			return n, err
		}
		queued = left
	}
}

func (c *movingConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if n > 0 {
		// The reader waits meanwhile: give it the whole time again.
		_ = c.SetReadDeadline(time.Now().Add(c.timeout))
	}
	return n, err
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
	var f *fault.Error // of Config.Dial
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
