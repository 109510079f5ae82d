package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/postgres"
)

const (
	// watchAfter is when somebody begins to look who waits behind the locks: most dumps have ended by then.
	watchAfter = 2 * time.Second
	watchEvery = time.Second
	// warnAfter is how long somebody waits until it is said.
	warnAfter = 5 * time.Second
)

// watch looks who waits behind a dump's locks, says so, and ends the dump when that takes too long: whoever changes a table waits for
// the dump, and everybody who comes after him waits for him.
type watch struct {
	o       Options
	stop    context.CancelFunc
	done    chan struct{}
	mu      sync.Mutex
	fault   error // set when it ended the dump
	waits   postgres.Waits
	endDump func(error)
}

// startWatch begins to watch; end ends the dump.
func startWatch(ctx context.Context, o Options, end func(error)) *watch {
	ctx, stop := context.WithCancel(ctx)
	w := &watch{o: o, stop: stop, done: make(chan struct{}), endDump: end}
	go func() {
		defer close(w.done)
		w.run(ctx)
	}()
	return w
}

// end stops watching, and returns why the watch ended the dump; nil when it did not.
func (w *watch) end() error {
	if w == nil {
		return nil
	}
	w.stop()
	<-w.done
	return w.ended()
}

// stopWatching is end without waiting.
func (w *watch) stopWatching() {
	if w != nil {
		w.stop()
	}
}

func (w *watch) ended() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

func (w *watch) run(ctx context.Context) {
	after, every := w.o.WatchAfter, watchEvery
	if after == 0 {
		after = watchAfter
	}
	every = min(every, after)
	if pause.For(ctx, after) != nil {
		return
	}
	x, err := w.o.Session.NewWatcher(ctx, w.o.name("watch"))
	if err != nil {
		w.o.Log.Debug("nobody watches who waits behind the locks", "error", err.Error())
		return
	}
	defer x.Close()
	for {
		waiting, err := x.Behind(ctx, w.o.name(""))
		if err != nil {
			if ctx.Err() == nil {
				w.o.Log.Debug("nobody watches any more who waits behind the locks", "error", err.Error())
			}
			return
		}
		if err := w.see(time.Now(), waiting); err != nil {
			w.mu.Lock()
			w.fault = err
			w.mu.Unlock()
			w.endDump(err)
			w.o.Session.Close() // with its locks
			return
		}
		if pause.For(ctx, every) != nil {
			return
		}
	}
}

// patience is how long somebody waits until it is said.
func (w *watch) patience() time.Duration {
	if w.o.WatchAfter > 0 {
		return w.o.WatchAfter
	}
	return warnAfter
}

// see takes one look, and returns a fault when somebody has waited for too long.
func (w *watch) see(now time.Time, waiting []postgres.Behind) error {
	var pids []int
	for _, b := range waiting {
		pids = append(pids, b.PID)
	}
	waited := w.waits.See(now, pids)
	for _, b := range waiting {
		if waited[b.PID] >= w.patience() && w.o.Remark != nil && w.waits.News(b.PID, "") {
			w.o.Remark(behind(b))
		}
		if w.o.EndOnWait && waited[b.PID] >= w.o.Dump.LockWaitTimeout {
			f := fault.New(fault.BackupCreation, fault.LockTimeout,
				"Make backups when nobody changes tables, allow a longer wait with BACKUP_LOCK_WAIT_TIMEOUT, or let others wait with BACKUP_ON_LOCK_WAIT=warn.",
				"%s, for longer than %s: the backup was ended to let it through", behind(b), w.o.Dump.LockWaitTimeout)
			f.Transient = true
			return f
		}
	}
	return nil
}

// behind says who waits.
func behind(b postgres.Behind) string {
	s := fmt.Sprintf("%s waits for %s, which the backup is reading", b.Session, b.Lock)
	switch {
	case b.Others == 1:
		s += ", and 1 session waits behind it"
	case b.Others > 1:
		s += fmt.Sprintf(", and %d sessions wait behind it", b.Others)
	}
	return s
}
