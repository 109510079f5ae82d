package audit

import (
	"context"
	"fmt"
	"iter"
	"time"

	"cofre/pkg/storage"
)

// Kinds of breaks.
const (
	Removed   = "removed"   // records between others are missing
	Changed   = "changed"   // a record is not what its hash says
	Inserted  = "inserted"  // a record, or another object, that does not follow the one before it
	Reordered = "reordered" // a record that belongs to another place
	Beginning = "beginning" // the oldest records are missing, and no trim says so
	Truncated = "truncated" // the newest records are missing
)

// Break is one place where the chain does not hold.
type Break struct {
	Kind     string `json:"kind"`
	Sequence int64  `json:"sequence,omitempty"` // the record, or the first of several
	To       int64  `json:"to,omitempty"`       // the last of several
	Message  string `json:"message"`
}

// Report is what Verify found.
type Report struct {
	OK      bool      `json:"ok"`
	Count   int64     `json:"count"` // records there are
	First   int64     `json:"first,omitempty"`
	Last    int64     `json:"last,omitempty"`
	FirstAt time.Time `json:"firstAt,omitzero"`
	LastAt  time.Time `json:"lastAt,omitzero"`
	// LastHash vouches for all before it. Kept somewhere else, it shows when the chain was written anew.
	LastHash string `json:"lastHash,omitempty"`
	// Trimmed is the last record that retention removed; 0 when it removed none.
	Trimmed int64   `json:"trimmed,omitempty"`
	Breaks  []Break `json:"breaks"`
	// MoreBreaks is how many there are beyond the first thousand.
	MoreBreaks int `json:"moreBreaks,omitempty"`

	trim trim // behind Trimmed
}

// maxBreaks bounds a report.
const maxBreaks = 1000

// Verify reads the whole chain and reports where it does not hold. An error means that it could not be read. Memory does not
// grow with the chain. Records that are added meanwhile are read too, or left for the next time.
func (t *Trail) Verify(ctx context.Context) (Report, error) {
	h, err := t.readHead(ctx) // before the records, so that it can only be behind them
	if err != nil {
		return Report{}, err
	}
	c := checker{head: h, link: genesis}
	after := ""
	for {
		began := c.last
		for f, err := range t.readUp(ctx, after) {
			if err != nil {
				return Report{}, err
			}
			if f.sequence == 0 {
				if after != "" { // seen before
					continue
				}
				c.found(Inserted, 0, 0, "audit/ holds an object that cofre did not write there: %.200q", f.key)
				continue
			}
			c.add(f.sequence, f.data)
		}
		if c.last == began || !c.unexplained() { // a trim may have been made since the listing began: its record is behind it
			return c.finish(), nil
		}
		after = keyOf(c.last)
	}
}

// fetched is one object of the trail, read.
type fetched struct {
	key      string
	sequence int64 // 0: no record's name
	data     []byte
	object   storage.Object
	err      error
}

// readUp reads everything behind a key, in order, several objects at a time. Objects that went away meanwhile are left out.
func (t *Trail) readUp(ctx context.Context, after string) iter.Seq2[fetched, error] {
	return func(yield func(fetched, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		line := make(chan chan fetched, parallel)
		defer func() { // the lister, and whoever reads, end before this returns
			cancel()
			for one := range line {
				<-one
			}
		}()
		go func() {
			defer close(line)
			for o, err := range t.store.List(ctx, storage.ListOptions{Prefix: Prefix, After: after}) {
				one := make(chan fetched, 1)
				f := fetched{key: o.Key, sequence: sequenceOf(o.Key), err: err}
				if err == nil && o.Key == headKey {
					continue
				}
				select {
				case line <- one:
				case <-ctx.Done():
					return
				}
				if f.err != nil || f.sequence == 0 {
					one <- f
					continue
				}
				go func() {
					f.data, f.object, f.err = t.get(ctx, f.key)
					one <- f
				}()
			}
		}()
		for one := range line {
			f := <-one
			switch {
			case storage.IsNotFound(f.err):
			case f.err != nil:
				yield(fetched{}, fmt.Errorf("read the audit trail: %w", f.err))
				return
			case !yield(f, nil):
				return
			}
		}
		if ctx.Err() != nil {
			yield(fetched{}, context.Cause(ctx))
		}
	}
}
