package s3

import (
	"bytes"
	"context"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	if err := s.check(key); err != nil {
		return storage.Object{}, err
	}
	if len(body) > storage.MaxSmall {
		return storage.Object{}, fault.New(fault.FileSystem, fault.LimitReached, "Nothing was written. Remove old backups, or use another backup directory for new ones.",
			"%s would take %d MB, more than the %d MB that can be read of it", key, len(body)>>20, storage.MaxSmall>>20)
	}
	if err := s.learn(ctx); err != nil {
		return storage.Object{}, err
	}
	return s.put(ctx, key, body, o)
}

// needs is the feature that a condition needs.
func needs(c storage.Condition) feature {
	if c.IfAbsent {
		return createOnly
	}
	return replaceIfUnchanged
}

// put is Put with what is known by now.
func (s *Store) put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	in, say, err := s.request(ctx, key, body, o)
	if err != nil {
		return storage.Object{}, err
	}
	if o.Condition == (storage.Condition{}) {
		out, err := s.client.PutObject(ctx, in)
		if err != nil {
			return storage.Object{}, say.fault(err)
		}
		return stored(key, body, o, out), nil
	}
	mark := newMark()
	in.Metadata = withMark(o.Metadata, mark)
	if s.lacks(needs(o.Condition)) {
		return s.putGuarded(ctx, key, body, o, in, say)
	}
	if o.Condition.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if o.Condition.IfMatch != "" {
		in.IfMatch = &o.Condition.IfMatch
	}
	start := time.Now()
	out, err := s.client.PutObject(ctx, in)
	if err == nil && s.lacks(writersAtOnce) {
		return s.confirm(ctx, key, body, o, in, out, say, time.Since(start))
	}
	if err == nil {
		return stored(key, body, o, out), nil
	}
	if answerOf(err).status == 501 && s.lack(needs(o.Condition)) {
		return s.putGuarded(ctx, key, body, o, in, say)
	}
	got, absent, err := s.settlePut(ctx, key, mark, o.Condition, say, err)
	if absent && o.Condition.IfAbsent && storage.IsPrecondition(err) && s.lacks(deletedNames) {
		return s.putGuarded(ctx, key, body, o, in, say)
	}
	return got, err
}

// request is a write without its condition.
func (s *Store) request(ctx context.Context, key string, body []byte, o storage.PutOptions) (*awss3.PutObjectInput, op, error) {
	say := s.op("write", key, "s3:PutObject")
	mode, err := s.lockFor(ctx, o.RetainUntil)
	if err != nil {
		return nil, say, err
	}
	_, md5Text := md5Of(body)
	in := &awss3.PutObjectInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), Body: bytes.NewReader(body),
		ContentLength: aws.Int64(int64(len(body))),
		ContentMD5:    aws.String(md5Text), // buckets with object lock ask for one
		ContentType:   aws.String(contentType(o.ContentType)),
		Metadata:      o.Metadata,
	}
	if mode != "" {
		say = s.op("write", key, "s3:PutObject", "s3:PutObjectRetention")
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = mode, aws.Time(o.RetainUntil.UTC().Truncate(time.Second))
	}
	return in, say, nil
}

func stored(key string, body []byte, o storage.PutOptions, out *awss3.PutObjectOutput) storage.Object {
	return storage.Object{Key: key, Size: int64(len(body)), ETag: aws.ToString(out.ETag), Metadata: clean(o.Metadata),
		CRC64NVME: fullCRC(out.ChecksumCRC64NVME, out.ChecksumType), VersionID: aws.ToString(out.VersionId)}
}

// settlePut decides what a failed conditional write means; absent tells that there is no object at all. A retry of the
// SDK's finds its own first attempt in its way when only the answer was lost: the mark tells.
func (s *Store) settlePut(ctx context.Context, key, mark string, c storage.Condition, say op, err error) (o storage.Object, absent bool, _ error) {
	if ctx.Err() != nil {
		return storage.Object{}, false, say.fault(err) // the caller wants an end, not an answer
	}
	refused := isPrecondition(err) || (c.IfMatch != "" && isMissing(err))
	ctx, cancel := detached(ctx)
	defer cancel()
	got, head, herr := s.head(ctx, key)
	if herr == nil && head[markKey] == mark {
		return got, false, nil
	}
	if !refused {
		return storage.Object{}, false, say.fault(err)
	}
	return storage.Object{}, storage.IsNotFound(herr), say.told(err, refusal(c), 0)
}
