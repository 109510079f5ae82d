package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cofre/pkg/pause"
	"cofre/pkg/storage"
)

// headDoc is audit/head.json.
type headDoc struct {
	Sequence int64  `json:"sequence"` // the chain goes so far, at least
	Hash     string `json:"hash"`     // of that record
	Trim     int64  `json:"trim,omitempty"`
}

// head is what is known of it.
type head struct {
	doc  headDoc
	etag string // "" when there is none, or nothing is known
}

// headLag is how many records the head may lag behind while others wait to write theirs.
const headLag = 16

func parseHead(data []byte) (headDoc, bool) {
	var d headDoc
	if json.Unmarshal(data, &d) != nil || d.Sequence < 1 || d.Sequence > maxSequence || !isHash(d.Hash) || d.Trim < 0 || d.Trim > d.Sequence {
		return headDoc{}, false
	}
	return d, true
}

// readHead gives the head; one that cannot be read is given as empty, with the ETag by which it can be replaced. It looks
// again before that, since some services show an object in the middle of a change.
func (t *Trail) readHead(ctx context.Context) (head, error) {
	for try := 0; ; try++ {
		data, o, err := t.get(ctx, headKey)
		if storage.IsNotFound(err) {
			return head{}, nil
		}
		if err != nil {
			return head{}, fmt.Errorf("read the head of the audit trail: %w", err)
		}
		doc, ok := parseHead(data)
		if ok || try == 5 {
			return head{doc, o.ETag}, nil
		}
		if err := pause.For(ctx, 20*time.Millisecond); err != nil {
			return head{}, err
		}
	}
}

// locate finds the end of the chain: the head, and what was written behind it.
func (t *Trail) locate(ctx context.Context) error {
	h, err := t.readHead(ctx)
	if err != nil {
		return err
	}
	last, err := t.lastBehind(ctx, h.doc.Sequence)
	if err != nil {
		return err
	}
	end := tip{last, h.doc.Hash}
	if last == 0 {
		end.hash = genesis
	} else if data, _, err := t.get(ctx, keyOf(last)); err == nil {
		end.hash = linkOf(data)
	} else if !storage.IsNotFound(err) || last != h.doc.Sequence { // otherwise it was removed, and the head still knows its hash
		return fmt.Errorf("read the newest audit record: %w", err)
	}
	t.end, t.head, t.known = end, h, true
	return nil
}

// lastBehind gives the greatest sequence there is behind one, or that one.
func (t *Trail) lastBehind(ctx context.Context, sequence int64) (int64, error) {
	o := storage.ListOptions{Prefix: Prefix}
	if sequence > 0 {
		o.After = keyOf(sequence)
	}
	for obj, err := range t.store.List(ctx, o) {
		if err != nil {
			return 0, fmt.Errorf("list the audit trail: %w", err)
		}
		sequence = max(sequence, sequenceOf(obj.Key))
	}
	return sequence, nil
}

// moveHead moves the head to the end of the chain, and notes the newest trim where there is a new one. It is a convenience:
// when it fails, the next one does it.
func (t *Trail) moveHead(ctx context.Context, trim int64) {
	for range 4 {
		doc := headDoc{Sequence: t.end.sequence, Hash: t.end.hash, Trim: max(trim, t.head.doc.Trim)}
		if t.head.doc.Sequence > doc.Sequence {
			doc.Sequence, doc.Hash = t.head.doc.Sequence, t.head.doc.Hash
		}
		if doc == t.head.doc {
			return
		}
		data, err := json.Marshal(doc)
		if err != nil {
			return
		}
		o, err := t.store.Put(ctx, headKey, append(data, '\n'), storage.PutOptions{ContentType: "application/json", MayRevert: true,
			Condition: storage.Condition{IfMatch: t.head.etag, IfAbsent: t.head.etag == ""}})
		if err == nil {
			t.head = head{doc, o.ETag}
			return
		}
		if storage.IsPrecondition(err) || storage.IsNotFound(err) {
			t.head, err = t.readHead(ctx)
		}
		if err != nil {
			t.head = head{}
			t.log.Debug("the head of the audit trail was not moved", "error", err.Error())
			return
		}
	}
}
