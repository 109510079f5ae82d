package s3

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"cofre/pkg/storage"
)

const (
	// looking bounds how long advice is asked for.
	looking = 20 * time.Second
	// apart is how far this machine's clock may be from the service's; requests are refused at fifteen minutes.
	apart = time.Minute
)

// Advice implements storage.Adviser: who else may read the bucket, what becomes of removed versions, and how far the clocks are apart. What
// the credentials may not see, or the service does not know, is left out.
func (s *Store) Advice(ctx context.Context) []storage.Advice {
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	var out []storage.Advice
	versions, err := s.client.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &s.cfg.Bucket})
	if err == nil {
		if skew, known := awsmiddleware.GetAttemptSkew(versions.ResultMetadata); known && skew.Abs() > apart {
			out = append(out, storage.Advice{Message: fmt.Sprintf("this machine's clock is %s away from the service's, which refuses requests at fifteen minutes", skew.Abs().Round(time.Second)),
				Hint: "Set it, for example with timedatectl set-ntp true."})
		}
		if versions.Status == types.BucketVersioningStatusEnabled && s.keepsVersions(ctx) {
			out = append(out, storage.Advice{Message: "the bucket keeps old versions forever: what a cleanup removes is still stored, and billed",
				Hint: "Give the bucket a lifecycle rule that expires noncurrent versions after some days (NoncurrentVersionExpiration)."})
		}
	}
	if who := s.open(ctx); who != "" {
		out = append(out, storage.Advice{Message: who, Hint: "Block public access to the bucket, and take what allows it to everybody (Principal \"*\", or an access list) away."})
	}
	return out
}

// open says what anybody may do, by trying it without credentials; "" is nothing that was found out.
func (s *Store) open(ctx context.Context) string {
	anybody := awss3.New(s.client.Options(), func(o *awss3.Options) { o.Credentials = aws.AnonymousCredentials{} })
	if _, err := anybody.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, Prefix: aws.String(s.full("")), MaxKeys: aws.Int32(1)}); err == nil {
		return "anybody can list the bucket, without credentials"
	}
	for o, err := range s.List(ctx, storage.ListOptions{}) {
		if err != nil {
			break
		}
		if _, err := anybody.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(o.Key))}); err == nil {
			return "anybody who knows a backup's name can read it from the bucket, without credentials"
		}
		break
	}
	return ""
}

// keepsVersions tells that nothing removes old versions.
func (s *Store) keepsVersions(ctx context.Context) bool {
	rules, err := s.client.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: &s.cfg.Bucket})
	if err != nil {
		a := answerOf(err)
		return a.status == http.StatusNotFound && a.code == "NoSuchLifecycleConfiguration"
	}
	for _, r := range rules.Rules {
		if r.Status == types.ExpirationStatusEnabled && r.NoncurrentVersionExpiration != nil {
			return false
		}
	}
	return true
}
