package backup

import (
	"context"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// LockRule says for how long new backups are locked, and how.
type LockRule struct {
	Mode string // registry.LockGovernance or LockCompliance; "" does not lock
	Days int
}

// lockRule is the rule of a source.
func (s *Service) lockRule(ctx context.Context, name string) (LockRule, error) {
	rules, err := s.rules(ctx)
	if own, said := source.RuleOf(rules.ObjectLocks, name); said || err != nil {
		return own, err
	}
	return s.ObjectLock, nil
}

// checkLock refuses to begin a backup of a source that is to be locked where that cannot be.
func (s *Service) checkLock(ctx context.Context, source string) error {
	if rule, err := s.lockRule(ctx, source); err != nil || rule.Mode == "" {
		return err
	}
	if _, able := s.Store.(storage.Locker); able {
		caps, err := s.Store.Probe(ctx)
		if err != nil || caps.ObjectLock {
			return err
		}
	}
	return fault.New(fault.Validation, storage.Unsupported, "Use a bucket that was made with Object Lock, or take BACKUP_OBJECT_LOCK, or objectLock in cofre.yaml, away.",
		"backups of %s are to be locked, and %s cannot lock objects", source, s.Store.Describe())
}

// lock locks the file and the manifest of a backup that is committed. That it failed makes the backup no worse than one without a lock: it is
// told, and the record does not say that it is locked.
func (r *run) lock(ctx context.Context) {
	rule, err := r.s.lockRule(ctx, r.b.SourceName())
	if err == nil && rule.Mode == "" {
		return
	}
	lock := registry.ObjectLock{Mode: rule.Mode, Until: r.s.Now().Add(time.Duration(rule.Days) * 24 * time.Hour).UTC().Truncate(time.Second)}
	locker, able := r.s.Store.(storage.Locker)
	if err == nil && !able {
		err = fmt.Errorf("this storage has no locks")
	}
	if err == nil {
		for _, key := range registry.LockedKeys(r.b) {
			if err = locker.Lock(ctx, key, storage.Lock{Until: lock.Until, Compliance: lock.Mode == registry.LockCompliance}); err != nil {
				break
			}
		}
	}
	if err == nil {
		r.b.ObjectLock = &lock
		err = r.s.Registry.SetObjectLock(ctx, r.b.ID, lock)
	}
	if err != nil {
		r.log.Warn("the backup is stored, and not locked, or its lock is not on record", "backup_id", r.b.ID, "error", err.Error())
	}
}

// billedUntil is until when the bucket's own rule keeps what was removed of these; zero where it has none.
func (s *Service) billedUntil(ctx context.Context, removed []CleanupItem) (until time.Time) {
	locker, able := s.Store.(storage.Locker)
	if !able {
		return until
	}
	days, err := locker.LockDays(ctx)
	if err != nil {
		s.Log.Warn("the bucket's default lock is not known", "error", err.Error())
	}
	for _, it := range removed {
		if end := it.Backup.CreatedAt.AddDate(0, 0, days); days > 0 && end.After(until) && end.After(s.Now()) {
			until = end
		}
	}
	return until
}
