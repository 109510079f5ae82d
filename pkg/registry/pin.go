package registry

import (
	"context"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// PinsPrefix is where pins stand: <id>.json.
const PinsPrefix = "pins/"

// PinKey is where a backup's pin stands.
func PinKey(id string) string { return PinsPrefix + id + ".json" }

// Pin keeps a backup from being removed, because somebody said so. Its object is the truth; the index repeats it, so that lists and
// retention need no other request.
type Pin struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	Until  time.Time `json:"until,omitzero"` // zero: until somebody takes it off
	Reason string    `json:"reason"`
}

// Holds reports whether there is a pin that has not expired.
func (p *Pin) Holds(now time.Time) bool { return p != nil && (p.Until.IsZero() || now.Before(p.Until)) }

// Ends is when the pin ends; zero is never, or that there is none.
func (p *Pin) Ends() time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.Until
}

// Same reports whether two pins say the same.
func (p *Pin) Same(o *Pin) bool { return equalJSON(p, o) }

// Describe says until when, by whom and why.
func (p *Pin) Describe() string {
	if p == nil {
		return ""
	}
	text := "pinned"
	if !p.Until.IsZero() {
		text += " until " + p.Until.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	if p.By != "" {
		text += ", by " + p.By
	}
	return text + ": " + p.Reason
}

// MaxPinReason bounds the reason of a pin, in bytes.
const MaxPinReason = 500

// maxPin bounds what is read of a pin, in bytes.
const maxPin = 16 << 10

// CheckPinReason refuses what cannot be a reason.
func CheckPinReason(reason string) error {
	hint := fmt.Sprintf("Say in at most %d bytes, on one line, why it is kept: for the audit of 2026.", MaxPinReason)
	switch {
	case reason == "":
		return fault.New(fault.Validation, fault.InvalidInput, hint, "a pin needs a reason")
	case len(reason) > MaxPinReason:
		return fault.New(fault.Validation, fault.InvalidInput, hint, "the reason has %d bytes", len(reason))
	}
	for _, c := range reason {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return fault.New(fault.Validation, fault.InvalidInput, hint, "the reason holds a character that cannot be shown")
		}
	}
	return nil
}

// pinDoc is what pins/<id>.json holds.
type pinDoc struct {
	Version int    `json:"version"`
	Backup  string `json:"backup"`
	Pin
}

// pin reads a backup's pin. One that is damaged, or written by a newer cofre, holds the backup: nobody knows for how long.
func (r *Registry) pin(ctx context.Context, id string) (Pin, error) {
	data, o, err := r.get(ctx, PinKey(id))
	var p Pin
	if err == nil {
		p, err = parsePin(id, data)
	}
	if isDamaged(err) || fault.HasReason(err, fault.NewerVersion) {
		r.log.Warn("a pin cannot be read, and holds", "key", PinKey(id), "error", err.Error())
		return Pin{At: o.LastModified.UTC(), Reason: PinKey(id) + " cannot be read"}, nil
	}
	return p, err
}

func parsePin(id string, data []byte) (Pin, error) {
	var doc pinDoc
	if err := decodeVersioned(PinKey(id), data, maxPin, &doc); err != nil {
		return Pin{}, err
	}
	if doc.Version < 1 || doc.Backup != id || CheckPinReason(doc.Reason) != nil || len(doc.By) > fault.MaxText {
		return Pin{}, damagedRecord(nil, PinKey(id))
	}
	doc.At, doc.Until = writable(doc.At), writable(doc.Until)
	return doc.Pin, nil
}

// SetPin pins a backup, or takes its pin off (nil): first the object, then the index. An unknown backup is not_found.
func (r *Registry) SetPin(ctx context.Context, id string, p *Pin) (Backup, error) {
	b, err := r.find(ctx, id)
	if err == nil && b == nil {
		err = notFound(id)
	}
	if err != nil {
		return Backup{}, err
	}
	if p != nil && b.Status != Success {
		return *b, fault.New(fault.Validation, fault.InvalidInput, "Pin one that was made.", "backup %s is %s: there is nothing to keep", id, b.Status)
	}
	if p == nil {
		err = r.store.Delete(ctx, PinKey(id))
	} else {
		short := *p
		shorten(maxName, &short.By)
		short.At, short.Until = short.At.UTC().Truncate(time.Millisecond), short.Until.UTC().Truncate(time.Second)
		p = &short
		_, err = r.putJSON(ctx, PinKey(id), pinDoc{recordVersion, id, short}, storage.Condition{})
	}
	if err != nil {
		return *b, fmt.Errorf("keep the pin of %s: %w", id, err)
	}
	var out Backup
	err = r.update(ctx, []string{id}, func(x *Index) error {
		b := x.Find(id)
		if b == nil {
			return notFound(id)
		}
		b.Pin = p
		out = *b
		return nil
	})
	if p != nil && fault.HasReason(err, fault.NotFound) { // removed meanwhile
		if derr := r.store.Delete(ctx, PinKey(id)); derr != nil {
			r.log.Warn("pin of a removed backup left behind; the next cleanup removes it", "backup_id", id, "error", derr.Error())
		}
	}
	return out, err
}

// held refuses to remove a backup that is pinned, or locked by the storage: that would hide it, and free nothing.
func (b *Backup) held() error {
	switch {
	case b.Pin.Holds(time.Now()):
		return fault.New(fault.Validation, fault.Protected, "Take the pin off first (cofre unpin "+b.ID+").", "backup %s is %s", b.ID, b.Pin.Describe())
	case b.ObjectLock.Holds(time.Now()):
		return fault.New(fault.Validation, fault.Protected, "Delete it when the lock has ended.", "backup %s is %s", b.ID, b.ObjectLock.Describe())
	}
	return nil
}

// collectPins gives the records of an index that is being rebuilt their pins.
func (r *Registry) collectPins(ctx context.Context, x *Index) error {
	list, err := r.listRecords(ctx, PinsPrefix, "", "")
	if err != nil {
		return err
	}
	pins, err := readSome(ctx, r, PinsPrefix, list, r.pin)
	if err != nil {
		return err
	}
	for id, p := range pins {
		if _, ok := x.search(id); !ok {
			i, paged := x.pageAt(id)
			if !paged {
				continue
			}
			if _, err := r.openPage(ctx, x, i); err != nil {
				return err
			}
		}
		if b := x.Find(id); b != nil {
			b.Pin = &p
		}
	}
	return nil
}

// recallPins gives records that are put together again their pins.
func (r *Registry) recallPins(ctx context.Context, p *Page, find func(string) *Backup) error {
	list, err := r.listRecords(ctx, PinsPrefix, p.First, p.Last)
	if err != nil {
		return err
	}
	pins, err := readSome(ctx, r, PinsPrefix, list, r.pin)
	for id, pin := range pins {
		if b := find(id); b != nil {
			b.Pin = &pin
		}
	}
	return err
}

// reconcilePins makes the index say what the pins' objects do, and lets those fall away that have expired or whose backup is gone.
func (r *Registry) reconcilePins(ctx context.Context, now func() (time.Time, error), rep *Report) error {
	ids, err := r.listIDs(ctx, PinsPrefix, rep)
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, id := range ids {
		listed[id] = true
		at, err := now()
		if err != nil {
			return err
		}
		rep.note(id, r.reconcilePin(ctx, id, at))
	}
	v, err := r.Read(ctx)
	if err != nil {
		return err
	}
	for b := range v.Newest() {
		if b.Pin == nil || listed[b.ID] {
			continue
		}
		_, err := r.store.Head(ctx, PinKey(b.ID))
		if storage.IsNotFound(err) { // taken off, by somebody who died behind that
			err = r.replacePin(ctx, b.ID, b.Pin, nil)
		}
		rep.note(b.ID, err)
	}
	return nil
}

func (r *Registry) reconcilePin(ctx context.Context, id string, now time.Time) error {
	p, err := r.pin(ctx, id)
	if storage.IsNotFound(err) {
		return nil // taken off meanwhile
	}
	if err != nil {
		return err
	}
	b, err := r.find(ctx, id)
	if err != nil {
		return err
	}
	if b == nil {
		_, err := r.store.Head(ctx, ManifestKey(id))
		if storage.IsNotFound(err) {
			err = r.store.Delete(ctx, PinKey(id))
		}
		return err
	}
	if !p.Holds(now) {
		if err := r.store.Delete(ctx, PinKey(id)); err != nil {
			return err
		}
		return r.replacePin(ctx, id, b.Pin, nil)
	}
	return r.replacePin(ctx, id, b.Pin, &p)
}

// replacePin changes what the index says of a pin, unless that has changed meanwhile.
func (r *Registry) replacePin(ctx context.Context, id string, was, is *Pin) error {
	if equalJSON(was, is) {
		return nil
	}
	return r.update(ctx, []string{id}, func(x *Index) error {
		b := x.Find(id)
		if b == nil || !equalJSON(b.Pin, was) {
			return errUnchanged
		}
		b.Pin = is
		return nil
	})
}
