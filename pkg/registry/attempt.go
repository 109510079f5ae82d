package registry

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// ProofState is where a proof stands that somebody asked for.
type ProofState string

// The states of a proof. It waits for its turn, then runs, and ends as one of the others.
const (
	ProofWaiting   ProofState = "waiting"
	ProofRunning   ProofState = "running"
	ProofProven    ProofState = "proven"    // the backup came back as it was made; more is among its verifications
	ProofDisproven ProofState = "disproven" // it did not, as its verifications say
	ProofFailed    ProofState = "failed"    // the proof could not be made, which says nothing about the backup
)

// Steps of a running proof, in their order.
const (
	ProofChecking  = "checking"  // the stored object, where signatures count
	ProofCounting  = "counting"  // what the backup holds, where that was not counted when it was made
	ProofStarting  = "starting"  // a server for it
	ProofRestoring = "restoring" // into that server
	ProofComparing = "comparing"
)

// ProofAttempt is proofs/<id>.json: the last time that somebody wanted a backup proven, how far that came, and its lease while it lasts. It
// is no verdict: a verification alone says what a backup is worth.
type ProofAttempt struct {
	Version int        `json:"version"`
	Backup  string     `json:"backup"` // its id
	By      string     `json:"by"`     // who wanted it
	State   ProofState `json:"state"`
	Step    string     `json:"step,omitempty"` // of a running one; where it stopped, of one that failed
	AskedAt time.Time  `json:"askedAt"`
	// Read and Total are stored bytes, of the step that a running one is at: counting, or restoring. Total is 0 where nothing is read.
	Read      int64     `json:"read,omitempty"`
	Total     int64     `json:"total,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	Error     *Error    `json:"error,omitempty"` // why it could not be made
	// Reserved says of one that waits that another process is going to make it, which takes the record over.
	Reserved bool `json:"reserved,omitempty"`
	// Order is the nonce of a proof that is made by order, without credentials for the storage; "" of one whose process keeps the record.
	Order string `json:"order,omitempty"`

	Process *Process `json:"process,omitempty"`
	LeaseMS int64    `json:"leaseMs"`
	Token   string   `json:"token"` // as an intent's, and so is Beat
	Beat    int64    `json:"beat"`
}

// Live reports whether it waits or runs, as far as its record says.
func (a *ProofAttempt) Live() bool { return a.State == ProofWaiting || a.State == ProofRunning }

// end makes a record that of a proof which has ended.
func (a *ProofAttempt) end(at time.Time, proven bool, cause error) {
	switch {
	case cause != nil:
		a.State = ProofFailed
	case proven:
		a.State = ProofProven
	default:
		a.State = ProofDisproven
	}
	a.EndedAt, a.Error, a.Process, a.LeaseMS, a.Reserved = at.UTC().Truncate(time.Millisecond), ErrorOf(cause), nil, 0, false
}

// die makes a record that of a proof whose process is gone, by its last sign of life.
func (a *ProofAttempt) die(lastSign time.Time) {
	if a.Reserved {
		a.end(lastSign, false, fault.New(fault.BackupCreation, fault.NotStarted, "Ask for the proof again.", "it was asked for, and nobody began it in time"))
		return
	}
	a.end(lastSign, false, fault.New(fault.BackupCreation, fault.RunLost, "Ask for the proof again.",
		"the process that ran it ended without reporting an error; last seen %s", lastSign.UTC().Format("2006-01-02 15:04:05 MST")))
}

// expired reports whether its holder has been silent for longer than its lease.
func (a *ProofAttempt) expired(written, now time.Time) bool {
	return now.Sub(written) > min(lasting(a.LeaseMS), longestWork)+dateStep
}

func (a ProofAttempt) bounded() ProofAttempt {
	shorten(maxName, &a.By)
	shorten(maxName, &a.Order)
	a.Total = max(a.Total, 0)
	a.Read = min(max(a.Read, 0), a.Total)
	if a.Error != nil {
		e := a.Error.bounded()
		a.Error = &e
	}
	return a
}

// check refuses what cannot be the record of a proof.
func (a *ProofAttempt) check() error {
	if !ValidID(a.Backup) {
		return fmt.Errorf("%.40q is not the id of a backup", a.Backup)
	}
	if a.Token == "" || len(a.Token) > maxName {
		return fmt.Errorf("it has no token")
	}
	switch a.State {
	case ProofWaiting, ProofRunning, ProofProven, ProofDisproven:
	case ProofFailed:
		if a.Error == nil {
			return fmt.Errorf("it does not say why it could not be made")
		}
	default:
		return fmt.Errorf("%.40q is not a state", a.State)
	}
	if a.Step != "" && !slices.Contains(steps, a.Step) {
		return fmt.Errorf("%.40q is not a step", a.Step)
	}
	return nil
}

// parseAttempt reads the record of the last proof of the backup with this id. Its texts are bounded.
func parseAttempt(id string, data []byte) (ProofAttempt, error) {
	var a ProofAttempt
	key := ProofKey(id)
	if err := decodeVersioned(key, data, maxRecord, &a); err != nil {
		return a, err
	}
	if err := a.check(); err != nil || a.Backup != id || a.Version < 1 {
		return a, damagedRecord(err, key)
	}
	return a.bounded(), nil
}

// attempt reads a record; found is false where there is none. Its ETag and date are in the object, also where it is damaged.
func (r *Registry) attempt(ctx context.Context, id string) (a ProofAttempt, o storage.Object, found bool, err error) {
	data, o, err := r.get(ctx, ProofKey(id))
	switch {
	case storage.IsNotFound(err):
		return a, storage.Object{}, false, nil
	case err != nil:
		return a, o, false, fmt.Errorf("read the last proof of %s: %w", id, err)
	}
	a, err = parseAttempt(id, data)
	return a, o, true, err
}

// LastAttempt returns the last proof of a backup that somebody asked for as it stands, nil where none ever did. One whose process died could
// not be made.
func (r *Registry) LastAttempt(ctx context.Context, id string) (*ProofAttempt, error) {
	if !ValidID(id) {
		return nil, nil
	}
	a, o, found, err := r.attempt(ctx, id)
	if err != nil || !found {
		return nil, err
	}
	dead, err := r.deadAttempt(ctx, a, o)
	if fault.HasCode(err, fault.Permission) { // who may only read goes by the clock of this machine
		dead, err = true, nil
	}
	if dead {
		a.die(o.LastModified)
	}
	return &a, err
}

// deadAttempt reports whether a proof that waits or runs by its record is known to be at its end. The service's clock alone decides: it is
// asked where this machine's says that there may be a reason.
func (r *Registry) deadAttempt(ctx context.Context, a ProofAttempt, o storage.Object) (bool, error) {
	switch {
	case !a.Live():
		return false, nil
	case a.Process.gone(self()):
		return true, nil
	case !a.expired(o.LastModified, time.Now().Add(r.ahead)):
		return false, nil
	}
	now, err := r.storeNow(ctx)
	return err == nil && a.expired(o.LastModified, now), err
}

func (a *ProofAttempt) key() string { return ProofKey(a.Backup) }

func (a *ProofAttempt) writing() {
	*a = a.bounded()
	a.Beat++
}

func (a *ProofAttempt) tokenIn(stored []byte) string {
	cur, err := parseAttempt(a.Backup, stored)
	if err != nil {
		return ""
	}
	return cur.Token
}

// ProofLease is the right of one holder to write the record of a proof. It is safe for use by several goroutines.
type ProofLease struct {
	*holder[ProofAttempt, *ProofAttempt]
}

// holdAttempt is a new holder of a record, which it has not written yet: one that has this ETag, or none.
func (r *Registry) holdAttempt(a ProofAttempt, etag string) *ProofLease {
	return &ProofLease{newHolder[ProofAttempt, *ProofAttempt](r, a, a.Token, etag)}
}

// BeginAttempt puts on record that by wants a backup proven. While another one waits or runs that is refused (busy), unless over says that
// this one takes its place in the record: that one goes on, and its verification counts as any. One that was reserved is the same proof, which
// begins: who wanted it, and when, stays.
func (r *Registry) BeginAttempt(ctx context.Context, id, by string, at time.Time, over bool) (*ProofLease, error) {
	return r.beginAttempt(ctx, ProofAttempt{Backup: id, By: by, AskedAt: at, Process: self(), LeaseMS: r.lease.Milliseconds()}, over)
}

// ReserveAttempt is BeginAttempt for a proof that another process is going to make: it has to begin within so long.
func (r *Registry) ReserveAttempt(ctx context.Context, id, by string, at time.Time, within time.Duration) (*ProofLease, error) {
	return r.beginAttempt(ctx, ProofAttempt{Backup: id, By: by, AskedAt: at, Reserved: true, LeaseMS: within.Milliseconds()}, false)
}

// SettleAttempt ends the record of a proof that was reserved and that nobody has begun, for this cause, and of one whose process died. It
// returns the record as it stands then, nil where there is none.
func (r *Registry) SettleAttempt(ctx context.Context, id string, at time.Time, cause error) (*ProofAttempt, error) {
	a, o, found, err := r.attempt(ctx, id)
	if err != nil || !found {
		return nil, err
	}
	dead, err := r.deadAttempt(ctx, a, o)
	if err != nil || !dead && !(a.Live() && a.Reserved) {
		return &a, err
	}
	a.Token = rand.Text()
	l := r.holdAttempt(a, o.ETag)
	err = l.Update(ctx, func(a *ProofAttempt) {
		if a.Reserved {
			a.end(at, false, cause)
		} else {
			a.die(o.LastModified)
		}
	})
	if fault.HasReason(err, fault.Precondition) { // it was begun just now, is alive after all, or somebody else was faster
		a, _, _, err = r.attempt(ctx, id)
		return &a, err
	}
	a = l.Attempt()
	return &a, err
}

func (r *Registry) beginAttempt(ctx context.Context, a ProofAttempt, over bool) (*ProofLease, error) {
	a.Version, a.State, a.Token, a.AskedAt = recordVersion, ProofWaiting, rand.Text(), a.AskedAt.UTC().Truncate(time.Millisecond)
	for try := 0; ; try++ {
		before, o, found, err := r.attempt(ctx, a.Backup)
		if isDamaged(err) { // it says nothing that could be lost
			found, err = false, nil
		}
		if err != nil { // also where a newer version wrote it
			return nil, err
		}
		mine := a
		if found && before.Live() {
			busy := fault.New(fault.Validation, fault.Busy, "Follow it by the backup's record.", "backup %s is being proven already, since %s", a.Backup, before.AskedAt.UTC().Format("2006-01-02 15:04:05 UTC"))
			dead := false
			if !over {
				dead, err = r.deadAttempt(ctx, before, o)
			}
			switch {
			case err != nil:
				return nil, err
			case !over && !dead || try > maxTakeovers:
				return nil, busy
			case over && (before.Reserved || a.Order != "" && before.Order != "") && !before.expired(o.LastModified, time.Now().Add(r.ahead)):
				mine.By, mine.AskedAt = before.By, before.AskedAt
			}
		}
		l := r.holdAttempt(mine, o.ETag)
		if err = l.Update(ctx, func(*ProofAttempt) {}); !lost(err) || try > maxTakeovers {
			return l, err
		}
	}
}

// Attempt returns the record as it was last written.
func (l *ProofLease) Attempt() ProofAttempt { return l.record() }

// Update changes the record, and so extends the lease, by compare-and-swap. Reason precondition_failed means that the record is another
// one's, or gone with the backup: nothing is left to be written.
func (l *ProofLease) Update(ctx context.Context, change func(*ProofAttempt)) error {
	_, a, err := l.write(ctx, change)
	switch {
	case err == nil:
		return nil
	case taken(err):
		return fault.Wrap(err, fault.Validation, fault.Precondition, "", "the record of the proof of %s is another one's by now, or gone", a.Backup)
	}
	return fmt.Errorf("write the record of the proof of %s: %w", a.Backup, err)
}

// Start puts on record that it is this proof's turn.
func (l *ProofLease) Start(ctx context.Context, at time.Time) error {
	return l.Update(ctx, func(a *ProofAttempt) { a.State, a.StartedAt = ProofRunning, at.UTC().Truncate(time.Millisecond) })
}

// End puts on record what came of it: what it found, or why it could not be made, and at which step.
func (l *ProofLease) End(ctx context.Context, at time.Time, step string, proven bool, cause error) error {
	return l.Update(ctx, func(a *ProofAttempt) {
		a.Step = step
		a.end(at, proven, cause)
	})
}

// sweepAttempts removes the records of proofs of backups that are gone: one may be written while its backup is removed.
func (r *Registry) sweepAttempts(ctx context.Context, x *Index, manifests idSet, rep *Report) error {
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: ProofsPrefix}) {
		if err != nil {
			return fmt.Errorf("list the proofs: %w", err)
		}
		if id := proofOf(o.Key); id != "" && !manifests.has(id) && x.Find(id) == nil {
			rep.note(id, r.sweepAttempt(ctx, id, o.Key))
		}
	}
	return nil
}

// proofOf gives the id in the key of the record of a proof, of its order or of its result, or "".
func proofOf(key string) string {
	for _, suffix := range []string{orderSuffix, resultSuffix} {
		if name, ok := strings.CutSuffix(key, suffix); ok {
			key = name + ".json"
			break
		}
	}
	return idOf(key, ProofsPrefix)
}

// sweepAttempt looks once more whether there is a backup: one that is known by its tags alone may have settled.
func (r *Registry) sweepAttempt(ctx context.Context, id, key string) error {
	if b, err := r.find(ctx, id); b != nil || err != nil {
		return err
	}
	return r.store.Delete(ctx, key)
}
