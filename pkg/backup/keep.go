package backup

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"time"

	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
)

// keeping decides what is kept, part by part, so that the records of one page are in memory at a time. Beside a part it goes by
// what is known of the others without reading them.
type keeping struct {
	now    time.Time
	policy retention.Policy
	parts  []registry.Part
	facts  []facts // of each part
	total  int64   // stored bytes of everything
	rows   map[registry.Row]rowName
	// larger are the backups before the newest one of their row, where that is suspiciously small.
	larger map[string]bool
	// lost are the first backups in which tables lost rows lately, and beforeLost those before them, with when that was.
	lost       map[string]bool
	beforeLost map[string]time.Time

	held map[string]map[int64][]retention.Reason // by keepers; see [retention.Around]

	sized bool // the following are known
	stays int64
	free  []int64 // bytes of each part that size may remove
	alone []int64 // bytes of each part that it may remove when that is not enough
}

type rowName struct{ key, name string }

// facts are what retention knows of each row.
type facts map[string]retention.Facts

// reader returns what is in a page.
type reader interface {
	Sources(context.Context, *registry.Page) ([]registry.Tally, map[string]int, error)
	Page(context.Context, *registry.Page) ([]Backup, error)
	Dates(context.Context, *registry.Page) ([]registry.Dates, error)
}

// newKeeping looks at all parts. Where registry.json does not say what is in a page, it is read.
func newKeeping(ctx context.Context, now time.Time, parts []registry.Part, policy retention.Policy, from reader) (*keeping, error) {
	k := &keeping{now: now, policy: policy, parts: parts, rows: map[registry.Row]rowName{}, facts: make([]facts, len(parts))}
	all := map[string]registry.Tally{}
	sum := func(sources []registry.Tally) {
		for _, more := range sources {
			t := all[more.Source]
			t.Add(more)
			all[more.Source] = t
		}
	}
	defer func() {
		k.larger = shrunk(all)
		k.lost, k.beforeLost = losses(all, now)
	}()
	for i, part := range parts {
		backups := part.Backups
		if p := part.Page; p != nil && backups == nil {
			k.total += p.Bytes
			if !p.To.After(now) {
				sources, _, err := from.Sources(ctx, p)
				if err != nil {
					return nil, err
				}
				k.facts[i] = k.factsOf(sources)
				sum(sources)
				continue
			}
			var err error
			if backups, err = from.Page(ctx, p); err != nil {
				return nil, err
			}
		} else {
			for j := range backups {
				k.total += backups[j].Size
			}
		}
		k.facts[i] = k.factsIn(backups)
		sum(registry.Tallies(backups))
	}
	return k, k.hold(ctx, from)
}

// shrunk returns the backups before the newest ones of their rows, where those hold everything and are suspiciously small.
func shrunk(all map[string]registry.Tally) map[string]bool {
	larger := map[string]bool{}
	for _, t := range all {
		last := map[bool]registry.Shape{} // by whether the server is known
		for _, s := range t.Shapes {
			last[s.Unknown] = s
		}
		for _, s := range last {
			if s.Before != nil && overview.HasShrunk(*s.Before, s.Size) {
				larger[s.BeforeID] = true
			}
		}
	}
	return larger
}

// losses returns the backups that are the first of their row of late in which some table lost rows, and those before them with when
// they were made. Only the first counts, so that a table that is emptied each night does not keep every night's backup; tables without a
// name are one.
func losses(all map[string]registry.Tally, now time.Time) (lost map[string]bool, before map[string]time.Time) {
	lost, before = map[string]bool{}, map[string]time.Time{}
	for _, t := range all {
		for _, r := range t.Rows {
			seen := map[uint32]bool{}
			for _, l := range r.Lost {
				if !retention.Lately(l.At, now) {
					continue
				}
				for _, table := range l.Tables {
					if !seen[table] {
						seen[table], lost[l.ID] = true, true
					}
				}
				if lost[l.ID] && l.At.After(before[l.Before]) {
					before[l.Before] = l.At
				}
			}
		}
	}
	return lost, before
}

func (k *keeping) row(r registry.Row) rowName {
	n, known := k.rows[r]
	if !known {
		n = rowName{strconv.Itoa(len(k.rows)), DescribeRow(r)}
		k.rows[r] = n
	}
	return n
}

func (k *keeping) factsOf(sources []registry.Tally) facts {
	out := facts{}
	for _, t := range sources {
		for _, r := range t.Rows {
			out.add(k.row(r.Row(t.Source)).key, retention.Facts{Succeeded: r.Succeeded, Dated: r.Succeeded, Verified: r.Verified, LastVerified: r.LastVerified, Proven: r.Proven, LastProven: r.LastProven,
				FullyProven: r.FullyProven, LastFully: r.LastFully, Finished: r.Finished})
		}
	}
	return out
}

func (k *keeping) factsIn(backups []Backup) facts {
	out := facts{}
	for i := range backups {
		b := &backups[i]
		var f retention.Facts
		switch b.Status {
		case registry.Success:
			f.Succeeded, f.Finished = 1, 1
			if b.CreatedAt.IsZero() || b.CreatedAt.After(k.now) {
				break
			}
			if f.Dated = 1; b.Verified() {
				f.Verified, f.LastVerified = 1, b.CreatedAt
				if proven, inPart := provenWhole(b); proven {
					f.Proven, f.LastProven = 1, b.CreatedAt
					if !inPart {
						f.FullyProven, f.LastFully = 1, b.CreatedAt
					}
				}
			}
		case registry.Failed:
			f.Finished = 1
		}
		out.add(k.row(b.Row()).key, f)
	}
	return out
}

// provenWhole reports whether a backup holds everything and was found good by a proof, and whether by one in part.
func provenWhole(b *Backup) (proven, inPart bool) {
	v, ok := b.Proven()
	return ok && b.Whole(), v.InPart()
}

func (f facts) add(row string, more retention.Facts) {
	is := f[row]
	is.Succeeded += more.Succeeded
	is.Dated += more.Dated
	is.Verified += more.Verified
	is.Finished += more.Finished
	is.Proven += more.Proven
	if more.LastProven.After(is.LastProven) {
		is.LastProven = more.LastProven
	}
	is.FullyProven += more.FullyProven
	if more.LastFully.After(is.LastFully) {
		is.LastFully = more.LastFully
	}
	if more.LastVerified.After(is.LastVerified) {
		is.LastVerified = more.LastVerified
	}
	f[row] = is
}

// around sums up what is beside part i.
func (k *keeping) around(i int) retention.Around {
	newer, older := facts{}, facts{}
	for j, f := range k.facts {
		for row, is := range f {
			if j < i {
				older.add(row, is)
			} else if j > i {
				newer.add(row, is)
			}
		}
	}
	a := retention.Around{Newer: newer, Older: older, Held: k.held}
	if k.sized {
		a.Sized, a.Stays = true, k.stays
		for j := range k.free {
			a.Free += k.free[j]
			if j < i {
				a.OlderFree += k.free[j]
				a.OlderHeld += k.alone[j]
			}
		}
	}
	return a
}

// decide decides about the backups of part i. As long as size has not been called no size removes anything, where there are pages.
func (k *keeping) decide(i int, backups []Backup) []retention.Decision {
	a := k.around(i)
	a.Sized = a.Sized || len(k.parts) > 1
	return retention.DecideWithin(k.now, k.items(slices.Values(backups)), k.policy, a)
}

// oversized reports whether size may remove something.
func (k *keeping) oversized() bool {
	return k.policy.MaxTotalBytes > 0 && k.total > k.policy.MaxTotalBytes && len(k.parts) > 1
}

// size finds out what the other rules leave, which takes reading everything.
func (k *keeping) size(ctx context.Context, from reader) error {
	if k.sized || !k.oversized() {
		return nil
	}
	stays, free, alone := int64(0), make([]int64, len(k.parts)), make([]int64, len(k.parts))
	for i, part := range k.parts {
		backups, err := part.Backups, error(nil)
		if part.Page != nil && backups == nil {
			if backups, err = from.Page(ctx, part.Page); err != nil {
				return err
			}
		}
		for _, d := range k.decide(i, backups) {
			if d.Remove {
				continue
			}
			stays += max(d.Item.Size, 0)
			switch {
			case d.Removable():
				free[i] += max(d.Item.Size, 0)
			case d.Held():
				alone[i] += max(d.Item.Size, 0)
			}
		}
	}
	k.stays, k.free, k.alone, k.sized = stays, free, alone, true
	return nil
}

func (k *keeping) items(backups iter.Seq[Backup]) (out []retention.Item) {
	for b := range backups {
		row := k.row(b.Row())
		proven, inPart := provenWhole(&b)
		out = append(out, retention.Item{ID: b.ID, Row: row.key, RowName: row.name, CreatedAt: b.CreatedAt, Status: retention.Status(b.Status), Verified: b.Verified(), Proven: proven, InPart: inPart, Size: b.Size,
			Source: b.SourceName(), Labels: b.Labels, Locked: b.Pin.Holds(k.now), LockedUntil: b.Pin.Ends(), LockedBecause: b.Pin.Describe(), ObjectLocked: b.ObjectLock.Holds(k.now), ObjectUntil: b.ObjectLock.Ends(), ObjectLock: b.ObjectLock.Describe(), BeforeShrunk: k.larger[b.ID], LostRows: k.lost[b.ID], BeforeLost: k.beforeLost[b.ID]})
	}
	return out
}
