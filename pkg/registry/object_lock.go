package registry

import (
	"context"
	"time"

	"cofre/pkg/storage"
)

// ObjectLock says that the storage lets nobody remove a backup's file and manifest before then.
type ObjectLock struct {
	Mode  string    `json:"mode"` // LockGovernance or LockCompliance
	Until time.Time `json:"until"`
}

// The modes of S3's object lock: one that who has s3:BypassGovernanceRetention can lift, and one that nobody can.
const (
	LockGovernance = "GOVERNANCE"
	LockCompliance = "COMPLIANCE"
)

// Holds reports whether there is a lock that has not ended.
func (l *ObjectLock) Holds(now time.Time) bool { return l != nil && now.Before(l.Until) }

// Ends is when the lock ends; zero is that there is none.
func (l *ObjectLock) Ends() time.Time {
	if l == nil {
		return time.Time{}
	}
	return l.Until
}

// Describe says until when, and how firmly.
func (l *ObjectLock) Describe() string {
	if l == nil {
		return ""
	}
	return "locked by the storage until " + l.Until.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + l.Mode + ")"
}

// SetObjectLock notes in the index that a backup is locked. A rebuild of the index sees it at the manifest.
func (r *Registry) SetObjectLock(ctx context.Context, id string, lock ObjectLock) error {
	lock.Until = lock.Until.UTC().Truncate(time.Second)
	return r.update(ctx, []string{id}, func(x *Index) error {
		b := x.Find(id)
		if b == nil {
			return notFound(id)
		}
		b.ObjectLock = &lock
		return nil
	})
}

// lockSlack is how much longer than by the bucket's own rule an object must be locked to be locked by us.
const lockSlack = time.Hour

// defaultLock is for how long the bucket locks every object by its own rule; 0 where it does not, or where that may not be seen.
func (r *Registry) defaultLock(ctx context.Context) time.Duration {
	locker, able := r.store.(storage.Locker)
	if !able {
		return 0
	}
	days, err := locker.LockDays(ctx)
	if err != nil {
		r.log.Warn("the bucket's default lock is not known", "error", err.Error())
	}
	return time.Duration(days) * 24 * time.Hour
}

// lockOf is the lock of a backup whose manifest this is; nil where it has none but the bucket's own rule.
func lockOf(manifest storage.Object, byRule time.Duration) *ObjectLock {
	if !manifest.RetainUntil.After(manifest.LastModified.Add(byRule + lockSlack)) {
		return nil
	}
	l := ObjectLock{Mode: LockGovernance, Until: manifest.RetainUntil.UTC()}
	if manifest.Compliance {
		l.Mode = LockCompliance
	}
	return &l
}

// LockedKeys are the objects of a backup that a lock is for.
func LockedKeys(b Backup) []string { return []string{b.Filepath, ManifestKey(b.ID)} }
