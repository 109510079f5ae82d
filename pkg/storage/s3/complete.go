package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"net/http"
	"sort"
	"strconv"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var errOtherObject = errors.New("another object has this name")

// slowestJoin is how slowly a service may put parts together before it counts as hung, in bytes a second.
const slowestJoin = 16 << 20

// completeRounds is how often a completion is asked for, when what became of the last one is unclear.
const completeRounds = 3

// Complete implements storage.Upload.
func (u *upload) Complete(ctx context.Context) (storage.Object, error) {
	s, say := u.s, u.s.op("complete the upload of", u.key, "s3:PutObject")
	u.mu.Lock()
	ready, total := u.state == written, u.acked
	sort.Slice(u.parts, func(i, j int) bool { return u.parts[i].number < u.parts[j].number })
	u.mu.Unlock()
	if !ready {
		return storage.Object{}, fault.Wrap(errOrder, fault.Internal, "", "", "cannot complete the upload of %s", s.where(u.key))
	}
	for round := 1; ; round++ {
		cctx, cancel := context.WithTimeout(ctx, s.cfg.ReadTimeout*time.Duration(s.cfg.MaxAttempts)+time.Duration(total/slowestJoin)*time.Second)
		err := u.ask(cctx, say)
		cancel()
		o, again, err := u.settle(ctx, say, err)
		if err == nil {
			u.mu.Lock()
			u.state = completed
			u.mu.Unlock()
			return o, nil
		}
		if !again || round == completeRounds || ctx.Err() != nil {
			return storage.Object{}, err
		}
	}
}

// ask asks for the completion, and does without what the service does not know: its size, the checksum of the whole, the
// condition. What it can do without is tried in this order, so that the condition is given up last.
func (u *upload) ask(ctx context.Context, say op) error {
	s := u.s
	conditional := !s.lacks(completeCreateOnly)
	if !conditional {
		if err := s.lookFirst(ctx, u.key, storage.Condition{IfAbsent: true}, say); err != nil {
			return err
		}
	}
	sized := !s.lacks(objectSize)
	err := u.complete(ctx, sized, u.whole, conditional)
	if sized && answerOf(err).status == 501 {
		if err = u.complete(ctx, false, u.whole, conditional); answerOf(err).status != 501 {
			s.lack(objectSize)
		}
		sized = false
	}
	if u.whole && refusesWhole(err) {
		if err = u.complete(ctx, sized, false, conditional); err == nil || isPrecondition(err) {
			s.lack(wholeCRC)
		}
		u.whole = false
	}
	switch {
	case !conditional:
		return err
	case answerOf(err).status == 501:
		s.lack(completeCreateOnly)
	case isPrecondition(err) && s.lacks(deletedNames):
	default:
		return err
	}
	if lerr := s.lookFirst(ctx, u.key, storage.Condition{IfAbsent: true}, say); lerr != nil {
		return err
	}
	return u.complete(ctx, sized, u.whole, false)
}

// refusesWhole tells whether a service may have refused the checksum of the whole as such. That the checksum differs is
// said in other words (BadDigest), and is no reason to leave it out.
func refusesWhole(err error) bool {
	a := answerOf(err)
	return err != nil && (isUnknownFeature(err) || a.code == "BadRequest" || a.status == http.StatusBadRequest && a.code == "")
}

// complete sends the completion once (the SDK retries it).
func (u *upload) complete(ctx context.Context, sized, whole, conditional bool) error {
	s := u.s
	in := &awss3.CompleteMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(u.key)), UploadId: &u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: make([]types.CompletedPart, len(u.parts))}}
	var size int64
	for i, p := range u.parts {
		c := types.CompletedPart{PartNumber: aws.Int32(int32(p.number)), ETag: aws.String(p.etag)}
		if u.crc {
			c.ChecksumCRC64NVME = aws.String(CRCText(p.crc))
		}
		in.MultipartUpload.Parts[i] = c
		size += p.size
	}
	if sized {
		in.MpuObjectSize = aws.Int64(size)
	}
	if whole && size > 0 { // MinIO knows no checksum of nothing
		in.ChecksumCRC64NVME, in.ChecksumType = aws.String(u.objectCRC()), types.ChecksumTypeFullObject
	}
	if conditional {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := s.patient.CompleteMultipartUpload(ctx, in)
	return err
}

// objectCRC is the checksum of the whole object, from those of its parts.
func (u *upload) objectCRC() string {
	var crc uint64
	for i, p := range u.parts {
		if i == 0 {
			crc = p.crc
			continue
		}
		crc = crcJoin(crc, p.crc, p.size)
	}
	return CRCText(crc)
}

// settle looks at the object, whatever the answer was: an answer may be lost, a retry may meet its own first
// attempt, and some services say yes to an upload that another one has overtaken. again tells that asking once
// more may help.
func (u *upload) settle(ctx context.Context, say op, asked error) (o storage.Object, again bool, err error) {
	s := u.s
	ctx, cancel := detached(ctx)
	defer cancel()
	o, raw, err := s.head(ctx, u.key)
	switch {
	case err == nil && raw[markKey] == u.mark:
		if err := u.compare(o); err != nil {
			return storage.Object{}, false, err
		}
		return o, false, nil
	case err == nil:
		r := byCode["PreconditionFailed"]
		r.what, r.hint = "another object has this name already", "Choose another name."
		return storage.Object{}, false, say.told(errOtherObject, r, 0)
	case asked != nil:
		f := fault.From(say.fault(asked))
		return storage.Object{}, storage.IsNotFound(err) && (f.Transient || f.Reason == fault.Precondition), f
	case storage.IsNotFound(err):
		r := byCode["InternalError"]
		r.what = "the service said that it is done, but the object is not there"
		return storage.Object{}, true, say.told(err, r, 0)
	}
	// The answer was good and looking is forbidden or failed: the checksums in the request were the comparison.
	if fault.HasReason(err, fault.AccessDenied) && u.crc {
		return storage.Object{Key: u.key, Size: u.acked, CRC64NVME: u.objectCRC(), Metadata: clean(u.options.Metadata)}, false, nil
	}
	return storage.Object{}, false, err
}

// compare checks what is stored against what was sent: size, checksum, and the ETag where it is one of MD5s.
func (u *upload) compare(o storage.Object) error {
	if o.Size != u.acked {
		return fault.New(fault.Validation, fault.SizeMismatch, "Run it again; the service lost or added bytes.",
			"%s has %d bytes, but %d were sent", u.s.where(u.key), o.Size, u.acked)
	}
	same := true
	if u.crc && u.acked > 0 && o.CRC64NVME != "" {
		same = o.CRC64NVME == u.objectCRC()
	}
	if !u.crc {
		sum, parts, ok := etagMD5(o.ETag)
		if ok && parts == strconv.Itoa(len(u.parts)) {
			same = bytes.Equal(sum, u.md5OfMD5s())
		}
	}
	if !same {
		return fault.New(fault.Validation, fault.ChecksumMismatch, "Run it again; the service stored something else.",
			"%s does not have the checksum of what was sent", u.s.where(u.key))
	}
	return nil
}

// md5OfMD5s is the ETag of a multipart object, without its number of parts. It is only compared when the
// parts' ETags were MD5s themselves.
func (u *upload) md5OfMD5s() []byte {
	h := md5.New()
	for _, p := range u.parts {
		sum, _, ok := etagMD5(p.etag)
		if !ok {
			return nil
		}
		h.Write(sum)
	}
	return h.Sum(nil)
}
