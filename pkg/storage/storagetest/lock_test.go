package storagetest

import (
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"

	"github.com/minio/minio-go/v7"
)

// TestObjectLock: what was asked to be kept cannot be removed before its time, in a bucket that can do so; and the stricter
// mode is taken only where the bucket's own rule is strict.
func TestObjectLock(t *testing.T) {
	t.Parallel()
	server := testenv.MinIO(t)
	witness := server.Client(t)
	for _, want := range []minio.RetentionMode{minio.Governance, minio.Compliance} {
		bucket := server.NewLockedBucket(t)
		if want == minio.Compliance {
			days, unit := uint(1), minio.Days
			must(t, witness.SetBucketObjectLockConfig(t.Context(), bucket, &want, &days, &unit))
		}
		store := OpenMinIO(t, s3.Config{Bucket: bucket, Prefix: "some/where"})
		ctx := ctxFor(t)
		caps, err := store.Probe(ctx)
		must(t, err)
		if !caps.ObjectLock {
			t.Fatalf("%+v", caps)
		}
		until := time.Now().Add(48 * time.Hour)
		put, err := store.Put(ctx, "kept", []byte("kept"), storage.PutOptions{RetainUntil: until, Condition: storage.Condition{IfAbsent: true}})
		must(t, err)
		o, err := store.Head(ctx, "kept")
		must(t, err)
		_, read, err := store.Get(ctx, "kept")
		must(t, err)
		if d := until.Sub(o.RetainUntil); d < 0 || d > time.Second || !read.RetainUntil.Equal(o.RetainUntil) {
			t.Errorf("retained until %s and %s, want %s", o.RetainUntil, read.RetainUntil, until)
		}
		mode, _, err := witness.GetObjectRetention(ctx, bucket, "some/where/kept", put.VersionID)
		must(t, err)
		if mode == nil || *mode != want {
			t.Errorf("mode %v, want %s", mode, want)
		}
		if err := witness.RemoveObject(ctx, bucket, "some/where/kept", minio.RemoveObjectOptions{VersionID: put.VersionID}); err == nil {
			t.Error("the version was removed before its time")
		}
		must(t, store.Delete(ctx, "kept")) // hides it; the version stays
		body, err := witness.GetObject(ctx, bucket, "some/where/kept", minio.GetObjectOptions{VersionID: put.VersionID})
		must(t, err)
		if st, err := body.Stat(); err != nil || st.Size != 4 {
			t.Errorf("the version: %+v, %v", st, err)
		}
		past, err := store.Put(ctx, "past", nil, storage.PutOptions{RetainUntil: time.Now().Add(-time.Hour)})
		must(t, err)
		err = witness.RemoveObject(ctx, bucket, "some/where/past", minio.RemoveObjectOptions{VersionID: past.VersionID})
		if (err == nil) != (want == minio.Governance) { // the bucket's rule holds without being asked for
			t.Errorf("removing what was not to be kept: %v", err)
		}
	}
}
