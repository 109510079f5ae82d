package s3

import (
	"fmt"
	"strings"
	"testing"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"cofre/internal/testenv"
	"cofre/pkg/storage"
)

// TestAdvice makes a bucket unsafe, and safe again, by an independent client.
func TestAdvice(t *testing.T) {
	server := testenv.MinIO(t)
	bucket, client, ctx := server.NewBucket(t), server.Client(t), t.Context()
	s := open(t, Config{Bucket: bucket, Endpoint: server.Endpoint, Credentials: &Credentials{AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey}})
	advice := func() string {
		var out []string
		for _, a := range s.Advice(ctx) {
			out = append(out, a.Message)
		}
		return strings.Join(out, "\n")
	}
	if got := advice(); got != "" {
		t.Errorf("advice on a bucket as it was made: %s", got)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.EnableVersioning(ctx, bucket))
	if got := advice(); !strings.Contains(got, "keeps old versions forever") {
		t.Errorf("advice on a bucket with versions and no rule: %q", got)
	}
	rules := lifecycle.NewConfiguration()
	rules.Rules = []lifecycle.Rule{{ID: "old", Status: "Enabled", NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 30}}}
	must(client.SetBucketLifecycle(ctx, bucket, rules))
	if got := advice(); got != "" {
		t.Errorf("advice on a bucket whose rule removes old versions: %s", got)
	}
	if _, err := s.Put(ctx, "manifests/x.json", []byte("{}"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ action, resource, want string }{
		{"s3:ListBucket", bucket, "anybody can list the bucket"},
		{"s3:GetObject", bucket + "/*", "can read it from the bucket"},
		{"", "", ""},
	} {
		policy := ""
		if c.action != "" {
			policy = fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["%s"],"Resource":["arn:aws:s3:::%s"]}]}`, c.action, c.resource)
		}
		must(client.SetBucketPolicy(ctx, bucket, policy))
		if got := advice(); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("advice where everybody has %q: %q, want %q", c.action, got, c.want)
		}
	}
	// The clocks are compared by what the service's answers say of its own.
	out, err := s.client.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &bucket})
	must(err)
	if skew, known := awsmiddleware.GetAttemptSkew(out.ResultMetadata); !known || skew.Abs() > apart {
		t.Errorf("the clocks are apart by %v (known: %v)", skew, known)
	}
}
