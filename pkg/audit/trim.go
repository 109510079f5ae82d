package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// The record of a trim.
const (
	trimAction = "audit_trim"
	detailUpTo = "up_to_sequence"
	detailHash = "up_to_hash"
)

// TrimReport is what Trim did.
type TrimReport struct {
	Removed int64 // records, those of an interrupted trim among them
	UpTo    int64 // the last of them; 0 when nothing was old enough
	// Kept is how many could not be removed: the bucket keeps them, or the credentials may not. The next trim tries again.
	Kept int64
}

// Trim removes the records that were written before a time, the oldest first, after a record that says so. The newest record
// stays, whatever its age, and so does everything from the first record on that is locked. What an interrupted trim left is
// removed too. A beginning that does not hold is left as it is, for [Trail.Verify] to show, and is an error (structure_damaged).
//
// Records are appended meanwhile: reading and removing many takes minutes, and nobody's request waits for it.
func (t *Trail) Trim(ctx context.Context, before time.Time) (TrimReport, error) {
	cut, n, err := t.plan(ctx, before)
	if fault.HasReason(err, fault.StructureDamaged) { // or another trim was at work just then
		cut, n, err = t.plan(ctx, before)
	}
	if err != nil {
		return TrimReport{}, err
	}
	if n > 0 {
		if cut, err = t.recordTrim(ctx, cut, n, before); err != nil {
			return TrimReport{}, err
		}
	}
	rep := TrimReport{UpTo: cut.upTo}
	err = t.remove(ctx, &rep)
	return rep, err
}

// plan finds the last record to go, and how many there are that no trim before this one let go.
func (t *Trail) plan(ctx context.Context, before time.Time) (cut trim, n int64, err error) {
	end, h, err := t.standing(ctx)
	if err != nil {
		return trim{}, 0, err
	}
	done, err := t.lastTrim(ctx, h.doc.Trim)
	if err != nil {
		return trim{}, 0, err
	}
	return t.expired(ctx, done, end.sequence, before)
}

// standing gives the end of the chain, and the head.
func (t *Trail) standing(ctx context.Context) (tip, head, error) {
	release, err := t.take(ctx)
	if err != nil {
		return tip{}, head{}, err
	}
	defer release()
	err = t.locate(ctx)
	return t.end, t.head, err
}

// lastTrim gives the newest trim: by the head, which says the number of its record, or by reading everything where the
// beginning is not what the head says.
func (t *Trail) lastTrim(ctx context.Context, n int64) (trim, error) {
	first, err := t.first(ctx)
	if err != nil {
		return trim{}, err
	}
	var done trim
	if n > 0 {
		data, _, err := t.get(ctx, keyOf(n))
		if err != nil && !storage.IsNotFound(err) {
			return trim{}, fmt.Errorf("read the record of the last trim: %w", err)
		}
		if r, sound := parse(data); sound && r.Sequence == n {
			done, _ = trimOf(r)
		}
	}
	if first <= done.upTo+1 {
		return done, nil
	}
	rep, err := t.Verify(ctx)
	if err != nil {
		return trim{}, err
	}
	if first > rep.trim.upTo+1 {
		return trim{}, broken("its oldest records are missing")
	}
	return rep.trim, nil
}

func broken(what string) error {
	return fault.New(fault.Validation, fault.StructureDamaged, "Nothing was removed. See what is wrong: cofre audit verify", "the audit trail is not trimmed, because %s", what)
}

// expired walks from the last trim to the first record that is to stay, the newest at the latest. It gives the last one to go,
// and how many they are.
func (t *Trail) expired(ctx context.Context, done trim, newest int64, before time.Time) (cut trim, n int64, err error) {
	cut = done
	link := done.hash
	if done.upTo == 0 {
		link = genesis
	}
	after := ""
	if done.upTo > 0 {
		after = keyOf(done.upTo)
	}
	for f, err := range t.readUp(ctx, after) {
		if err != nil {
			return cut, 0, err
		}
		r, sound := parse(f.data)
		switch {
		case f.sequence >= newest || f.sequence == 0:
			return cut, n, nil
		case f.sequence != cut.upTo+1 || !sound || r.Sequence != f.sequence || r.Previous != link:
			return cut, 0, broken(fmt.Sprintf("record %d does not follow the one before it", f.sequence))
		case !r.At.Before(before) || f.object.RetainUntil.After(t.now()):
			return cut, n, nil
		}
		cut, link = trim{upTo: r.Sequence, hash: r.Hash}, r.Hash
		n++
	}
	return cut, n, nil
}

// recordTrim appends the record that lets the others go.
func (t *Trail) recordTrim(ctx context.Context, cut trim, n int64, before time.Time) (trim, error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	release, err := t.take(ctx)
	if err != nil {
		return trim{}, err
	}
	defer release()
	rec, err := t.append(ctx, contract.AuditRecord{
		Actor: "cofre", Action: trimAction, Outcome: contract.AuditOutcomeAllowed,
		Detail: map[string]string{
			detailUpTo: strconv.FormatInt(cut.upTo, 10), detailHash: cut.hash,
			"records": strconv.FormatInt(n, 10), "before": moment(before).Format(time.RFC3339),
		},
	})
	if err != nil {
		return trim{}, err
	}
	t.moveHead(ctx, rec.Sequence)
	cut.sequence = rec.Sequence
	return cut, nil
}

// remove removes the records up to the cut, the oldest first, so that what is left has no hole when it is interrupted.
func (t *Trail) remove(ctx context.Context, rep *TrimReport) error {
	for o, err := range t.store.List(ctx, storage.ListOptions{Prefix: Prefix}) {
		if err != nil {
			return fmt.Errorf("list the audit trail: %w", err)
		}
		n := sequenceOf(o.Key)
		if n == 0 || n > rep.UpTo {
			return nil
		}
		switch err := t.store.Delete(ctx, o.Key); {
		case err == nil:
			rep.Removed++
		case fault.HasCode(err, fault.Permission):
			rep.Kept++
		default:
			return fmt.Errorf("remove an audit record: %w", err)
		}
	}
	return nil
}
