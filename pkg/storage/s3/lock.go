package s3

import (
	"context"
	"net/http"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// lockFor gives the mode with which a write is locked until then; "" for not at all.
func (s *Store) lockFor(ctx context.Context, until time.Time) (types.ObjectLockMode, error) {
	if !until.After(time.Now()) {
		return "", nil
	}
	return s.lockMode(ctx)
}

// lockMode asks once whether the bucket has object lock, and how strict its own rule is. Without a rule it is GOVERNANCE, which
// somebody with s3:BypassGovernanceRetention can lift. COMPLIANCE, which nobody can, not even the account's owner, is chosen
// only where the bucket's default rule chose it: locked by mistake, such objects cannot be got rid of before their time.
//
// Whoever may not see the configuration (s3:GetBucketObjectLockConfiguration) writes without a lock of its own; the bucket's
// default rule still holds then.
func (s *Store) lockMode(ctx context.Context) (types.ObjectLockMode, error) {
	if s.cfg.Known != nil && !s.cfg.Known.ObjectLock {
		return "", nil
	}
	s.mu.Lock()
	known := s.lock
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	out, err := s.client.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: &s.cfg.Bucket})
	var mode types.ObjectLockMode
	switch {
	case err == nil:
		if c := out.ObjectLockConfiguration; c != nil && c.ObjectLockEnabled == types.ObjectLockEnabledEnabled {
			mode = types.ObjectLockModeGovernance
			if c.Rule != nil && c.Rule.DefaultRetention != nil && c.Rule.DefaultRetention.Mode == types.ObjectLockRetentionModeCompliance {
				mode = types.ObjectLockModeCompliance
			}
		}
	case lacksLock(err):
	default:
		return "", s.op("look at", "", "s3:GetBucketObjectLockConfiguration").fault(err)
	}
	s.mu.Lock()
	s.lock = &mode
	s.mu.Unlock()
	return mode, nil
}

// lacksLock tells whether an answer means that there is no lock, or none that these credentials can know of.
func lacksLock(err error) bool {
	a := answerOf(err)
	switch a.status {
	case http.StatusMethodNotAllowed:
		return true
	case http.StatusNotFound:
		return a.code != "NoSuchBucket"
	}
	r, _, _ := known(err)
	return isUnknownFeature(err) || a.code == "ObjectLockConfigurationNotFoundError" || r.reason == fault.AccessDenied
}

// Lock implements storage.Locker.
func (s *Store) Lock(ctx context.Context, key string, l storage.Lock) error {
	if err := s.check(key); err != nil {
		return err
	}
	mode := types.ObjectLockRetentionModeGovernance
	if l.Compliance {
		mode = types.ObjectLockRetentionModeCompliance
	}
	_, err := s.client.PutObjectRetention(ctx, &awss3.PutObjectRetentionInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)),
		Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: aws.Time(l.Until.UTC().Truncate(time.Second))}}, withMD5)
	if err != nil {
		return s.op("lock", key, "s3:PutObjectRetention").fault(err)
	}
	return nil
}

// LockDays implements storage.Locker.
func (s *Store) LockDays(ctx context.Context) (int, error) {
	out, err := s.client.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: &s.cfg.Bucket})
	switch {
	case err != nil && lacksLock(err):
		return 0, nil
	case err != nil:
		return 0, s.op("look at", "", "s3:GetBucketObjectLockConfiguration").fault(err)
	}
	c := out.ObjectLockConfiguration
	if c == nil || c.Rule == nil || c.Rule.DefaultRetention == nil {
		return 0, nil
	}
	return int(aws.ToInt32(c.Rule.DefaultRetention.Days)) + 365*int(aws.ToInt32(c.Rule.DefaultRetention.Years)), nil
}
