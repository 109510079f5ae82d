package testenv

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"golang.org/x/crypto/ssh"
)

// KMSServer is moto's AWS KMS: its keys are real, their rights are not asked for.
type KMSServer struct{ store *StoreServer }

// KMS returns the KMS that the tests of this process share.
func KMS(tb testing.TB) KMSServer {
	tb.Helper()
	return KMSServer{Store(tb, "moto")}
}

// Env is the environment with which the AWS SDK finds it.
func (s KMSServer) Env() []string {
	return append(s.store.Env(), "AWS_ENDPOINT_URL_KMS="+s.store.Endpoint)
}

// Client returns a client for what cofre never asks KMS for.
func (s KMSServer) Client() *kms.Client {
	return kms.New(kms.Options{Region: Region, BaseEndpoint: aws.String(s.store.Endpoint), Credentials: credentials.NewStaticCredentialsProvider(s.store.AccessKey, s.store.SecretKey, "")})
}

// Endpoint is the URL of the server.
func (s KMSServer) Endpoint() string { return s.store.Endpoint }

// PublicKey returns the public half of a key as in a .pub file.
func (s KMSServer) PublicKey(tb testing.TB, arn string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := s.Client().GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &arn})
	if err != nil {
		tb.Fatalf("ask KMS for a public key: %v", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ssh.NewPublicKey(parsed)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// NewKey makes a key of a kind, such as ECC_NIST_P256 for SIGN_VERIFY, and returns its ARN.
func (s KMSServer) NewKey(tb testing.TB, spec, usage string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := s.Client().CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpec(spec), KeyUsage: types.KeyUsageType(usage)})
	if err != nil {
		tb.Fatalf("make a key in KMS: %v", err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}
