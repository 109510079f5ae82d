package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, storage.Object, error) {
	if err := s.check(key); err != nil {
		return nil, storage.Object{}, err
	}
	say := s.op("read", key, "s3:GetObject")
	if offset < 0 {
		return nil, storage.Object{}, fault.New(fault.Validation, fault.InvalidInput, "Read from byte 0 or behind it.", "%s cannot be read from byte %d", s.where(key), offset)
	}
	if length == 0 {
		o, err := s.Head(ctx, key)
		return io.NopCloser(bytes.NewReader(nil)), o, err
	}
	out, err := s.get(ctx, key, "", offset, length)
	if err != nil {
		if answerOf(err).status == 416 {
			return s.openBehind(ctx, key, offset)
		}
		return nil, storage.Object{}, say.fault(err)
	}
	size, ok := wholeSize(out)
	if !ok {
		_ = out.Body.Close()
		return nil, storage.Object{}, say.told(errNoSize, nonsense, 0)
	}
	o := storage.Object{Key: key, Size: size, ETag: aws.ToString(out.ETag),
		LastModified: aws.ToTime(out.LastModified), Metadata: clean(out.Metadata),
		CRC64NVME: fullCRC(out.ChecksumCRC64NVME, out.ChecksumType), VersionID: aws.ToString(out.VersionId),
		RetainUntil: aws.ToTime(out.ObjectLockRetainUntilDate), Compliance: out.ObjectLockMode == types.ObjectLockModeCompliance}
	end := o.Size
	if length > 0 {
		end = min(end, offset+length)
	}
	return &reader{ctx: ctx, s: s, say: say, key: key, etag: o.ETag, at: offset, end: end, body: out.Body}, o, nil
}

// openBehind answers a read that begins at or behind the end.
func (s *Store) openBehind(ctx context.Context, key string, offset int64) (io.ReadCloser, storage.Object, error) {
	o, err := s.Head(ctx, key)
	if err != nil {
		return nil, o, err
	}
	if offset > o.Size {
		return nil, o, fault.New(fault.Validation, fault.InvalidInput, "Look at the object's size first.", "%s has %d bytes and cannot be read from byte %d", s.where(key), o.Size, offset)
	}
	return io.NopCloser(bytes.NewReader(nil)), o, nil
}

func (s *Store) get(ctx context.Context, key, etag string, offset, length int64) (*awss3.GetObjectOutput, error) {
	in := &awss3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key))}
	if etag != "" {
		in.IfMatch = &etag
	}
	switch {
	case length > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	case offset > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	out, err := s.client.GetObject(ctx, in)
	switch {
	case err != nil:
		return nil, err
	case offset > 0 && !strings.HasPrefix(aws.ToString(out.ContentRange), fmt.Sprintf("bytes %d-", offset)):
		err = s.op("read", key).told(errOtherBytes, nonsense, 0)
	case etag != "" && aws.ToString(out.ETag) != etag: // a service that knows no If-Match
		err = s.op("read", key).told(errOtherVersion, replaced, 0)
	default:
		return out, nil
	}
	_ = out.Body.Close()
	return nil, err
}

var (
	errOtherBytes   = errors.New("the answer has other bytes than were asked for")
	errOtherVersion = errors.New("the answer has another ETag than was asked for")
)

// replaced is for an object that is not any more what reading began with.
var replaced = row{fault.FileSystem, Changed, "it was replaced or deleted while it was read", "Read it again from the beginning.", false}

var errNoSize = errors.New("the answer does not say how large the object is")

// nonsense is for an answer that no service gives which means well.
var nonsense = row{fault.FileSystem, fault.StorageFailed, "the service answered what makes no sense", "Look at the service, and at proxies in between.", false}

// wholeSize is the object's size, also when a range of it was read ("bytes 5-9/1234"). ok is false where the service does not say one.
func wholeSize(out *awss3.GetObjectOutput) (size int64, ok bool) {
	if _, total, ranged := strings.Cut(aws.ToString(out.ContentRange), "/"); ranged {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			return n, n >= 0
		}
	}
	return aws.ToInt64(out.ContentLength), out.ContentLength != nil && *out.ContentLength >= 0
}

// reader reads [at, end) of one version of an object, and asks for the rest when a connection breaks.
type reader struct {
	ctx   context.Context
	s     *Store
	say   op
	key   string
	etag  string
	at    int64
	end   int64
	body  io.ReadCloser // nil while there is no connection
	tries int           // since it last got on
	got   int64         // bytes since then
	err   error         // final
}

// gettingOn is how many bytes must arrive before broken connections are counted anew. A service that sends a few each time would
// be asked for ever.
const gettingOn = 64 << 10

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.at >= r.end {
		return 0, io.EOF
	}
	if int64(len(p)) > r.end-r.at {
		p = p[:r.end-r.at]
	}
	for len(p) > 0 {
		if r.body == nil {
			if err := r.resume(); err != nil {
				r.err = err
				return 0, err
			}
		}
		n, err := r.body.Read(p)
		r.at += int64(n)
		if r.got += int64(n); r.got >= gettingOn {
			r.tries, r.got = 0, 0
		}
		if err != nil && r.at < r.end { // a clean end before the end is a broken connection too
			_ = r.body.Close()
			r.body = nil
			if r.tries++; r.tries >= r.s.cfg.MaxAttempts || r.ctx.Err() != nil {
				r.err = r.broken(err)
			}
		}
		if n > 0 {
			return n, nil
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	return 0, nil
}

func (r *reader) broken(err error) error {
	if cause := r.ctx.Err(); cause != nil {
		return r.say.fault(cause)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	f := fault.From(r.say.fault(err))
	f.Attempts = r.tries
	return f
}

// resume opens a new connection at the current byte, against the same ETag.
func (r *reader) resume() error {
	if r.tries > 0 {
		if pause.For(r.ctx, backoff(r.tries)) != nil {
			return r.say.fault(r.ctx.Err())
		}
	}
	out, err := r.s.get(r.ctx, r.key, r.etag, r.at, r.end-r.at)
	if err != nil {
		if isPrecondition(err) || isMissing(err) {
			return r.say.told(err, replaced, 0)
		}
		return r.say.fault(err)
	}
	r.body = out.Body
	return nil
}

func (r *reader) Close() error {
	if r.err == nil {
		r.err = io.ErrClosedPipe
	}
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}

// backoff is how long to wait before try n (from 1): a random share of 0.1 s, 0.2 s, 0.4 s, ...
func backoff(n int) time.Duration {
	most := min(100*time.Millisecond<<min(n, 10), maxBackoff)
	return most/2 + rand.N(most/2)
}

// Download implements storage.Store.
func (s *Store) Download(ctx context.Context, key string, w io.WriterAt) (int64, error) {
	o, err := s.Head(ctx, key)
	if err != nil || o.Size == 0 {
		return 0, err
	}
	say := s.op("download", key, "s3:GetObject")
	d := manager.NewDownloader(s.client, func(d *manager.Downloader) {
		d.PartSize = max(s.cfg.PartSize, DefaultPartSize)
		d.Concurrency = s.cfg.Concurrency
		d.PartBodyMaxRetries = s.cfg.MaxAttempts
	})
	n, err := d.Download(ctx, w, &awss3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), IfMatch: &o.ETag})
	if isPrecondition(err) {
		return n, say.told(err, row{fault.FileSystem, Changed, "it was replaced while it was read", "Download it again.", false}, 0)
	}
	if err != nil {
		return n, say.fault(err)
	}
	if n != o.Size {
		return n, fault.New(fault.Validation, fault.SizeMismatch, "Download it again.", "%s has %d bytes, but %d arrived", s.where(key), o.Size, n)
	}
	return n, nil
}
