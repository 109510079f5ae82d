package backup

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// keeper renews the lease, publishes the progress and looks for a cancellation while a run works: the first on its own, so that
// a slow service, or a terminal that takes no more text, does not cost the lease.
type keeper struct {
	stop    context.CancelFunc
	done    sync.WaitGroup
	release context.CancelCauseFunc
}

func (k *keeper) end() {
	k.stop()
	k.done.Wait()
}

const (
	// publishEvery is how often status/<id>.json is overwritten, and publishFirst when it is written: there is nothing to follow of
	// what takes no longer.
	publishEvery = 3 * time.Second
	publishFirst = time.Second
	// publishTime bounds each of these writes, and each look for a cancellation.
	publishTime = 15 * time.Second
	// watchEvery is how often the progress is shown.
	watchEvery = 150 * time.Millisecond
)

// keep starts the keeper. The context it returns ends when the lease is lost or the backup is cancelled.
func (r *run) keep(ctx context.Context, watch func(Progress)) (context.Context, *keeper) {
	work, lost := context.WithCancelCause(ctx)
	beat, stop := context.WithCancel(work)
	k := &keeper{stop: stop, release: lost}
	k.done.Go(func() { r.renew(beat, lost) })
	k.done.Go(func() { r.report(beat, lost) })
	if watch != nil {
		k.done.Go(func() {
			every(beat, watchEvery, func() bool {
				watch(r.track.at(r.s.Now()))
				return true
			})
		})
	}
	return work, k
}

// every calls do at intervals until ctx ends or it returns false.
func every(ctx context.Context, interval time.Duration, do func() bool) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ctx.Err() != nil || !do() {
				return
			}
		}
	}
}

// renew renews the lease while the run works.
func (r *run) renew(ctx context.Context, lost context.CancelCauseFunc) {
	renewing(ctx, r.lease, lost, func(err error) {
		r.log.Warn("lease not renewed, trying again", "backup_id", r.b.ID, "error", err.Error())
	})
}

// report publishes the progress and looks for a cancellation.
func (r *run) report(ctx context.Context, end context.CancelCauseFunc) {
	if r.canceled(ctx, end) || pause.For(ctx, publishFirst) != nil {
		return
	}
	once := func() bool {
		r.publish(ctx, r.track.at(r.s.Now()))
		r.publishLog(ctx)
		return !r.canceled(ctx, end)
	}
	if once() {
		every(ctx, publishEvery, once)
	}
}

// canceled looks whether somebody asked for the end of this run, and then ends it.
func (r *run) canceled(ctx context.Context, end context.CancelCauseFunc) bool {
	once, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	c, err := r.lease.Canceled(once)
	if err != nil && ctx.Err() == nil {
		r.log.Warn("cancellation not looked for, trying again", "backup_id", r.b.ID, "error", err.Error())
	}
	if c == nil {
		return false
	}
	end(c.Cause())
	return true
}

// publish overwrites status/<id>.json. It is for onlookers: failing to write it fails nothing.
func (r *run) publish(ctx context.Context, p Progress) {
	once, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	data, err := json.Marshal(p)
	if err == nil {
		_, err = r.s.Store.Put(once, registry.StatusKey(r.b.ID), data, storage.PutOptions{ContentType: "application/json", MayRevert: true})
	}
	if err != nil && ctx.Err() == nil {
		r.log.Warn("progress not published", "backup_id", r.b.ID, "error", err.Error())
	}
}

// publishLog writes what the run has noted so far, where that is more than before: of one whose process dies this is what is left.
func (r *run) publishLog(ctx context.Context) {
	text := r.notes.String()
	if text == r.noted {
		return
	}
	once, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	r.noted = text
	r.lease.SetLog(text)
	r.lease.KeepLog(once)
}

// renewing renews a lease at a third of its length until ctx ends; when it is lost, lost is told. An attempt that takes longer than that is
// given up for a new one: whatever became of it, the next one finds out.
func renewing(ctx context.Context, lease *registry.Lease, lost context.CancelCauseFunc, failed func(error)) {
	interval := lease.Interval()
	every(ctx, interval, func() bool {
		once, cancel := context.WithTimeout(ctx, interval)
		defer cancel()
		err := lease.Renew(once)
		switch {
		case fault.HasReason(err, fault.Precondition):
			lost(err)
			return false
		case err != nil && ctx.Err() == nil:
			failed(err)
		}
		return true
	})
}
