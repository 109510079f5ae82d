// Package storagetest is the conformance suite of [storage.Store], and helpers for tests that need a store.
//
//	func TestMine(t *testing.T) {
//		store := storagetest.NewEmbedded(t) // a local directory, served
//		store := storagetest.NewMinIO(t)    // a bucket of a real MinIO
//
// [Run] is the suite: every implementation passes all of it. [Faulty] puts failures and sudden deaths into a
// store, before or after chosen operations.
//
// Importing this package lets a test binary be the embedded store's child: no TestMain is needed for it.
package storagetest

import (
	"context"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/storage"
	"cofre/pkg/storage/embedded"
	"cofre/pkg/storage/s3"
)

func init() { embedded.MaybeServe() }

// NewEmbedded serves a temporary directory until the test ends. Its links work.
func NewEmbedded(tb testing.TB) storage.Store {
	tb.Helper()
	return OpenEmbedded(tb, embedded.Config{Directory: tb.TempDir(), Volatile: true, Listen: "127.0.0.1:0"})
}

// OpenEmbedded serves a directory until the test ends, as configured.
func OpenEmbedded(tb testing.TB, c embedded.Config) storage.Store {
	tb.Helper()
	server := StartEmbedded(tb, c)
	store, err := server.Store(context.Background())
	if err != nil {
		tb.Fatalf("open the embedded store: %v", err)
	}
	return store
}

// StartEmbedded runs a server until the test ends.
func StartEmbedded(tb testing.TB, c embedded.Config) *embedded.Server {
	tb.Helper()
	server, err := embedded.Start(context.Background(), c)
	if err != nil {
		tb.Fatalf("start the embedded store: %v", err)
	}
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Errorf("close the embedded store: %v", err)
		}
	})
	return server
}

// NewMinIO opens a new bucket of the MinIO server that the tests of this process share.
func NewMinIO(tb testing.TB) storage.Store {
	tb.Helper()
	return OpenMinIO(tb, s3.Config{})
}

// OpenMinIO is NewMinIO with settings of one's own. Bucket, endpoint and credentials are filled in where empty.
func OpenMinIO(tb testing.TB, c s3.Config) *s3.Store {
	tb.Helper()
	server := testenv.MinIO(tb)
	if c.Bucket == "" {
		c.Bucket = server.NewBucket(tb)
	}
	if c.Endpoint == "" {
		c.Endpoint = server.Endpoint
	}
	if c.Credentials == nil {
		c.Credentials = &s3.Credentials{AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey}
	}
	c.Region = testenv.Region
	store, err := s3.Open(context.Background(), c)
	if err != nil {
		tb.Fatalf("open MinIO: %v", err)
	}
	return store
}
