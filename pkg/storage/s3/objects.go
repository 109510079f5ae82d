package s3

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"iter"
	"net/url"
	"sort"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
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
		if k = strings.ToLower(k); k != markKey {
			out[k] = v
		}
	}
	return out
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
		RetainUntil: aws.ToTime(out.ObjectLockRetainUntilDate), Compliance: out.ObjectLockMode == types.ObjectLockModeCompliance}, raw, nil
}

// fullCRC drops checksums of checksums ("composite"), which say nothing about the object's bytes, and what is no CRC64NVME.
func fullCRC(sum *string, t types.ChecksumType) string {
	if sum == nil || t == types.ChecksumTypeComposite || !isCRC(*sum) {
		return ""
	}
	return *sum
}

// errNoProgress is for a list whose next page is the one that was read.
var errNoProgress = errors.New("the list does not go on")

// maxIdle is how many answers of a listing in a row may get no further. Where many objects were deleted, there are some.
const maxIdle = 1000

// List implements storage.Store.
func (s *Store) List(ctx context.Context, o storage.ListOptions) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		if err := storage.CheckPrefix(o.Prefix); err != nil {
			yield(storage.Object{}, err)
			return
		}
		// Names may hold characters that XML cannot: they are asked for as in a URL, and are so where the service says that they are.
		in := &awss3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, Prefix: aws.String(s.full(o.Prefix)), EncodingType: types.EncodingTypeUrl}
		if o.After != "" {
			in.StartAfter = aws.String(s.full(o.After))
		}
		last, idle := "", 0 // the last key, and how many answers in a row had none behind it
		for {
			page, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(storage.Object{}, s.op("list", "", "s3:ListBucket").fault(err))
				return
			}
			idle++
			for _, c := range page.Contents {
				full := decoded(aws.ToString(c.Key), page.EncodingType)
				if full > last {
					last, idle = full, 0
				}
				key, ok := s.relative(full)
				if !ok || key == "" || strings.HasSuffix(key, "/") || !strings.HasPrefix(key, o.Prefix) || storage.CheckText(key) != nil {
					continue // a folder marker of some console; nothing that was asked for, or that cofre has written
				}
				if !yield(storage.Object{Key: key, Size: aws.ToInt64(c.Size), ETag: aws.ToString(c.ETag), LastModified: aws.ToTime(c.LastModified)}, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) || page.NextContinuationToken == nil {
				return
			}
			if aws.ToString(page.NextContinuationToken) == aws.ToString(in.ContinuationToken) || idle == maxIdle {
				yield(storage.Object{}, s.op("list", "").told(errNoProgress, nonsense, 0))
				return
			}
			in.ContinuationToken = page.NextContinuationToken
		}
	}
}

// decoded is a name as a listing has it.
func decoded(name string, as types.EncodingType) string {
	if plain, err := url.QueryUnescape(name); as == types.EncodingTypeUrl && err == nil {
		return plain
	}
	return name
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
	say := s.op("tag", key, "s3:PutObjectTagging")
	if err := s.learn(ctx); err != nil {
		return err
	}
	if s.lacks(objectTags) {
		return s.tagFault(say, errNoTags)
	}
	_, err := s.client.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), Tagging: &types.Tagging{TagSet: set}}, withMD5)
	return s.tagFault(say, err)
}

// Tags implements storage.Store.
func (s *Store) Tags(ctx context.Context, key string) (map[string]string, error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	if s.knowing(ctx, objectTags) {
		return nil, s.tagFault(s.op("read the tags of", key), errNoTags)
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

// errNoTags is the cause of an error about tags on a service that was found to have none.
var errNoTags = errors.New("the service was tried out, and has no object tags")

// withMD5 sends a Content-MD5 with a small request, which buckets with object lock may ask for.
func withMD5(o *awss3.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
}

func (s *Store) tagFault(say op, err error) error {
	if err != nil && (errors.Is(err, errNoTags) || isUnknownRequest(err)) {
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
