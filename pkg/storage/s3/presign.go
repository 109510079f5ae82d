package s3

import (
	"context"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// maxExpiry is the longest life of a link: the protocol's limit.
const maxExpiry = 7 * 24 * time.Hour

// sessionLife is the longest that is said of a link that session credentials of unknown end have signed.
const sessionLife = time.Hour

// Presign implements storage.Store.
func (s *Store) Presign(ctx context.Context, key string, o storage.PresignOptions) (storage.PresignedURL, error) {
	if err := s.check(key); err != nil {
		return storage.PresignedURL{}, err
	}
	if o.Expires < time.Second || o.Expires > maxExpiry {
		return storage.PresignedURL{}, fault.New(fault.Validation, fault.InvalidInput, "Choose 1 second to 7 days.", "invalid link lifetime %s", o.Expires)
	}
	if err := storage.CheckText(o.Filename + o.ContentType); err != nil {
		return storage.PresignedURL{}, err
	}
	say := s.op("make a link to", key, "s3:GetObject")
	now := time.Now()
	until := now.Add(o.Expires).Truncate(time.Second)
	creds, err := s.client.Options().Credentials.Retrieve(ctx)
	if err != nil {
		return storage.PresignedURL{}, say.fault(fmt.Errorf("get credentials: %w", err))
	}
	// A link dies with the session that signed it, whatever it says itself.
	end, ends, known := sessionEnd(creds)
	if !known { // as of a Lambda function: so long they are likely to be good for
		end = now.Add(sessionLife)
	}
	if ends && end.Before(until) {
		until = end.Truncate(time.Second)
		if !until.After(now) {
			return storage.PresignedURL{}, say.told(context.DeadlineExceeded, byCode["ExpiredToken"], 0)
		}
	}
	in := &awss3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key))}
	if o.Filename != "" {
		in.ResponseContentDisposition = aws.String(storage.Disposition(o.Filename))
	}
	if o.ContentType != "" {
		in.ResponseContentType = aws.String(o.ContentType)
	}
	req, err := s.presign.PresignGetObject(ctx, in, awss3.WithPresignExpires(o.Expires))
	if err != nil {
		return storage.PresignedURL{}, say.fault(err)
	}
	return storage.PresignedURL{URL: req.URL, ExpiresAt: until.UTC(), Uncertain: !known}, nil
}
