package backup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// AskedProof is a proof that somebody asked for. Its record says how it stands, from AskProof on until Make or GiveUp, one of which has to be
// called, has ended.
type AskedProof struct {
	s     *Service
	id    string               // of the backup
	lease *registry.ProofLease // nil: it is on no record

	mu          sync.Mutex
	step        string
	read, total int64 // stored bytes of the step

	entered chan struct{} // a step was
	stop    context.CancelFunc
	kept    sync.WaitGroup
}

// AskProof puts on record that by wants a backup proven. It is refused (busy) while the backup is being proven, or waits for that.
func (s *Service) AskProof(ctx context.Context, ref, by string) (*AskedProof, error) {
	b, err := s.successful(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.askProof(ctx, b.ID, by, false)
}

// ReserveProof is AskProof for a proof that another process is going to make, which calls Prove. The caller calls GiveUp where it cannot have it
// begun, and nothing else.
func (s *Service) ReserveProof(ctx context.Context, ref, by string) (*AskedProof, error) {
	b, err := s.successful(ctx, ref)
	if err != nil {
		return nil, err
	}
	lease, err := s.Registry.ReserveAttempt(ctx, b.ID, by, s.Now(), launchWithin)
	if err != nil {
		return nil, err
	}
	return &AskedProof{s: s, id: b.ID, lease: lease, stop: func() {}}, nil
}

// LaunchProof puts on record that by wants a backup proven and has begin begin it: a proof that this process makes, by Make, or, elsewhere, one that
// another process is going to make. While the backup is being proven, or waits for that, wherever that is, nothing is begun: it says the same again, for
// hours. What cannot be begun is given up.
func (s *Service) LaunchProof(ctx context.Context, ref, by string, elsewhere bool, begin func(*AskedProof) error) error {
	ask := s.AskProof
	if elsewhere {
		ask = s.ReserveProof
	}
	asked, err := ask(ctx, ref, by)
	if fault.HasReason(err, fault.Busy) {
		s.Log.Info("nothing to do for this proof", "backup_id", ref, "error", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	if err := begin(asked); err != nil {
		return asked.GiveUp(err)
	}
	return nil
}

// SettleProof ends the record of a proof that was reserved and that nobody has begun, for this cause, and of one whose process died. One that
// runs stays as it is. The record is nil where nobody ever asked for a proof.
func (s *Service) SettleProof(ctx context.Context, id string, cause error) (*registry.ProofAttempt, error) {
	return s.Registry.SettleAttempt(ctx, id, s.Now(), cause)
}

func (s *Service) askProof(ctx context.Context, id, by string, over bool) (*AskedProof, error) {
	lease, err := s.Registry.BeginAttempt(ctx, id, by, s.Now(), over)
	if err != nil {
		return nil, err
	}
	a := &AskedProof{s: s, id: id, lease: lease, entered: make(chan struct{}, 1)}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx)) // it waits for longer than whoever asked
	a.stop = stop
	a.kept.Go(func() { a.keep(keep) })
	return a, nil
}

// ID is the backup's.
func (a *AskedProof) ID() string { return a.id }

// At is when it was asked for.
func (a *AskedProof) At() time.Time { return a.lease.Attempt().AskedAt }

// Make makes the proof as Prove does.
func (a *AskedProof) Make(ctx context.Context, o ProveOptions) (Proved, error) {
	return a.make(ctx, func() (Backup, error) { return a.s.toProve(ctx, a.id, o.AllowUnsigned) }, o)
}

// GiveUp puts on record that the proof could not be made, and returns why.
func (a *AskedProof) GiveUp(cause error) error {
	a.end(context.Background(), false, cause)
	return cause
}

func (a *AskedProof) make(ctx context.Context, find func() (Backup, error), o ProveOptions) (done Proved, err error) {
	a.note(ctx, "begun", func(l *registry.ProofLease) error { return l.Start(ctx, a.s.Now()) })
	defer func() { a.end(ctx, done.Proof.OK, err) }()
	b, err := find()
	if err != nil {
		return Proved{}, proofStopped(ctx, err)
	}
	enter := o.Enter
	o.Enter = func(step string) {
		a.enter(step)
		if enter != nil {
			enter(step)
		}
	}
	progress := o.Progress
	o.Progress = func(read, total int64) {
		a.progress(read, total)
		if progress != nil {
			progress(read, total)
		}
	}
	return a.s.prove(ctx, b, o)
}

func (a *AskedProof) enter(step string) {
	a.mu.Lock()
	a.step, a.read, a.total = step, 0, 0
	a.mu.Unlock()
	select {
	case a.entered <- struct{}{}:
	default:
	}
}

// current is the step that it is at.
func (a *AskedProof) current() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.step
}

func (a *AskedProof) progress(read, total int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read, a.total = max(a.read, read), total
}

// show puts the step, and how far it is, into the record.
func (a *AskedProof) show(x *registry.ProofAttempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x.Step, x.Read, x.Total = a.step, a.read, a.total
}

// keep writes each step and how far it is, and says meanwhile that the proof is still being made or going to be.
func (a *AskedProof) keep(ctx context.Context) {
	tick := time.NewTicker(min(publishEvery, a.lease.Interval()))
	defer tick.Stop()
	written := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.entered:
		}
		was := a.lease.Attempt()
		now := was
		if a.show(&now); now.Step == was.Step && now.Read == was.Read && now.Total == was.Total && time.Since(written) < a.lease.Interval() {
			continue
		}
		written = time.Now()
		if !a.note(ctx, "renewed", func(l *registry.ProofLease) error { return l.Update(ctx, a.show) }) {
			return
		}
	}
}

// note writes into the record. A proof does not fail because its record does; more is false where it is another proof's by now, or gone.
func (a *AskedProof) note(ctx context.Context, what string, write func(*registry.ProofLease) error) (more bool) {
	if a.lease == nil {
		return false
	}
	err := write(a.lease)
	switch {
	case fault.HasReason(err, fault.Precondition):
		a.s.Log.Info("the record of this proof is another one's by now, or gone", "backup_id", a.id)
		return false
	case err != nil && ctx.Err() == nil:
		a.s.Log.Warn("the record of a proof was not "+what, "backup_id", a.id, "error", err.Error())
	}
	return true
}

// endWithin bounds what is written of a proof whose context has ended.
const endWithin = 20 * time.Second

func (a *AskedProof) end(ctx context.Context, proven bool, cause error) {
	if a.lease == nil {
		return
	}
	a.stop()
	a.kept.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	step := a.current()
	a.note(ctx, "ended", func(l *registry.ProofLease) error {
		if err := l.End(ctx, a.s.Now(), step, proven, cause); err != nil {
			return fmt.Errorf("say what came of it: %w", err)
		}
		return nil
	})
}

// proofStopped puts why the proof was stopped into the place of whatever that made fail first.
func proofStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if f := fault.From(context.Cause(ctx)); f.Code != fault.Internal {
		return f
	}
	return err
}

// LastAttempt returns the last proof of a backup that somebody asked for as it stands, nil where none ever did.
func (s *Service) LastAttempt(ctx context.Context, id string) (*registry.ProofAttempt, error) {
	return s.Registry.LastAttempt(ctx, id)
}
