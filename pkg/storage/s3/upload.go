package s3

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// detachedTime bounds work that goes on after the caller's context has ended: aborting, settling.
const detachedTime = 30 * time.Second

// detached is a context for work that must be done although ctx may be over.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), detachedTime)
}

// part is one acknowledged part.
type part struct {
	number int
	size   int64
	etag   string
	md5    []byte // nil when the part was sent with a CRC
	crc    uint64
}

// state is how far an upload is.
type state int

const (
	started   state = iota
	writing         // Write was called; it stays so when Write fails
	written         // to its end
	completed       // and seen to be ours
	aborted         // or at least tried to
)

// upload is one multipart upload.
type upload struct {
	s       *Store
	key     string
	id      string
	mark    string // recognises the finished object as ours
	crc     bool   // CRC64NVME protects parts and object; MD5 the parts otherwise
	whole   bool   // it protects the object as a whole, too
	plan    Plan
	options storage.UploadOptions

	mu    sync.Mutex
	parts []part
	acked int64
	state state
}

// StartUpload implements storage.Store.
func (s *Store) StartUpload(ctx context.Context, key string, o storage.UploadOptions) (storage.Upload, error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	if err := s.learn(ctx); err != nil {
		return nil, err
	}
	u := &upload{s: s, key: key, mark: newMark(), options: o,
		plan: NewPlan(s.cfg.PartSize, o.ExpectedSize, s.cfg.MaxParts, s.cfg.EqualParts)}
	in := &awss3.CreateMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)),
		ContentType: aws.String(contentType(o.ContentType)), Metadata: withMark(o.Metadata, u.mark)}
	in.StorageClass = types.StorageClass(s.cfg.StorageClass)
	out, err := s.createUpload(ctx, in)
	if err != nil {
		return nil, s.op("start an upload to", key, "s3:PutObject").fault(err)
	}
	u.id, u.crc = aws.ToString(out.UploadId), out.ChecksumAlgorithm == types.ChecksumAlgorithmCrc64nvme && in.ChecksumAlgorithm != ""
	u.whole = u.crc && out.ChecksumType != types.ChecksumTypeComposite && !s.lacks(wholeCRC)
	return u, nil
}

// createUpload asks for CRC64NVME and does without where the service does not know it.
func (s *Store) createUpload(ctx context.Context, in *awss3.CreateMultipartUploadInput) (*awss3.CreateMultipartUploadOutput, error) {
	if s.lacks(partCRC) {
		return s.client.CreateMultipartUpload(ctx, in)
	}
	in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	out, err := s.client.CreateMultipartUpload(ctx, in)
	if err == nil {
		if out.ChecksumAlgorithm != types.ChecksumAlgorithmCrc64nvme {
			s.lack(partCRC)
		}
		return out, nil
	}
	if !isUnknownFeature(err) {
		return nil, err
	}
	in.ChecksumAlgorithm, in.ChecksumType = "", ""
	out, err = s.client.CreateMultipartUpload(ctx, in)
	if err == nil {
		s.lack(partCRC)
	}
	return out, err
}

// ID implements storage.Upload.
func (u *upload) ID() string { return u.id }

// Write implements storage.Upload. One goroutine (the caller's) fills buffers, one per buffer sends. It
// returns only after r.Read has returned and every sender is done.
func (u *upload) Write(ctx context.Context, r io.Reader) (int64, error) {
	if err := u.advance(started, writing); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var senders sync.WaitGroup
	pool := newBufferPool(u.s.cfg.Concurrency)
	total, err := u.split(ctx, r, pool, func(n int, buf []byte) {
		senders.Go(func() {
			defer pool.put(buf)
			if err := u.send(ctx, n, buf); err != nil {
				cancel(err)
			}
		})
	})
	cause := context.Cause(ctx) // the first one wins: a failed part is told, not the cancellation that it brings
	if err != nil && cause == nil {
		cause = err
		stop := time.AfterFunc(underWay, func() { cancel(err) })
		defer stop.Stop()
	}
	senders.Wait()
	if cause == nil {
		cause = context.Cause(ctx)
	}
	if cause != nil {
		return total, u.writeFault(cause)
	}
	return total, u.advance(writing, written)
}

// underWay is how long parts may take that are under way when the source fails. A service may go on with a part that is cut off while
// the upload is aborted, and keep it; s3proxy cannot list a bucket's uploads any more then.
const underWay = 3 * time.Second

// advance goes from one state to the next, and refuses calls out of order.
func (u *upload) advance(from, to state) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state != from {
		return fault.Wrap(errOrder, fault.Internal, "", "", "cannot write %s", u.s.where(u.key))
	}
	u.state = to
	return nil
}

var errOrder = errors.New("an upload is written once, to its end, and then completed or aborted")

// writeFault leaves errors of the source as they are and makes those of the context faults.
func (u *upload) writeFault(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return u.s.op("write", u.key, "s3:PutObject").fault(err)
	}
	return err
}

// split reads parts from r and hands them to send, until r ends. An empty r makes one empty part.
func (u *upload) split(ctx context.Context, r io.Reader, pool *bufferPool, send func(int, []byte)) (total int64, err error) {
	for n := 1; ; n++ {
		size := u.plan.Size(n)
		if size == 0 {
			return total, u.tooLarge(r)
		}
		buf, err := pool.get(ctx, size, u.plan.buffers(size, u.s.cfg.Concurrency))
		if err != nil {
			return total, err
		}
		got, end, err := storage.Fill(r, buf)
		total += int64(got)
		if err != nil {
			pool.put(buf)
			return total, &sourceError{err}
		}
		if got > 0 || n == 1 {
			send(n, buf[:got])
		} else {
			pool.put(buf)
		}
		if end {
			return total, nil
		}
	}
}

// tooLarge is the end of the parts. It is no error when the source ends exactly there.
func (u *upload) tooLarge(r io.Reader) error {
	var one [1]byte
	if n, end, err := storage.Fill(r, one[:]); err != nil {
		return &sourceError{err}
	} else if end && n == 0 {
		return nil
	}
	return fault.New(fault.Validation, fault.LimitReached,
		"Leave tables out, choose a stronger compression, or set a larger part size.",
		"%s would be larger than the %d bytes that %d parts can hold", u.s.where(u.key), u.plan.total(), u.plan.max)
}

// sourceError marks an error of the reader, which is not one of the storage's.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read the data to store: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// send uploads one part and compares what the service says it got.
func (u *upload) send(ctx context.Context, n int, data []byte) error {
	s := u.s
	say := s.op("write", u.key, "s3:PutObject")
	p := part{number: n, size: int64(len(data))}
	in := &awss3.UploadPartInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(u.key)), UploadId: &u.id, PartNumber: aws.Int32(int32(n)),
		Body: newBody(data), ContentLength: aws.Int64(p.size)}
	if u.crc {
		p.crc = crcOf(data)
		in.ChecksumCRC64NVME = aws.String(CRCText(p.crc))
	} else {
		sum, header := md5Of(data)
		p.md5, in.ContentMD5 = sum[:], aws.String(header)
	}
	out, err := s.client.UploadPart(ctx, in, s.partOptions())
	if err != nil {
		return say.fault(err)
	}
	p.etag = aws.ToString(out.ETag)
	if !p.agrees(out) {
		return say.told(errPartDiffers, byCode["BadDigest"], 0)
	}
	u.mu.Lock()
	u.parts = append(u.parts, p)
	u.acked += p.size
	if u.options.Progress != nil {
		u.options.Progress(u.acked) // under the lock, so that it only grows
	}
	u.mu.Unlock()
	return nil
}

var errPartDiffers = errors.New("a part's checksum in the answer is not the one that was sent")

// agrees compares the answer to a part with what was sent. Under SSE-KMS and SSE-C an ETag is no MD5; the
// service has compared Content-MD5 itself there.
func (p part) agrees(out *awss3.UploadPartOutput) bool {
	if out.ChecksumCRC64NVME != nil && isCRC(*out.ChecksumCRC64NVME) && p.md5 == nil {
		return *out.ChecksumCRC64NVME == CRCText(p.crc)
	}
	if p.md5 == nil {
		return true // the service has compared the header
	}
	sum, suffix, ok := etagMD5(p.etag)
	opaque := out.SSEKMSKeyId != nil || out.SSECustomerAlgorithm != nil ||
		out.ServerSideEncryption != "" && out.ServerSideEncryption != types.ServerSideEncryptionAes256
	return !ok || suffix != "" || opaque || string(sum) == string(p.md5)
}

// Abort implements storage.Upload.
func (u *upload) Abort(ctx context.Context) error {
	u.mu.Lock()
	done := u.state == completed
	if !done {
		u.state = aborted
	}
	u.mu.Unlock()
	if done {
		return nil
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	return u.s.AbortUpload(ctx, u.key, u.id)
}
