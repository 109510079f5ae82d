package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// launcher makes backups, restores, validations and proofs in this process: a bounded number of each at once, and one proof. They do not
// wait for each other: a backup that waits for long is given up. It implements api.Launcher.
type launcher struct {
	service *backup.Service
	log     *slog.Logger
	// work is what runs and validations live on; it ends when they are stopped by force.
	work      context.Context
	interrupt context.CancelCauseFunc
	reading   context.Context // of validations and proofs: they end at once when the server stops, as they can be repeated
	unread    context.CancelCauseFunc
	filling   context.Context // of restores, which end when backups do
	unfill    context.CancelCauseFunc
	keepEvery time.Duration // how often a restore that waits is kept

	runs, validations, proofs, restores chan struct{} // slots
	turns                               chan struct{} // slots of scheduled backups, which wait for one before they are on record
	proofTime                           time.Duration // of one
	// proved is told what came of a proof that by asked for.
	proved func(by string, asked *backup.AskedProof, proved backup.Proved, err error)

	mu       sync.Mutex
	stopping bool
	busy     map[string]*job // by kind and id
	inHand   map[string]int  // by kind: running or waiting for a slot
	ended    sync.WaitGroup
}

// job is work in hand. again tells that it was asked for once more meanwhile: the run that is about to end may be one
// that came too early, before its reservation was complete.
type job struct{ again bool }

// mostInHand bounds the validations, restores and proofs that wait for a slot; what is not here has limits of its own.
var mostInHand = map[string]int{"validation": 64, "restore": 64, "proof": 64}

func newLauncher(service *backup.Service, slots int, log *slog.Logger) *launcher {
	l := &launcher{service: service, log: log, runs: make(chan struct{}, max(1, slots)), turns: make(chan struct{}, max(1, slots)), validations: make(chan struct{}, max(1, slots)), proofs: make(chan struct{}, 1), restores: make(chan struct{}, max(1, slots)), proofTime: proofTimeout, keepEvery: backup.KeepRestoreEvery, busy: map[string]*job{}, inHand: map[string]int{}}
	l.work, l.interrupt = context.WithCancelCause(context.Background())
	l.reading, l.unread = context.WithCancelCause(l.work)
	l.filling, l.unfill = context.WithCancelCause(context.Background())
	return l
}

// Launch implements api.Launcher: the backup is made as soon as there is a slot.
func (l *launcher) Launch(_ context.Context, id string) error {
	return l.start("backup", id, func() { l.make(id) })
}

// LaunchValidation validates a backup as soon as there is a slot.
func (l *launcher) LaunchValidation(_ context.Context, id string) error {
	return l.start("validation", id, func() { l.validate(id) })
}

// LaunchRestore makes a restore as soon as there is a slot.
func (l *launcher) LaunchRestore(_ context.Context, x registry.Restore) error {
	return l.start("restore", x.ID, func() { l.restore(x) })
}

// LaunchProof proves a backup as soon as no other proof is made. A machine that cannot make any refuses at once.
func (l *launcher) LaunchProof(ctx context.Context, id, by string) error {
	if err := l.service.CanProve(ctx, id); err != nil {
		return err
	}
	return l.service.LaunchProof(ctx, id, by, false, func(asked *backup.AskedProof) error {
		return l.startProof(func() {
			proved, err := l.proof(asked)
			switch {
			case err != nil:
				l.log.Log(context.Background(), fault.Level(err), "the proof could not be made", "backup_id", id, "error", err.Error(), "hint", fault.From(err).Hint)
			case !proved.Proof.OK:
				l.log.Error("the proof failed", "backup_id", id, "error", proved.Err().Error())
			}
			l.proved(by, asked, proved, err)
		})
	})
}

// startProof runs do, which makes a proof. Each is work of its own: whether another one of the backup is in hand its record has told.
func (l *launcher) startProof(do func()) error { return l.start("proof", rand.Text(), do) }

// start runs do in a goroutine of its own, unless the same is in hand already.
func (l *launcher) start(kind, id string, do func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopping:
		f := fault.Wrap(errStopping, fault.Canceled, "", "Ask again in a moment.", "the server is being stopped")
		f.Transient = true
		return f
	case l.busy[kind+id] != nil:
		l.busy[kind+id].again = true
		return nil
	case mostInHand[kind] > 0 && l.inHand[kind] >= mostInHand[kind]:
		return fault.New(fault.Validation, fault.LimitReached, "Wait until some have ended.", "%d %ss are waiting already", l.inHand[kind], kind)
	}
	j := &job{}
	l.busy[kind+id] = j
	l.inHand[kind]++
	l.ended.Go(func() {
		for do(); !l.leave(kind, id, j); {
			do()
		}
	})
	return nil
}

// leave ends a job, unless it was asked for again.
func (l *launcher) leave(kind, id string, j *job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if j.again {
		j.again = false
		return false
	}
	delete(l.busy, kind+id)
	l.inHand[kind]--
	return true
}

// make makes a backup whose slot may have to be waited for.
func (l *launcher) make(id string) {
	_, err := l.run(id)
	if backup.Elsewhere(err) {
		l.log.Info("nothing to do for this backup", "backup_id", id, "error", err.Error())
	} else if err != nil {
		f := fault.From(err)
		l.log.Log(context.Background(), fault.Level(err), "backup failed", "backup_id", id, "code", string(f.Code), "reason", string(f.Reason), "error", err.Error())
	}
}

// run waits for a slot and makes a backup. One that is interrupted before its turn is recorded as failed, unless another
// server makes it.
func (l *launcher) run(id string) (backup.Backup, error) {
	select {
	case l.runs <- struct{}{}:
		defer func() { <-l.runs }()
	case <-l.work.Done():
	}
	if l.work.Err() != nil {
		return l.withdraw(id, context.Cause(l.work))
	}
	return l.service.Run(l.work, id, nil)
}

// settleTime bounds what is recorded after the server was told to stop.
const settleTime = 20 * time.Second

// withdraw records that a backup failed before it was begun, and gives why. One that another server has begun is left alone:
// the error then says so.
func (l *launcher) withdraw(id string, cause error) (backup.Backup, error) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	b, err := l.service.Withdraw(ctx, id, cause)
	switch {
	case backup.Elsewhere(err):
		return b, err
	case err != nil:
		l.log.Warn("backup not started and not ended; the next cleanup does it", "backup_id", id, "error", err.Error())
	}
	return b, cause
}

// awaitTurn waits for a slot for a restore, and says meanwhile that it is still going to be made. It reports false where it was canceled, or
// begun elsewhere.
func (l *launcher) awaitTurn(id string) (slot, wanted bool) {
	tick := time.NewTicker(l.keepEvery)
	defer tick.Stop()
	for {
		select {
		case l.restores <- struct{}{}:
			return true, true
		case <-l.filling.Done():
			return false, true
		case <-tick.C:
		}
		switch err := l.service.KeepRestore(l.filling, id); {
		case backup.Elsewhere(err):
			return false, false
		case err != nil && l.filling.Err() == nil:
			l.log.Warn("a restore that waits was not kept, trying again", "restore_id", id, "error", err.Error())
		}
	}
}

// restore waits for a slot and makes a restore. One that is interrupted before its turn is recorded as failed.
func (l *launcher) restore(asked registry.Restore) {
	id := asked.ID
	slot, wanted := l.awaitTurn(id)
	if slot {
		defer func() { <-l.restores }()
	}
	if !wanted {
		l.log.Info("nothing to do for this restore any more", "restore_id", id)
		return
	}
	if l.filling.Err() != nil {
		ctx, cancel := context.WithTimeout(context.Background(), settleTime)
		defer cancel()
		if _, err := l.service.WithdrawRestore(ctx, id, context.Cause(l.filling)); err != nil && !backup.Elsewhere(err) {
			l.log.Warn("restore not started and not ended; the next cleanup does it", "restore_id", id, "error", err.Error())
		}
		return
	}
	x, err := l.service.RunRestoreAsked(l.filling, asked)
	if backup.Elsewhere(err) && x.ID == "" {
		l.log.Info("nothing to do for this restore", "restore_id", id, "error", err.Error())
	} else if err != nil {
		f := fault.From(err)
		l.log.Log(context.Background(), fault.Level(err), "restore failed", "restore_id", id, "code", string(f.Code), "reason", string(f.Reason), "error", err.Error())
	}
}

func (l *launcher) validate(id string) {
	select {
	case l.validations <- struct{}{}:
		defer func() { <-l.validations }()
	case <-l.reading.Done():
		return
	}
	v, err := l.service.Validate(l.reading, id, backup.ValidateOptions{})
	switch {
	case err != nil:
		l.log.Log(context.Background(), fault.Level(err), "validation failed", "backup_id", id, "error", err.Error())
	case !v.Valid:
		l.log.Error("backup damaged", "backup_id", id, "error", v.Err().Error())
	}
}

// proof waits for its turn and proves a backup.
func (l *launcher) proof(asked *backup.AskedProof) (backup.Proved, error) {
	select {
	case l.proofs <- struct{}{}:
		defer func() { <-l.proofs }()
	case <-l.reading.Done():
	}
	if l.reading.Err() != nil {
		return backup.Proved{}, asked.GiveUp(context.Cause(l.reading))
	}
	line := func(what, key string) func(string) {
		return func(s string) { l.log.Debug(what, "backup_id", asked.ID(), key, s) }
	}
	return asked.Make(l.reading, backup.ProveOptions{Usual: l.proofTime, Log: line("pg_restore", "line"), Remark: line("restore", "remark")})
}

// running tells how many backups are in hand, and how many restores.
func (l *launcher) running() (backups, restores int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inHand["backup"], l.inHand["restore"]
}

// stop takes no more work, and waits until what runs has ended. When grace ends before, it is interrupted; the error
// then says so.
func (l *launcher) stop(grace, abort context.Context) error {
	l.mu.Lock()
	l.stopping = true
	l.mu.Unlock()
	l.unread(fault.Wrap(errStopping, fault.Canceled, "", "Ask for it again.", "the server was stopped before this was finished"))
	ended := make(chan struct{})
	go func() {
		l.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-grace.Done():
	}
	n, restores := l.running()
	why := "its time of grace was over"
	if abort.Err() != nil {
		why = "it was told so again"
	}
	cause := fault.New(fault.Canceled, "", "Create a new backup.", "the server was stopped before the backup was finished: %s", why)
	if n+restores > 0 {
		l.log.Warn("stopping running backups and restores", "running", n, "restores", restores, "why", why)
	}
	l.interrupt(cause)
	l.unfill(fault.New(fault.Canceled, "", "Ask for the restore again.", "the server was stopped before the restore was finished: %s", why))
	<-ended
	switch {
	case n+restores == 0:
		return nil
	case restores == 0:
		return fault.Wrap(errors.New(why), fault.Canceled, "", "They are recorded as failed, and nothing is left of them.", "%d running backups were stopped", n)
	}
	return fault.Wrap(errors.New(why), fault.Canceled, "", "Of backups nothing is left; the records of restores name databases that are half filled.",
		"%d running backups and %d restores were stopped", n, restores)
}
