package backup_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// A backup is locked once it is complete; retention keeps it for as long and says so, and so does a cleanup where the bucket locks by its own
// rule what it removes. Where nothing can be locked a backup that is to be is refused, and leaves nothing.
func TestLockedBackups(t *testing.T) {
	ctx, url := t.Context(), testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	server := testenv.MinIO(t)
	witness, bucket := server.Client(t), server.NewLockedBucket(t)
	for _, kv := range server.Env() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	place := func(env ...string) *world { return open(t, "s3://"+bucket+"/place", url, env...) }

	w := place("BACKUP_OBJECT_LOCK=governance=30")
	locked := w.create(backup.Request{Filename: "locked.dump"})
	until := locked.ObjectLock
	if d := time.Until(until.Until); until.Mode != registry.LockGovernance || d < 29*24*time.Hour || d > 30*24*time.Hour {
		t.Fatalf("locked as %+v", until)
	}
	for _, key := range registry.LockedKeys(locked) {
		o, err := w.Store.Head(ctx, key)
		if err != nil || !o.RetainUntil.Equal(until.Until) {
			t.Errorf("%s is locked until %s, want %s: %v", key, o.RetainUntil, until.Until, err)
		}
		if err := witness.RemoveObject(ctx, bucket, "place/"+key, minio.RemoveObjectOptions{VersionID: o.VersionID}); err == nil {
			t.Errorf("%s was removed before its time", key)
		}
	}
	if _, err := w.Service.Delete(ctx, locked.ID, "ana"); !fault.HasReason(err, fault.Protected) || !strings.Contains(err.Error(), until.Until.Format("2006-01-02")) {
		t.Errorf("deleting it: %v", err)
	}
	days := 0
	w = place()
	w.create(backup.Request{Filename: "second.dump"})
	rep, err := w.Service.Cleanup(ctx, backup.CleanupOptions{Days: &days})
	if err != nil || rep.RemovedCount != 0 || !strings.Contains(rep.Kept[0].Reasons[0].Text, "locked by the storage until "+until.Until.Format("2006-01-02")) {
		t.Errorf("removed %+v, kept for %+v, %v", rep.Removed, rep.Kept, err)
	}
	mode, one, unit := minio.Governance, uint(1), minio.Days
	if err := witness.SetBucketObjectLockConfig(ctx, bucket, &mode, &one, &unit); err != nil {
		t.Fatal(err)
	}
	w.create(backup.Request{Filename: "third.dump"})
	rep, err = w.Service.Cleanup(ctx, backup.CleanupOptions{Days: &days})
	if d := time.Until(rep.BilledUntil); err != nil || rep.RemovedCount != 1 || d < 23*time.Hour || d > 24*time.Hour {
		t.Errorf("removed %d, billed until %s, %v", rep.RemovedCount, rep.BilledUntil, err)
	}
	// An index that is made anew knows the lock again, and does not take the bucket's own rule for one of ours.
	fourth := w.create(backup.Request{Filename: "fourth.dump"})
	x, err := w.Service.Registry.Rebuild(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if again := x.Find(locked.ID).ObjectLock; again == nil || again.Mode != until.Mode || !again.Until.Equal(until.Until) {
		t.Errorf("after a rebuild it is locked as %+v", again)
	}
	if l := x.Find(fourth.ID).ObjectLock; l != nil {
		t.Errorf("the bucket's rule became the lock %+v", l)
	}
	here := open(t, "", url, "BACKUP_OBJECT_LOCK=COMPLIANCE=1")
	if _, err := here.Service.Create(ctx, backup.Request{}, nil); !fault.HasReason(err, storage.Unsupported) {
		t.Errorf("on a local directory: %v", err)
	}
	here.nothingLeft()
	if d := here.Service.Doctor(ctx); d.OK || !slices.ContainsFunc(d.Checks, func(c backup.Check) bool { return c.Name == "storage: object lock" && c.Result == backup.CheckFailed }) {
		t.Errorf("the doctor says %+v", d.Checks)
	}
}
