package entry

import (
	"context"
	"time"

	"cofre/pkg/registry"
)

// copyNew has a backup that was just made copied to the second locations of its source. It fails nothing: a look at what is due sees to what is late.
func (s *Instance) copyNew(ctx context.Context, b registry.Backup) {
	if s.copies == nil || b.Status != registry.Success {
		return
	}
	places, err := s.Service.CopiesOf(ctx, b.SourceName())
	if err == nil && len(places) > 0 {
		err = s.copies.LaunchCopy(ctx, b.ID)
	}
	if err != nil {
		s.log.Error("copying was not begun; it is tried again within the hour", "backup_id", b.ID, "error", err.Error())
	}
}

// copyLate has copied what second locations lack, once an hour.
func (s *Instance) copyLate(ctx context.Context, now time.Time) error {
	if s.copies == nil {
		return nil
	}
	all, err := s.Service.Sources(ctx)
	if err != nil {
		return err
	}
	for _, of := range all.Sources {
		if len(of.Copies) > 0 {
			return launched(ctx, func() error { return s.copies.LaunchCopy(ctx, now.UTC().Format("20060102T15")) })
		}
	}
	return nil
}
