package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"iter"
	"sort"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// markKey is the metadata of ours that recognises a write whose answer was lost.
const markKey = "cofre-mark"

func newMark() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func withMark(m map[string]string, mark string) map[string]string {
	out := make(map[string]string, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	out[markKey] = mark
	return out
}

// clean gives user metadata without ours, keys in lower case as the protocol has them.
func clean(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		if k = strings.ToLower(k); k != markKey && k != planKey {
			out[k] = v
		}
	}
	return out
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	if err := s.check(key); err != nil {
		return storage.Object{}, err
	}
	if len(body) > storage.MaxSmall {
		return storage.Object{}, fault.New(fault.FileSystem, fault.LimitReached, "Nothing was written. Remove old backups, or use another backup directory for new ones.",
			"%s would take %d MB, more than the %d MB that can be read of it", key, len(body)>>20, storage.MaxSmall>>20)
	}
	say := s.op("write", key, "s3:PutObject")
	conditional := o.Condition != (storage.Condition{})
	if conditional && s.lacksConditions() {
		if err := s.lookFirst(ctx, key, o.Condition, say); err != nil {
			return storage.Object{}, err
		}
		o.Condition = storage.Condition{}
	}
	mode, err := s.lockFor(ctx, o.RetainUntil)
	if err != nil {
		return storage.Object{}, err
	}
	if mode != "" {
		say = s.op("write", key, "s3:PutObject", "s3:PutObjectRetention")
	}
	mark := newMark()
	_, md5Text := md5Of(body)
	in := &awss3.PutObjectInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), Body: bytes.NewReader(body),
		ContentLength: aws.Int64(int64(len(body))),
		ContentMD5:    aws.String(md5Text), // buckets with object lock ask for one
		ContentType:   aws.String(contentType(o.ContentType)),
		Metadata:      o.Metadata,
	}
	if mode != "" {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = mode, aws.Time(o.RetainUntil.UTC().Truncate(time.Second))
	}
	if conditional {
		in.Metadata = withMark(o.Metadata, mark)
	}
	if o.Condition.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if o.Condition.IfMatch != "" {
		in.IfMatch = &o.Condition.IfMatch
	}
	out, err := s.client.PutObject(ctx, in)
	if err == nil {
		return storage.Object{Key: key, Size: int64(len(body)), ETag: aws.ToString(out.ETag), Metadata: clean(o.Metadata),
			CRC64NVME: aws.ToString(out.ChecksumCRC64NVME), VersionID: aws.ToString(out.VersionId)}, nil
	}
	if !conditional {
		return storage.Object{}, say.fault(err)
	}
	if answerOf(err).status == 501 && s.degrade() {
		return s.Put(ctx, key, body, o)
	}
	return s.settlePut(ctx, key, mark, o.Condition, say, err)
}

// settlePut decides what a failed conditional write means. A retry of the SDK's finds its own first attempt in
// its way when only the answer was lost: the mark tells.
func (s *Store) settlePut(ctx context.Context, key, mark string, c storage.Condition, say op, err error) (storage.Object, error) {
	if ctx.Err() != nil {
		return storage.Object{}, say.fault(err) // the caller wants an end, not an answer
	}
	refused := isPrecondition(err) || (c.IfMatch != "" && isMissing(err))
	ctx, cancel := detached(ctx)
	defer cancel()
	got, head, herr := s.head(ctx, key)
	if herr == nil && head[markKey] == mark {
		return got, nil
	}
	if !refused {
		return storage.Object{}, say.fault(err)
	}
	r := byCode["PreconditionFailed"]
	if c.IfAbsent {
		r.what = "it exists already"
		r.hint = "Choose another name."
	}
	return storage.Object{}, say.told(err, r, 0)
}

// lookFirst stands in for a condition on services that have none. It is not safe among several writers.
func (s *Store) lookFirst(ctx context.Context, key string, c storage.Condition, say op) error {
	o, _, err := s.head(ctx, key)
	missing := storage.IsNotFound(err)
	if err != nil && !missing {
		return err
	}
	if (c.IfAbsent && !missing) || (c.IfMatch != "" && (missing || o.ETag != c.IfMatch)) {
		return say.told(errDegraded, byCode["PreconditionFailed"], 0)
	}
	return nil
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	r, o, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, storage.Object{}, err
	}
	defer r.Close()
	if o.Size > storage.MaxSmall {
		return nil, o, fault.New(fault.Validation, fault.LimitReached, "Download it instead.",
			"%s has %d bytes: too large to be read at once", s.where(key), o.Size)
	}
	body := make([]byte, o.Size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, o, s.op("read", key, "s3:GetObject").fault(err)
	}
	return body, o, nil
}

// Head implements storage.Store.
func (s *Store) Head(ctx context.Context, key string) (storage.Object, error) {
	if err := s.check(key); err != nil {
		return storage.Object{}, err
	}
	o, _, err := s.head(ctx, key)
	return o, err
}

// head also returns the metadata with our own mark in it.
func (s *Store) head(ctx context.Context, key string) (storage.Object, map[string]string, error) {
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return storage.Object{}, nil, s.op("look at", key, "s3:GetObject").fault(err)
	}
	raw := make(map[string]string, len(out.Metadata))
	for k, v := range out.Metadata {
		raw[strings.ToLower(k)] = v
	}
	return storage.Object{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag),
		LastModified: aws.ToTime(out.LastModified), Metadata: clean(raw),
		CRC64NVME: fullCRC(out.ChecksumCRC64NVME, out.ChecksumType), VersionID: aws.ToString(out.VersionId),
		RetainUntil: aws.ToTime(out.ObjectLockRetainUntilDate)}, raw, nil
}

// fullCRC drops checksums of checksums ("composite"), which say nothing about the object's bytes.
func fullCRC(sum *string, t types.ChecksumType) string {
	if sum == nil || t == types.ChecksumTypeComposite || strings.Contains(*sum, "-") {
		return ""
	}
	return *sum
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, o storage.ListOptions) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		if err := storage.CheckPrefix(o.Prefix); err != nil {
			yield(storage.Object{}, err)
			return
		}
		in := &awss3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, Prefix: aws.String(s.full(o.Prefix))}
		if o.After != "" {
			in.StartAfter = aws.String(s.full(o.After))
		}
		for {
			page, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(storage.Object{}, s.op("list", "", "s3:ListBucket").fault(err))
				return
			}
			for _, c := range page.Contents {
				key, ok := s.relative(aws.ToString(c.Key))
				if !ok || key == "" || strings.HasSuffix(key, "/") {
					continue // a folder marker of some console
				}
				if !yield(storage.Object{Key: key, Size: aws.ToInt64(c.Size), ETag: aws.ToString(c.ETag), LastModified: aws.ToTime(c.LastModified)}, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) || page.NextContinuationToken == nil {
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.check(key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key))})
	if answerOf(err).code == "NoSuchKey" {
		return nil
	}
	return s.op("delete", key, "s3:DeleteObject").fault(err)
}

// SetTags implements storage.Store.
func (s *Store) SetTags(ctx context.Context, key string, tags map[string]string) error {
	if err := s.check(key); err != nil {
		return err
	}
	if err := storage.CheckTags(tags); err != nil {
		return err
	}
	set := make([]types.Tag, 0, len(tags))
	for k, v := range tags {
		set = append(set, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	sort.Slice(set, func(i, j int) bool { return *set[i].Key < *set[j].Key })
	_, err := s.client.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), Tagging: &types.Tagging{TagSet: set}})
	return s.tagFault(s.op("tag", key, "s3:PutObjectTagging"), err)
}

// Tags implements storage.Store.
func (s *Store) Tags(ctx context.Context, key string) (map[string]string, error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	out, err := s.client.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key))})
	if err != nil {
		if answerOf(err).code == "NoSuchTagSet" {
			return map[string]string{}, nil
		}
		return nil, s.tagFault(s.op("read the tags of", key, "s3:GetObjectTagging"), err)
	}
	tags := make(map[string]string, len(out.TagSet))
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

func (s *Store) tagFault(say op, err error) error {
	if err != nil && (answerOf(err).status == 501 || answerOf(err).code == "NotImplemented") {
		return say.told(err, row{fault.FileSystem, storage.Unsupported, "the service has no object tags",
			"Nothing needs to be done: the manifests hold the same.", false}, 0)
	}
	return say.fault(err)
}

func contentType(t string) string {
	if t == "" {
		return "application/octet-stream"
	}
	return t
}
