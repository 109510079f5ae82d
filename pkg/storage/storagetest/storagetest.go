// Package storagetest is the conformance suite of [storage.Store], and helpers for tests that need a store.
//
//	func TestMine(t *testing.T) {
//		store := storagetest.NewLocal(t) // a local directory
//		store := storagetest.NewMinIO(t) // a bucket of a real MinIO
//
// [Run] is the suite: every implementation passes all of it. [Faulty] puts failures and sudden deaths into a
// store, before or after chosen operations.
package storagetest

import (
	"context"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// NewMinIO opens a new bucket of the MinIO server that the tests of this process share.
func NewMinIO(tb testing.TB) storage.Store {
	tb.Helper()
	return OpenMinIO(tb, s3.Config{Known: &Able})
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
