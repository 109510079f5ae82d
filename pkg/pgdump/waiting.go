package pgdump

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// pg_restore and psql wait for locks as long as it takes: pg_restore begins with "SET lock_timeout = 0". So their sessions
// are watched from another one, which knows them by their application name.

const (
	blockedAfter = 5 * time.Second // of waiting, until it is said who blocks
	lookEvery    = time.Second
)

// lockWatch looks at whether a restore waits for a lock, and stops it when that takes too long.
type lockWatch struct {
	stop  func()
	fault error // set when it stopped the restore; to be read after stop
	// application is the name of the restore's sessions and of no others; "" where nothing is watched.
	application string
}

// endSessions ends what a failed restore left on the server: psql, told to stop while it waits for a lock, goes without its session. What
// fails there is no news beside the restore's own failure.
func (w *lockWatch) endSessions(ctx context.Context, t postgres.Target) {
	if w.application != "" {
		_ = postgres.EndSessions(context.WithoutCancel(ctx), t, w.application)
	}
}

// watchLocks starts to watch. The restore is to use the target and the context that it returns, and to call stop at its
// end. Without a connection of its own nothing is watched: the restore may still succeed.
func watchLocks(ctx context.Context, o RestoreOptions) (context.Context, postgres.Target, *lockWatch) {
	w := &lockWatch{stop: func() {}}
	conn, err := o.Target.Connect(ctx)
	if err != nil {
		return ctx, o.Target, w
	}
	name := o.Target.ApplicationName()
	target := o.Target.WithApplicationName(strings.ToValidUTF8(name[:min(len(name), 40)], "") + " restore " + rand.Text()[:8])
	w.application = target.ApplicationName()
	limit := o.LockWaitTimeout
	if limit == 0 {
		limit = DefaultLockWaitTimeout
	}
	watched, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer postgres.Close(conn)
		waits := waits{each: o.Remark, limit: limit, database: o.Target.Database()}
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-watched.Done():
				return
			case <-tick.C:
			}
			sessions, err := postgres.WaitingSessions(watched, conn, target.ApplicationName())
			if err != nil {
				return // the restore's own sessions will say what is wrong
			}
			if w.fault = waits.see(time.Now(), sessions); w.fault != nil {
				cancel(w.fault)
				return
			}
		}
	}()
	w.stop = func() {
		cancel(nil)
		<-ended
	}
	return watched, target, w
}

// waits judges how long each session has been waiting.
type waits struct {
	book     postgres.Waits
	each     func(string)
	limit    time.Duration
	database string
}

// see takes one look, and returns a fault when a session has waited for too long.
func (w *waits) see(now time.Time, sessions []postgres.Waiting) error {
	var pids []int
	for _, s := range sessions {
		pids = append(pids, s.PID)
	}
	waited := w.book.See(now, pids)
	for _, s := range sessions {
		by := strings.Join(s.Blockers, ", ")
		if waited[s.PID] >= blockedAfter && w.each != nil && w.book.News(s.PID, s.Lock+fmt.Sprint(s.By)) {
			w.each(fmt.Sprintf("the restore waits for %s, which is held up by %s", s.Lock, by))
		}
		if waited[s.PID] >= w.limit {
			f := fault.New(fault.Validation, fault.LockTimeout,
				"End that session's transaction (SELECT pg_terminate_backend(pid)), or allow a longer wait with BACKUP_LOCK_WAIT_TIMEOUT, then try again.",
				"the restore into database %q waited longer than %s for %s, which is held up by %s", w.database, w.limit, s.Lock, by)
			f.Transient = true
			return f
		}
	}
	return nil
}
