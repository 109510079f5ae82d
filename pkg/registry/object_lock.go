package registry

import (
	"context"
	"time"
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

// Describe says until when, and how firmly.
func (l *ObjectLock) Describe() string {
	if l == nil {
		return ""
	}
	return "locked by the storage until " + l.Until.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + l.Mode + ")"
}

// SetObjectLock notes in the index that a backup is locked. The storage knows that by itself: a rebuild of the index does not find it again.
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

// LockedKeys are the objects of a backup that a lock is for.
func LockedKeys(b Backup) []string { return []string{b.Filepath, ManifestKey(b.ID)} }
