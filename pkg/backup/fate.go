package backup

import (
	"time"

	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
)

// Fate is what becomes of one backup by the settings as they are now.
type Fate struct {
	Remove  bool // by the next cleanup
	Reasons []retention.Reason
	// ExpiresAt is when it becomes too old; zero where age removes nothing. A protected one stays all the same.
	ExpiresAt time.Time
	// OnlyVerified tells that it is the only verified backup of its row.
	OnlyVerified bool
	// PreviousSize is the stored size in bytes of the successful backup of the same row and format before it;
	// 0 when there is none.
	PreviousSize int64
	// Shrunk tells that it is suspiciously small beside that one.
	Shrunk bool
}

func (s *Service) policy(x *registry.Index) retention.Policy {
	set := s.SettingsOf(x)
	if set.Lost {
		return retention.Policy{} // keeps everything
	}
	return retention.Policy{KeepDays: set.RetentionDays, MaxBackups: set.MaxBackups, MaxTotalBytes: s.Limits.MaxTotalBytes}
}

// fates tells what becomes of every backup in the index, by id.
func (s *Service) fates(x *registry.Index) map[string]Fate {
	policy := s.policy(x)
	verified := map[registry.Row]int{}
	for i := range x.Backups {
		if b := &x.Backups[i]; b.Verified() {
			verified[b.Row()]++
		}
	}
	all := make(map[string]Fate, len(x.Backups))
	for _, d := range retention.Decide(s.Now(), items(x), policy) {
		all[d.Item.ID] = Fate{Remove: d.Remove, Reasons: d.Reasons}
	}
	type kind struct {
		row    registry.Row
		format string
	}
	before := map[kind]int64{}
	for i := range x.Backups { // the oldest first
		b := &x.Backups[i]
		f := all[b.ID]
		k := kind{b.Row(), b.Format}
		f.OnlyVerified = b.Verified() && verified[b.Row()] == 1
		f.PreviousSize = before[k]
		f.Shrunk = b.Status == registry.Success && overview.HasShrunk(f.PreviousSize, b.Size)
		if policy.KeepDays > 0 && policy.KeepDays <= 36500 && b.Status != registry.InProgress {
			f.ExpiresAt = b.CreatedAt.Add(time.Duration(policy.KeepDays) * 24 * time.Hour)
		}
		if b.Status == registry.Success {
			before[k] = b.Size
		}
		all[b.ID] = f
	}
	return all
}
