package registry

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"cofre/pkg/fault"
)

// Limits of one batch of removals.
const (
	batchSize    = 100 // backups that leave the index in one write
	settledBatch = 500 // of settled ones, whose page is written anew then
	batchWorkers = 8   // of them looked after at once
)

// Removal is what became of one backup of RemoveAll.
type Removal struct {
	Backup Backup
	Gone   bool  // it was removed. Neither this nor an error: it was not there, or it stays by the decision
	Err    error // why it could not be removed now
}

// RemoveAll removes many backups, a hundred with one write of the index. goes is asked inside that compare-and-swap which of them
// go as the index is then; it must depend on its argument alone. by is who asked. done hears of each backup, in the order of ids.
//
// Each has an intent first, which is undecided: whoever finds it after a crash finishes the removal if the backup has left the
// index, and forgets it otherwise. The intents are decided next, the index is looked at once more, for a rebuild may have brought
// back what was undecided, and last the records and the objects go. One that fails does not stop the others. The error is that of ctx.
func (r *Registry) RemoveAll(ctx context.Context, ids []string, by string, goes func(*Index) map[string]bool, done func(Removal)) error {
	ids = slices.Clone(ids) // more are added behind
	for len(ids) > 0 {
		n := min(batchSize, len(ids))
		if v, err := r.Read(ctx); err == nil {
			if _, settled := v.index.pageAt(ids[0]); settled {
				n = min(settledBatch, len(ids))
			}
		}
		var full []Removal // for which there was no room
		gone := false
		for _, m := range r.removeBatch(ctx, ids[:n], by, goes) {
			if gone = gone || m.Gone; fault.HasReason(m.Err, fault.StorageFull) {
				full = append(full, m.Removal)
			} else {
				done(m.Removal)
			}
		}
		if len(full) > 0 && !gone { // one alone needs none
			gone = r.removeFirst(ctx, &full, by, goes, done)
		}
		ids = ids[n:]
		for _, m := range full {
			if gone { // there is room now
				ids = append(ids, m.Backup.ID)
			} else {
				done(m)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// removeFirst takes the first one off and removes it, if it still goes. gone is false when there is no room even then.
func (r *Registry) removeFirst(ctx context.Context, full *[]Removal, by string, goes func(*Index) map[string]bool, done func(Removal)) (gone bool) {
	m := (*full)[0]
	x, err := r.loadOpen(ctx, []string{m.Backup.ID})
	if err != nil {
		return false
	}
	*full = (*full)[1:]
	if !goes(x)[m.Backup.ID] {
		done(Removal{Backup: m.Backup})
		return true
	}
	b, err := r.Remove(ctx, m.Backup.ID, by)
	if err != nil {
		m.Err = err
		done(m)
		return false
	}
	done(Removal{Backup: b, Gone: true})
	return true
}

// removing is one backup of a batch.
type removing struct {
	Removal
	by    string
	took  bool   // it was here that it left the index. Another process may be faster; the rest is done twice then, and counted once
	lease *Lease // nil when it is not, or no longer, to be removed
}

// idsOf returns the ids of those that are still to be removed, or all before that is known.
func idsOf(all []*removing) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.Backup.ID)
	}
	return ids
}

// loadOpen is Load with the pages open that these backups may be in.
func (r *Registry) loadOpen(ctx context.Context, ids []string) (x *Index, err error) {
	err = r.Reading(ctx, func(v *View) error {
		x = v.copy()
		return r.openPages(ctx, x, ids)
	})
	return x, err
}

// each works on those that are still to be removed, several at once.
func each(all []*removing, work func(*removing)) {
	var wg sync.WaitGroup
	room := make(chan struct{}, batchWorkers)
	for _, m := range all {
		if m.lease == nil {
			continue
		}
		room <- struct{}{}
		wg.Go(func() { defer func() { <-room }(); work(m) })
	}
	wg.Wait()
}

// drop gives up on one: others may take its intent over at once.
func (m *removing) drop(ctx context.Context, err error) {
	m.lease.release(ctx)
	m.lease, m.Err = nil, fmt.Errorf("remove backup %s: %w", m.Backup.ID, err)
}

func (r *Registry) removeBatch(ctx context.Context, ids []string, by string, goes func(*Index) map[string]bool) []*removing {
	all := make([]*removing, len(ids))
	for i, id := range ids {
		all[i] = &removing{Removal: Removal{Backup: Backup{ID: id}}, by: by}
	}
	r.begin(ctx, all, goes)
	each(all, func(m *removing) {
		err := m.lease.put(ctx, func(in *Intent) { in.Undecided = false })
		if lost(err) {
			r.decideAgain(ctx, m)
		} else if err != nil {
			m.drop(ctx, err)
		}
	})
	if err := r.takeOut(ctx, all, nil); err != nil {
		each(all, func(m *removing) { m.drop(ctx, err) })
	}
	each(all, func(m *removing) {
		if err := m.lease.removeStored(ctx); err != nil {
			m.drop(ctx, err)
			return
		}
		m.Gone = m.took
	})
	return all
}

// decideAgain deals with an intent that was lost after its backup had left the index: whoever took it over removes the rest; but
// when it was forgotten before that, nobody would.
func (r *Registry) decideAgain(ctx context.Context, m *removing) {
	l, err := r.acquire(ctx, Intent{Kind: kindRemove, By: m.by, Backup: m.Backup, Admitted: true, LeaseMS: r.lease.Milliseconds()}, "")
	switch {
	case lost(err):
		m.lease, m.Gone = nil, m.took
	case err != nil:
		m.lease, m.Err = nil, fmt.Errorf("remove backup %s: %w", m.Backup.ID, err)
	default:
		m.lease = l
	}
}

// begin writes the intents and takes the backups out of the index. All that ends within half a lease: a process that slept in
// between must not take out what others have found undecided and forgotten.
func (r *Registry) begin(ctx context.Context, all []*removing, goes func(*Index) map[string]bool) {
	ctx, cancel := context.WithTimeout(ctx, r.lease/2)
	defer cancel()
	x, err := r.loadOpen(ctx, idsOf(all))
	if err != nil {
		for _, m := range all {
			m.Err = err
		}
		return
	}
	going := goes(x)
	for _, m := range all {
		if b := x.Find(m.Backup.ID); b != nil && b.Status != InProgress && going[b.ID] {
			m.Backup, m.lease = *b, &Lease{r: r, id: b.ID}
		}
	}
	each(all, func(m *removing) {
		in := Intent{Kind: kindRemove, By: m.by, Backup: m.Backup, Admitted: true, Undecided: true, LeaseMS: r.lease.Milliseconds()}
		l, err := r.beginRemoval(ctx, in)
		if err != nil {
			m.lease, m.Err = nil, fmt.Errorf("remove backup %s: %w", m.Backup.ID, err)
			return
		}
		m.lease = l
	})
	if err := r.takeOut(ctx, all, goes); err != nil {
		each(all, func(m *removing) { m.drop(ctx, err) })
	}
}

// takeOut takes out of the index what goes, in one write, and forgets the others. goes nil is all of them.
func (r *Registry) takeOut(ctx context.Context, all []*removing, goes func(*Index) map[string]bool) error {
	var stays map[string]bool
	err := r.update(ctx, idsOf(all), func(x *Index) error {
		var going map[string]bool
		if goes != nil {
			going = goes(x)
		}
		changed := false
		stays = map[string]bool{}
		for _, m := range all {
			b := x.Find(m.Backup.ID)
			switch {
			case m.lease == nil || b == nil:
			case goes != nil && !going[b.ID]:
				stays[b.ID] = true
			default:
				x.Remove(b.ID)
				changed, m.took = true, true
			}
		}
		if !changed {
			return errUnchanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	each(all, func(m *removing) {
		if stays[m.Backup.ID] {
			if err := m.lease.end(ctx); err != nil {
				m.drop(ctx, err)
			}
			m.lease = nil
		}
	})
	return nil
}

// finishRemoval is what follows the end of a removal's holder, by another process.
func (l *Lease) finishRemoval(ctx context.Context, rep *Report) error {
	if l.intent.Undecided {
		b, err := l.r.find(ctx, l.id)
		if err != nil {
			return err
		}
		if b != nil {
			return l.end(ctx) // it had not begun; the next cleanup decides anew
		}
		if err := l.put(ctx, func(in *Intent) { in.Undecided = false }); err != nil {
			return err
		}
	}
	if err := l.takeOut(ctx); err != nil {
		return err
	}
	if err := l.removeObjects(ctx); err != nil {
		return err
	}
	if l.r.finished != nil { // before the intent goes: better told twice than not at all
		if err := l.r.finished(ctx, l.Backup(), l.intent.By); err != nil {
			return fmt.Errorf("record the end of its removal: %w", err)
		}
	}
	if err := l.end(ctx); err != nil {
		return err
	}
	rep.Removed = append(rep.Removed, l.id)
	return nil
}

// removeStored removes the records and the object of a backup that has left the index, then the intent.
func (l *Lease) removeStored(ctx context.Context) error {
	if err := l.removeObjects(ctx); err != nil {
		return err
	}
	return l.end(ctx)
}

func (l *Lease) removeObjects(ctx context.Context) error {
	keys := []string{VerificationKey(l.id), ProofKey(l.id), PinKey(l.id), LogKey(l.id), ManifestKey(l.id), SignatureKey(l.id)}
	if b := l.Backup(); b.Contents != nil && b.Contents.Missing == "" {
		keys = append(keys, ContentsKey(b))
	}
	if b := l.Backup(); b.Globals != nil && b.Globals.Missing == "" {
		keys = append(keys, GlobalsKey(b))
	}
	if l.stray {
		keys = append(keys, IntentKey(l.id))
	}
	for _, key := range keys {
		if err := l.r.store.Delete(ctx, key); err != nil {
			return fmt.Errorf("remove %s: %w", key, err)
		}
	}
	return l.deleteObject(ctx)
}
