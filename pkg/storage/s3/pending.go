package s3

import (
	"context"

	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// AbortUpload implements storage.Store.
func (s *Store) AbortUpload(ctx context.Context, key, uploadID string) error {
	if err := s.check(key); err != nil {
		return err
	}
	if s.lacks(abortUploads) {
		return nil
	}
	_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), UploadId: &uploadID})
	if answerOf(err).code == "NoSuchUpload" || (answerOf(err).code == "" && answerOf(err).status == 404) {
		return nil
	}
	if isUnknownRequest(err) {
		s.lack(abortUploads)
		return nil // nobody can do more; Capabilities.UploadsStay says so
	}
	return s.op("abort an upload to", key, "s3:AbortMultipartUpload").fault(err)
}

// PendingUploads implements storage.Store.
func (s *Store) PendingUploads(ctx context.Context, key string) ([]storage.PendingUpload, error) {
	if err := s.check(key); err != nil {
		return nil, err
	}
	if s.lacks(listUploads) {
		return nil, nil
	}
	full := s.full(key)
	in := &awss3.ListMultipartUploadsInput{Bucket: &s.cfg.Bucket, Prefix: &full, EncodingType: types.EncodingTypeUrl}
	var out []storage.PendingUpload
	for {
		page, err := s.client.ListMultipartUploads(ctx, in)
		if answerOf(err).code == "NoSuchUpload" {
			return out, nil // some services say so where there is none
		}
		if isUnknownRequest(err) {
			s.lack(listUploads)
			return nil, nil
		}
		if err != nil {
			return nil, s.op("list unfinished uploads to", key, "s3:ListBucketMultipartUploads").fault(err)
		}
		for _, u := range page.Uploads {
			if decoded(aws.ToString(u.Key), page.EncodingType) == full {
				out = append(out, storage.PendingUpload{Key: key, UploadID: aws.ToString(u.UploadId), Initiated: aws.ToTime(u.Initiated)})
			}
		}
		if !aws.ToBool(page.IsTruncated) || (page.NextKeyMarker == nil && page.NextUploadIdMarker == nil) {
			return out, nil
		}
		if aws.ToString(page.NextKeyMarker) == aws.ToString(in.KeyMarker) && aws.ToString(page.NextUploadIdMarker) == aws.ToString(in.UploadIdMarker) {
			return nil, s.op("list unfinished uploads to", key).told(errNoProgress, nonsense, 0)
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
		if in.KeyMarker != nil {
			in.KeyMarker = aws.String(decoded(*in.KeyMarker, page.EncodingType))
		}
	}
}
