// Package retention decides which backups to keep and which to remove, and says why.
//
// [Decide] is pure: the clock, the backups and the policy are its arguments, and it removes nothing. A dry run and a
// real run that get the same arguments get the same decisions, in the same order.
//
// # Rules
//
// A backup is protected, whatever the policy, when it is
//
//   - locked: somebody pinned it, or the storage lets nobody remove it yet;
//   - running, or in a state that this package does not know: its own run will settle it;
//   - its row's newest verified backup: the one to restore from on the worst day. While a row has no
//     verified backup, its newest successful one takes that place. Backups dated in the future do not take it;
//   - the newest verified one of its row that was proven, by restoring it and comparing what came out: newer ones are not known to
//     come back. Where that proof was one in part, so is the newest of which nothing was left out, besides. Where a row has none,
//     nothing takes that place;
//   - the last one before its row's newest, which is suspiciously small: what was lost may be in it, and a warning
//     asks somebody to look;
//   - the first in which a table had lost more rows than it may, and the one before it that has them, for LossDays: whoever reads the
//     warning weeks later finds the rows;
//   - dated in the future, or not dated: a clock is wrong somewhere, and no age can be told.
//
// A row is the backups that stand in for each other: of one source, and of the same part of it. So a newer backup of
// definitions only never takes the place of one that holds everything, and a limit on the number of one kind never
// pushes out another.
//
// Of the rest, [Keepers] hold what they say, so that neither age nor number removes it. Then, in this order:
//
//   - KeepDays removes what is older than so many days of 24 hours. A failed backup stays while nothing that finished
//     came after it in its row, so that a list still shows what went wrong last;
//   - MaxBackups keeps the newest so many successful backups of each row. A protected one among them takes a
//     place; older protected ones stay besides;
//   - MaxTotalBytes removes the oldest first until the rest fits, those that no keeper holds before those that keepers alone hold. The
//     total is over all rows and counts protected backups, so that it may be impossible to reach.
//
// A limit of zero is off, and a policy of zeros keeps everything. Negative limits are off too: a mistake in a setting
// must not remove anything.
package retention

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cofre/pkg/source"
)

// Status is how far a backup got.
type Status string

// The states. Anything else is treated as running: left alone.
const (
	Success    Status = "success"
	Failed     Status = "failed"
	InProgress Status = "in_progress"
)

// Item is one backup, as far as keeping it is concerned.
type Item struct {
	ID            string
	Row           string // identifies the row
	RowName       string // the row for people: source "shop", definitions only
	CreatedAt     time.Time
	Status        Status
	Verified      bool  // what is stored was read back, or followed to its end when it was made
	Proven        bool  // verified, and a proof found it good, in part or not; of rows that hold everything
	InPart        bool  // that proof left something out
	Size          int64 // stored, in bytes
	Locked        bool
	LockedBecause string            // for people: pinned until when, by whom and why
	LockedUntil   time.Time         `json:"-"` // when that is over; zero: never
	ObjectLocked  bool              // the storage lets nobody remove it
	ObjectUntil   time.Time         `json:"-"` // when that is over; zero: never
	ObjectLock    string            // for people: until when, and how firmly
	Source        string            // whose policy counts; see [Policy.Sources]
	Labels        map[string]string // what people gave it
	// BeforeShrunk: the newest of its row is so much smaller that somebody is asked to look whether data was lost.
	BeforeShrunk bool
	// LostRows: it is the first of the last LossDays in which some table had lost more rows than it may.
	LostRows bool
	// BeforeLost is when the last such one was made that was compared with it; zero where there is none.
	BeforeLost time.Time
}

// LossDays is for how many days a backup that lost rows is kept whatever the policy.
const LossDays = 30

// Lately reports whether t is within LossDays before now.
func Lately(t, now time.Time) bool { return !t.After(now) && now.Sub(t) < LossDays*24*time.Hour }

func (it Item) proven() bool { return it.Status == Success && it.Verified && it.Proven }

func (it Item) name() string { return cmp.Or(it.RowName, it.Row) }

// Policy is how much to keep. The zero value keeps everything.
type Policy struct {
	KeepDays      int   // remove what is older, in days of 24 hours
	MaxBackups    int   // keep so many successful backups of each row
	MaxTotalBytes int64 // keep so many bytes in all
	// AnyAge takes a KeepDays of 0 by its word instead of as "off": whatever is not protected is too old. It is for
	// somebody who asks for just that, never for a setting.
	AnyAge bool
	Keep   Keepers `json:",omitzero"` // hold what age and number would remove
	// Sources are policies of sources of their own, by [source.Settings.RuleKey], instead of this one. Their MaxTotalBytes do not count.
	Sources map[string]Policy `json:",omitempty"`
}

// Of returns the policy of a source.
func (p Policy) Of(name string) Policy {
	if own, ok := source.RuleOf(p.Sources, name); ok {
		return own
	}
	return p
}

func (p Policy) byAge() bool { return p.KeepDays > 0 || p.KeepDays == 0 && p.AnyAge }

func (p Policy) empty() bool {
	for _, own := range p.Sources {
		if !own.empty() {
			return false
		}
	}
	return !p.byAge() && p.MaxBackups <= 0 && p.MaxTotalBytes <= 0 && p.Keep.Empty()
}

// Code is a reason that programs may switch on. Codes are stable.
type Code string

// Reasons to keep.
const (
	KeepLocked         Code = "locked"
	KeepObjectLocked   Code = "object_locked"
	KeepRunning        Code = "running"
	KeepNewestVerified Code = "newest_verified"       // of its row
	KeepNewestProven   Code = "newest_proven"         // of its row, with nothing left out
	KeepProvenInPart   Code = "newest_proven_in_part" // of its row, and none that was proven is newer
	KeepNewestSuccess  Code = "newest_success"        // of its row, which has no verified one
	KeepBeforeShrunk   Code = "before_shrunk"         // the newest of its row is suspiciously small
	KeepLostRows       Code = "lost_rows"             // tables in it lost rows, lately
	KeepBeforeLost     Code = "before_lost"           // tables in the one behind it lost rows
	KeepFuture         Code = "future"                // dated later than now
	KeepUndated        Code = "undated"
	KeepNewestFailure  Code = "newest_failure" // nothing finished after it in its row
	KeepLast           Code = "last"           // of its row, by [Keepers]; so are the following
	KeepWithin         Code = "within"
	KeepHourly         Code = "hourly"
	KeepDaily          Code = "daily"
	KeepWeekly         Code = "weekly"
	KeepMonthly        Code = "monthly"
	KeepYearly         Code = "yearly"
	KeepLabel          Code = "label"
	KeepNoPolicy       Code = "no_policy"
	KeepWithinLimits   Code = "within_limits"
)

// Reasons to remove.
const (
	RemoveExpired       Code = "expired"        // older than KeepDays
	RemoveFailedExpired Code = "failed_expired" // a failure older than KeepDays
	RemoveOverCount     Code = "over_count"     // beyond MaxBackups
	RemoveOverSize      Code = "over_size"      // beyond MaxTotalBytes
	RemoveByThen        Code = "by_then"        // in a forecast: see [Forecast]
)

// Reason is a code and its meaning in plain words.
type Reason struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
	// Nth and Of count what a keeper holds, the newest first, and Period is the period: 2026-11-28T14Z, 2026-11-28, 2026-W48, 2026-11, 2026.
	Nth    int    `json:"nth,omitempty"`
	Of     int    `json:"of,omitempty"`
	Period string `json:"period,omitempty"`
}

// keeper reports whether it is a reason of [Keepers].
func (r Reason) keeper() bool {
	switch r.Code {
	case KeepLast, KeepWithin, KeepHourly, KeepDaily, KeepWeekly, KeepMonthly, KeepYearly, KeepLabel:
		return true
	}
	return false
}

// Decision is what to do with one backup.
type Decision struct {
	Item    Item     `json:"item"`
	Remove  bool     `json:"remove"`
	Reasons []Reason `json:"reasons"` // at least one
}

// Removable reports whether the item is kept only because no limit is exceeded.
func (d Decision) Removable() bool {
	return !d.Remove && (d.Reasons[0].Code == KeepWithinLimits || d.Reasons[0].Code == KeepNoPolicy)
}

// Held reports whether nothing but keepers keeps the item: size may remove it, after all that is removable.
func (d Decision) Held() bool { return !d.Remove && d.heldAlone() }

// heldAlone: reasons to protect come first.
func (d Decision) heldAlone() bool { return len(d.Reasons) > 0 && d.Reasons[0].keeper() }

// Decide gives a decision for every item, the oldest first, and by id among those of the same time. Neither items nor
// their order in the slice are changed; the order of items makes no difference.
func Decide(now time.Time, items []Item, p Policy) []Decision {
	return DecideWithin(now, items, p, Around{})
}

// Around sums up the items beside a window of them: all that is newer than everything in it, and all that is older, by row.
type Around struct {
	Newer, Older map[string]Facts
	// Held is what [Reach] found of all items, by row; nil where the window is all there is.
	Held map[string]map[int64][]Reason
	// Stays is the bytes of all items, the window's too, that neither age nor number removes. Of those, Free is what size may remove first,
	// and OlderFree and OlderHeld are the bytes of the older items that it may remove first, and then. They count where Sized is set, and the
	// window is taken for all there is where it is not.
	Stays, Free, OlderFree, OlderHeld int64
	Sized                             bool
}

// Facts are what one row has beside a window.
type Facts struct {
	Succeeded    int
	Dated        int       // succeeded, dated, and not in the future
	Verified     int       // of the dated ones
	LastVerified time.Time // the newest one's date
	Proven       int       // of the verified ones, in part or not
	LastProven   time.Time
	FullyProven  int // of these
	LastFully    time.Time
	Finished     int // whatever became of them
}

// DecideWithin is Decide for some of the items, which follow on each other. It decides as Decide does with all of them, without
// having them.
func DecideWithin(now time.Time, items []Item, p Policy, a Around) []Decision {
	d := &decider{now: now, policy: p, around: a, ds: make([]Decision, len(items))}
	for i, it := range items {
		d.ds[i].Item = it
	}
	slices.SortStableFunc(d.ds, func(a, b Decision) int {
		return cmp.Or(a.Item.CreatedAt.Compare(b.Item.CreatedAt), cmp.Compare(a.Item.ID, b.Item.ID))
	})
	d.policies = make([]Policy, len(d.ds))
	for i := range d.ds {
		d.policies[i] = p.Of(d.ds[i].Item.Source)
	}
	d.protect()
	if !p.empty() {
		d.hold()
		d.byAge()
		d.byCount()
		d.bySize()
	}
	for i := range d.ds {
		if len(d.ds[i].Reasons) > 0 {
			continue
		}
		if p.empty() {
			d.because(i, KeepNoPolicy, "there is no policy, so everything is kept")
		} else {
			d.because(i, KeepWithinLimits, "no limit of the policy is exceeded")
		}
	}
	return d.ds
}

// decider works on decisions in order of time, so that the newest is the last.
type decider struct {
	now    time.Time
	policy Policy
	around Around
	ds     []Decision
	// policies are the items' own, and verified the rows that have a verified backup.
	policies []Policy
	verified map[string]bool
}

func (d *decider) because(i int, c Code, format string, args ...any) {
	d.ds[i].Reasons = append(d.ds[i].Reasons, Reason{Code: c, Text: fmt.Sprintf(format, args...)})
}

// remove marks a backup. Those that have a reason to be kept never get here.
func (d *decider) remove(i int, c Code, format string, args ...any) {
	d.ds[i].Remove = true
	d.because(i, c, format, args...)
}

func (d *decider) kept(i int) bool { return len(d.ds[i].Reasons) > 0 && !d.ds[i].Remove }

// protect gives reasons to keep, all that apply.
func (d *decider) protect() {
	verified, found := map[string]bool{}, map[string]bool{}
	proven, fully := map[string]bool{}, map[string]bool{}
	for _, x := range d.ds {
		if x.Item.Status == Success && x.Item.Verified && d.dated(x.Item) {
			verified[x.Item.Row] = true
		}
	}
	for _, beside := range []map[string]Facts{d.around.Newer, d.around.Older} {
		for row, f := range beside {
			verified[row] = verified[row] || f.Verified > 0
		}
	}
	d.verified = verified
	for row, f := range d.around.Newer {
		found[row] = f.Verified > 0 || f.Dated > 0 && !verified[row]
		proven[row], fully[row] = f.Proven > 0, f.FullyProven > 0
	}
	for i := len(d.ds) - 1; i >= 0; i-- { // the newest first
		it := d.ds[i].Item
		if it.Locked && holds(it.LockedUntil, d.now) {
			d.because(i, KeepLocked, "it is %s", cmp.Or(it.LockedBecause, "locked"))
		}
		if it.ObjectLocked && holds(it.ObjectUntil, d.now) {
			d.because(i, KeepObjectLocked, "it is %s", it.ObjectLock)
		}
		if it.Status != Success && it.Status != Failed {
			d.because(i, KeepRunning, "it is not finished (%s)", it.Status)
		}
		if it.BeforeShrunk {
			d.because(i, KeepBeforeShrunk, "the newest backup of %s is half as large or less: look whether data was lost", it.name())
		}
		if it.LostRows && Lately(it.CreatedAt, d.now) {
			d.because(i, KeepLostRows, "tables in it had lost rows: kept until %s, to look at", stamp(it.CreatedAt.Add(LossDays*24*time.Hour)))
		}
		if Lately(it.BeforeLost, d.now) {
			d.because(i, KeepBeforeLost, "it has the rows that tables had lost in the backup of %s: kept until %s", stamp(it.BeforeLost), stamp(it.BeforeLost.Add(LossDays*24*time.Hour)))
		}
		switch {
		case it.CreatedAt.IsZero():
			d.because(i, KeepUndated, "it has no date")
		case it.CreatedAt.After(d.now):
			d.because(i, KeepFuture, "it is dated %s, which is in the future: check the clocks", stamp(it.CreatedAt))
		}
		if it.Status == Success && d.dated(it) && (!found[it.Row] || d.late(it)) && (it.Verified || !verified[it.Row]) {
			found[it.Row] = true
			if it.Verified {
				d.because(i, KeepNewestVerified, "it is the newest verified backup of %s", it.name())
			} else {
				d.because(i, KeepNewestSuccess, "it is the newest backup of %s, which has no verified one", it.name())
			}
		}
		switch f := d.around.Newer[it.Row]; {
		case !it.proven() || !d.dated(it):
		case !it.InPart && (!fully[it.Row] || f.FullyProven > 0 && it.CreatedAt.After(f.LastFully)): // as late
			fully[it.Row], proven[it.Row] = true, true
			d.because(i, KeepNewestProven, "it is the newest backup of %s that was proven by restoring it", it.name())
		case it.InPart && (!proven[it.Row] || f.Proven > 0 && it.CreatedAt.After(f.LastProven)):
			proven[it.Row] = true
			d.because(i, KeepProvenInPart, "it is the newest backup of %s that was proven by restoring it, though in part", it.name())
		}
	}
}

// holds tells whether something that ends then, or never, holds now.
func holds(until, now time.Time) bool { return until.IsZero() || now.Before(until) }

// late tells whether an item is verified and newer by its date than what is newer by its place: a clock was wrong.
func (d *decider) late(it Item) bool {
	f := d.around.Newer[it.Row]
	return it.Verified && f.Verified > 0 && it.CreatedAt.After(f.LastVerified)
}

// dated tells whether an item's age can be told.
func (d *decider) dated(it Item) bool { return !it.CreatedAt.IsZero() && !it.CreatedAt.After(d.now) }

// byAge applies KeepDays.
func (d *decider) byAge() {
	settled := map[string]bool{} // rows where something newer tells more than a failure
	for row, f := range d.around.Newer {
		settled[row] = f.Finished > 0
	}
	for i := len(d.ds) - 1; i >= 0; i-- {
		it := d.ds[i].Item
		newest := !settled[it.Row]
		if it.Status == Success || it.Status == Failed {
			settled[it.Row] = true
		}
		p := d.policies[i]
		if d.kept(i) || !p.byAge() || !d.older(p, it.CreatedAt) {
			continue
		}
		switch {
		case it.Status == Success:
			d.remove(i, RemoveExpired, "it is older than %s (made %s)", days(p.KeepDays), stamp(it.CreatedAt))
		case newest:
			d.because(i, KeepNewestFailure, "it is the last that happened to %s", it.name())
		default:
			d.remove(i, RemoveFailedExpired, "it failed, and is older than %s (%s)", days(p.KeepDays), stamp(it.CreatedAt))
		}
	}
}

// older tells whether t is more than KeepDays ago; with none to keep (AnyAge) everything is, also what a clock that was wrong dated into
// the future. It divides instead of multiplying: nothing overflows.
func (d *decider) older(p Policy, t time.Time) bool {
	if p.KeepDays == 0 {
		return true
	}
	seconds := d.now.Unix() - t.Unix()
	return seconds > 0 && (seconds-1)/86400 >= int64(p.KeepDays)
}

// byCount applies MaxBackups.
func (d *decider) byCount() {
	counts := map[string]int{}
	for row, f := range d.around.Newer {
		counts[row] = f.Succeeded
	}
	for i := len(d.ds) - 1; i >= 0; i-- { // the newest first
		it := d.ds[i].Item
		if it.Status != Success || d.ds[i].Remove {
			continue
		}
		counts[it.Row]++
		if most := d.policies[i].MaxBackups; most > 0 && counts[it.Row] > most && !d.kept(i) {
			newer, kept := fmt.Sprintf("%d newer ones", counts[it.Row]-1), fmt.Sprintf("the newest %d are", most)
			if counts[it.Row] == 2 {
				newer = "a newer one"
			}
			if most == 1 {
				kept = "the newest is"
			}
			d.remove(i, RemoveOverCount, "%s has %s, and %s kept", it.name(), newer, kept)
		}
	}
}

// stamp says a time in UTC, as all texts do: doors show it in their reader's zone.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
