package backup

import (
	"context"
	"sync"
	"time"

	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/quantity"
)

// What a restore takes is estimated before it begins, and what a backup makes while it is restored nobody can tell: functions and queries of its own
// make rows then. So it is watched, and ended before the machine, on which other things run, has no room left.
const (
	proofReserve   = 256 << 20 // bytes that are left on the disk of a server of its own
	proofSlack     = 64 << 20  // beyond the limit: an empty database, and what is sorted
	definitionRoom = 32 << 10  // and for each definition: a table without rows takes as much

	lookAtDisk  = 250 * time.Millisecond // how often
	lookAtFiles = time.Second            // at most as often; their number makes that slower
	looking     = 20                     // of so much time one part is spent on that at most
)

// roomOf is what a proof may take.
type roomOf struct {
	most    int64 // bytes (BACKUP_PROOF_MAX_GB); 0 is no limit
	slack   int64
	reserve int64
}

// broken returns why a proof that took so many bytes ends, nil where it may go on; free are those left on its disk, below 0 where nobody knows.
func (r roomOf) broken(id string, used, free int64) error {
	switch {
	case r.most > 0 && used > r.most+r.slack:
		return fault.New(fault.FileSystem, fault.StorageFull,
			"Restoring it makes more than the backup holds: indexes, or rows that functions and queries in it make. Raise BACKUP_PROOF_MAX_GB if that is right.",
			"backup %s could not be proven: it took more than %s (BACKUP_PROOF_MAX_GB)", id, quantity.Bytes(r.most))
	case free >= 0 && free < r.reserve:
		return fault.New(fault.FileSystem, fault.StorageFull,
			"Make room there, or set TMPDIR to a folder on a larger disk. Restoring may make more than the backup holds: indexes, or rows that functions and queries in it make.",
			"backup %s could not be proven: it took more than there is room for, and less than %s were left on the disk", id, quantity.Bytes(r.reserve))
	}
	return nil
}

// within does the work of a proof for as long as it keeps within its room. The error says so where it did not: then whatever the work found came
// of that, and is no verdict.
func (p *proof) within(ctx context.Context, scratch Scratch, want *contents.Contents, work func(context.Context) error) error {
	r := roomOf{most: p.s.Limits.MaxProofBytes, slack: proofSlack, reserve: proofReserve}
	if want != nil {
		r.slack += int64(len(want.Definitions)) * definitionRoom
	}
	working, end := context.WithCancelCause(ctx)
	defer end(nil)
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		if err := p.watch(working, scratch, r, done); err != nil {
			end(err)
		}
	})
	err := work(working)
	close(done)
	end(nil)
	watching.Wait()
	if cause := context.Cause(working); ctx.Err() == nil && fault.HasReason(cause, fault.StorageFull) {
		return cause
	}
	return err
}

// watch returns why a proof has to end, or nil when it is done.
func (p *proof) watch(ctx context.Context, scratch Scratch, r roomOf, done <-chan struct{}) error {
	tick := time.NewTicker(lookAtDisk)
	defer tick.Stop()
	var used, before int64
	var next time.Time
	told, measured := false, false
	for {
		free, known := scratch.Free()
		if !known {
			free = -1
		}
		if now := time.Now(); r.most > 0 && now.After(next) {
			bytes, err := scratch.Used(ctx)
			if err == nil && !measured { // an empty server, or an empty database
				before, measured = bytes, true
			}
			if err == nil {
				used = bytes - before
			} else if !told && ctx.Err() == nil {
				p.s.Log.Warn("how much room a proof takes could not be measured, trying again", "backup_id", p.b.ID, "error", err.Error())
				told = true
			}
			next = time.Now().Add(max(lookAtFiles, looking*time.Since(now)))
		}
		if err := r.broken(p.b.ID, used, free); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
