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
	limit := o.LockWaitTimeout
	if limit == 0 {
		limit = DefaultLockWaitTimeout
	}
	watched, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer postgres.Close(conn)
		waits := waits{since: map[int]time.Time{}, said: map[int]string{}, each: o.Remark, limit: limit, database: o.Target.Database()}
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

// waits remembers how long each session has been waiting.
type waits struct {
	since    map[int]time.Time
	said     map[int]string
	each     func(string)
	limit    time.Duration
	database string
}

// see takes one look, and returns a fault when a session has waited for too long.
func (w *waits) see(now time.Time, sessions []postgres.Waiting) error {
	seen := map[int]bool{}
	for _, s := range sessions {
		seen[s.PID] = true
		if w.since[s.PID].IsZero() {
			w.since[s.PID] = now
		}
		what := s.Lock
		if what == "" {
			what = "a lock"
		}
		by := strings.Join(s.Blockers, ", ")
		waited := now.Sub(w.since[s.PID])
		if key := what + fmt.Sprint(s.By); waited >= blockedAfter && w.said[s.PID] != key && w.each != nil {
			w.said[s.PID] = key
			w.each(fmt.Sprintf("the restore waits for %s, which is held up by %s", what, by))
		}
		if waited >= w.limit {
			f := fault.New(fault.Validation, fault.LockTimeout,
				"End that session's transaction (SELECT pg_terminate_backend(pid)), or allow a longer wait with BACKUP_LOCK_WAIT_TIMEOUT, then try again.",
				"the restore into database %q waited longer than %s for %s, which is held up by %s", w.database, w.limit, what, by)
			f.Transient = true
			return f
		}
	}
	for pid := range w.since {
		if !seen[pid] {
			delete(w.since, pid)
			delete(w.said, pid)
		}
	}
	return nil
}
