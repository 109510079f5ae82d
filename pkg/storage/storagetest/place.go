package storagetest

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Place is an empty store as the suite wants it: with a witness, and with ways to reach the same bucket
// through something that spoils the connection.
type Place struct {
	Store storage.Store
	// Witness is a client of another make for the same bucket.
	Witness *minio.Client
	Bucket  string
	Prefix  string // with a slash at its end, or empty
	// Dir is the directory of a local store. It has no server: no Witness, no Bucket, no Addr, no Through.
	Dir string

	endpoint string // http://host:port, by TCP
	config   s3.Config
}

// Full is the key by which the witness knows an object.
func (p Place) Full(key string) string { return p.Prefix + key }

// Able are the capabilities of the places that the suite runs on whole: spelt out, they are not tried out by each store.
var Able = storage.Capabilities{CreateOnly: true, ReplaceIfUnchanged: true, CompleteCreateOnly: true, Tags: true, CRC64NVME: true,
	MaxParts: s3.DefaultMaxParts, MinPartSize: s3.MinPartSize}

// unknown lets a store try out what the service can do.
func unknown(c *s3.Config) { c.Known = nil }

// Through opens the same place by another way: at is the host and port of a proxy to Addr.
func (p Place) Through(tb testing.TB, at string, change ...func(*s3.Config)) *s3.Store {
	tb.Helper()
	c := p.config
	c.Endpoint = "http://" + at
	for _, f := range change {
		f(&c)
	}
	s, err := s3.Open(context.Background(), c)
	if err != nil {
		tb.Fatalf("open the store at %s: %v", at, err)
	}
	return s
}

// Addr is the host and port of the server.
func (p Place) Addr() string { return strings.TrimPrefix(p.endpoint, "http://") }

// MinIOPlace opens a new bucket of MinIO, under a prefix.
func MinIOPlace(tb testing.TB) Place {
	tb.Helper()
	return servedPlace(tb, testenv.MinIO(tb))
}

// VersitygwPlace opens a new bucket of versitygw, under a prefix.
func VersitygwPlace(tb testing.TB) Place {
	tb.Helper()
	return servedPlace(tb, testenv.Versitygw(tb))
}

func servedPlace(tb testing.TB, server *testenv.MinIOServer) Place {
	tb.Helper()
	p := Place{Bucket: server.NewBucket(tb), Prefix: "some/where/", endpoint: server.Endpoint}
	p.config = s3.Config{Bucket: p.Bucket, Prefix: "some/where", Region: testenv.Region, Known: &Able,
		Credentials: &s3.Credentials{AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey}}
	p.Store = p.Through(tb, p.Addr())
	p.Witness = witness(tb, p.Addr(), server.AccessKey, server.SecretKey, testenv.Region)
	return p
}

func witness(tb testing.TB, addr, access, secret, region string) *minio.Client {
	tb.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	tb.Cleanup(transport.CloseIdleConnections)
	c, err := minio.New(addr, &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), Region: region,
		Transport: transport, BucketLookup: minio.BucketLookupPath})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}
