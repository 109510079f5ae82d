package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// A guarded write looks again after this many times what looking and writing took, within bounds.
const (
	settleTimes = 4
	minSettle   = 250 * time.Millisecond
	maxSettle   = 5 * time.Second
)

var errDegraded = errors.New("looked before writing, because the service has no conditional writes")

// putGuarded stands in for a condition on services that have none: look, write, wait, look again (M. Fischer's way; see
// L. Lamport, A Fast Mutual Exclusion Algorithm, 1987). Of several writers that look at the same time only the last to
// write finds its own, unless one takes several times as long as the others between looking and writing. So people are
// told to run one cofre at a time all the same.
func (s *Store) putGuarded(ctx context.Context, key string, body []byte, o storage.PutOptions, in *awss3.PutObjectInput, say op) (storage.Object, error) {
	start := time.Now()
	if err := s.lookFirst(ctx, key, o.Condition, say); err != nil {
		return storage.Object{}, err
	}
	in.IfMatch, in.IfNoneMatch, in.Body = nil, nil, bytes.NewReader(body)
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		got, _, err := s.settlePut(ctx, key, in.Metadata[markKey], o.Condition, say, err)
		return got, err
	}
	return s.confirm(ctx, key, body, o, in, out, say, time.Since(start))
}

// confirm waits for writers that looked before this one had written, and looks again. It compares the contents, too: a
// service may write them and what describes them in two steps.
func (s *Store) confirm(ctx context.Context, key string, body []byte, o storage.PutOptions, in *awss3.PutObjectInput, out *awss3.PutObjectOutput, say op, took time.Duration) (storage.Object, error) {
	if pause.For(ctx, min(max(settleTimes*took, minSettle), maxSettle)) != nil {
		return storage.Object{}, say.fault(ctx.Err())
	}
	_, head, err := s.head(ctx, key)
	var now []byte
	if err == nil {
		now, _, err = s.getOnce(ctx, key)
	}
	switch {
	case storage.IsNotFound(err): // somebody has seen it, and removed it
	case err != nil && !fault.HasReason(err, Changed):
		return storage.Object{}, err
	case err != nil || !bytes.Equal(now, body) || head[markKey] != "" && head[markKey] != in.Metadata[markKey]:
		return storage.Object{}, say.told(errDegraded, refusal(o.Condition), 0)
	}
	return stored(key, body, o, out), nil
}

// lookFirst stands in for a condition on services that have none. It is not safe among several writers.
func (s *Store) lookFirst(ctx context.Context, key string, c storage.Condition, say op) error {
	o, _, err := s.head(ctx, key)
	missing := storage.IsNotFound(err)
	if err != nil && !missing {
		return err
	}
	if (c.IfAbsent && !missing) || (c.IfMatch != "" && (missing || o.ETag != c.IfMatch)) {
		return say.told(errDegraded, refusal(c), 0)
	}
	return nil
}

// refusal is what is said when a condition does not hold.
func refusal(c storage.Condition) row {
	r := byCode["PreconditionFailed"]
	if c.IfAbsent {
		r.what, r.hint = "it exists already", "Choose another name."
	}
	return r
}

// readBounded reads at most that many bytes, and refuses more.
func readBounded(r io.Reader, most int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(body)) > most {
		err = errors.New("too long")
	}
	return body, err
}
