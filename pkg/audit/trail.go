package audit

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"
)

// Trail is the audit trail of one backup directory. It may be used by several goroutines, and any number of processes may
// have one each over the same bucket.
type Trail struct {
	store     storage.Store
	retention time.Duration
	log       *slog.Logger
	now       func() time.Time
	patience  time.Duration

	turn    chan struct{} // one writer at a time from this process: others would only collide
	waiting atomic.Int32  // for the turn
	// The rest belongs to the holder of the turn.
	known bool // whether end is
	end   tip
	head  head
}

// tip is the end of the chain.
type tip struct {
	sequence int64
	hash     string
}

// Options tune a trail. The zero value is good.
type Options struct {
	// Retention is how long records are locked against removal, where the bucket has object lock; 0 does not lock.
	Retention time.Duration
	Log       *slog.Logger     // default: nothing
	Now       func() time.Time // default: time.Now
}

// appendTime bounds one Append.
const appendTime = 10 * time.Second

// New gives the trail in a store. It does no input or output.
func New(store storage.Store, o Options) *Trail {
	t := &Trail{store: store, retention: o.Retention, log: o.Log, now: o.Now, patience: appendTime, turn: make(chan struct{}, 1)}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.now == nil {
		t.now = time.Now
	}
	return t
}

// Append adds a record; it returns when the record is stored. ID, time and hashes are set here, texts are made printable and cut
// at 500 bytes. After an error the record may be there all the same, when it was the answer that got lost for good; it is never
// there twice. It takes 10 seconds at most.
func (t *Trail) Append(ctx context.Context, r contract.AuditRecord) error {
	if r.Action == trimAction {
		return fault.New(fault.Internal, "", "", "the action %s is the trail's own", trimAction)
	}
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	release, err := t.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if _, err := t.append(ctx, r); err != nil {
		return err
	}
	if t.waiting.Load() == 0 || t.end.sequence-t.head.doc.Sequence >= headLag {
		t.moveHead(ctx, 0)
	}
	return nil
}

// take waits for this process's turn to write.
func (t *Trail) take(ctx context.Context) (release func(), err error) {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	select {
	case t.turn <- struct{}{}:
		return func() { <-t.turn }, nil
	case <-ctx.Done():
		return nil, busy(context.Cause(ctx))
	}
}

func busy(cause error) error {
	f := fault.Wrap(cause, fault.FileSystem, fault.Busy, "Try again.", "the audit trail is being written by too many at once")
	f.Transient = true
	return f
}

// append writes the record behind the end of the chain, wherever that is by then.
func (t *Trail) append(ctx context.Context, r contract.AuditRecord) (record, error) {
	clean(&r)
	r.ID, r.At = ulid.Make().String(), moment(t.now())
	for lost := 0; ; lost++ {
		if err := t.findEnd(ctx, lost > 1); err != nil {
			return record{}, err
		}
		rec, won, err := t.write(ctx, r)
		if won || err != nil {
			return rec, err
		}
		if err := pause.For(ctx, rand.N(time.Millisecond*time.Duration(5<<min(lost, 6)))); err != nil {
			return record{}, busy(err)
		}
	}
}

// get reads an object of the trail. Of one that is too large to be read at once only the beginning is read, which is no record then, and
// damaged like any other that is none: it keeps nobody from writing and reading the others.
func (t *Trail) get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	data, o, _, err := storage.GetOrBegin(ctx, t.store, key, maxRecord+1)
	return data, o, err
}

// findEnd makes sure that the end of the chain is known. behind says that others are far ahead, perhaps: it is looked for
// from where it was last seen.
func (t *Trail) findEnd(ctx context.Context, behind bool) error {
	if !t.known {
		return t.locate(ctx)
	}
	if !behind {
		return nil
	}
	last, err := t.lastBehind(ctx, t.end.sequence)
	if err != nil || last == t.end.sequence {
		return err
	}
	data, _, err := t.get(ctx, keyOf(last))
	if err != nil {
		t.known = false
		return fmt.Errorf("read the newest audit record: %w", err)
	}
	t.end = tip{last, linkOf(data)}
	return nil
}

// write tries the next place. It tells whether the record is there now; if not, and without an error, another one is.
func (t *Trail) write(ctx context.Context, r contract.AuditRecord) (rec record, won bool, err error) {
	if t.end.sequence >= maxSequence {
		return rec, false, fault.New(fault.FileSystem, fault.LimitReached, "Look at the newest objects under audit/: somebody wrote one with the last number.", "the audit trail has no number left")
	}
	rec = record{Sequence: t.end.sequence + 1, AuditRecord: r}
	rec.Previous = t.end.hash
	body, err := rec.seal()
	if err != nil {
		return rec, false, err
	}
	o := storage.PutOptions{ContentType: "application/json", Condition: storage.Condition{IfAbsent: true}}
	if t.retention > 0 {
		o.RetainUntil = rec.At.Add(t.retention)
	}
	_, err = t.store.Put(ctx, keyOf(rec.Sequence), body, o)
	if err == nil {
		t.end = tip{rec.Sequence, rec.Hash}
		return rec, true, nil
	}
	t.known = false
	data, _, gerr := t.get(ctx, keyOf(rec.Sequence))
	if gerr == nil {
		there, sound := parse(data)
		t.end, t.known = tip{rec.Sequence, linkOf(data)}, true
		if sound && there.ID == rec.ID { // the answer was lost
			return rec, true, nil
		}
	}
	if !storage.IsPrecondition(err) {
		return rec, false, fmt.Errorf("write an audit record: %w", err)
	}
	if gerr != nil && !storage.IsNotFound(gerr) { // it may be ours
		return rec, false, fmt.Errorf("write an audit record: %w", gerr)
	}
	return rec, false, nil
}

// linkOf is the hash that the record behind this one names: the one it claims, so that a change shows there and not here too.
func linkOf(data []byte) string {
	if r, _ := parse(data); isHash(r.Hash) {
		return r.Hash
	}
	return rawHash(data)
}
