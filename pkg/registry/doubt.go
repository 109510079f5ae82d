package registry

import (
	"fmt"
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
)

// What a record can say at most. Whoever may write to the bucket may write any number; sums and comparisons go by those that
// can be.
const (
	maxSize         = 64 << 40 // bytes; more than a storage service takes as one object
	maxUncompressed = 1 << 50  // bytes
	maxDuration     = 400 * 24 * int64(time.Hour/time.Millisecond)
	maxAttempt      = 1000
	firstYear       = 1970
	lastYear        = 2199
	yearsLater      = 1000 // more than anybody keeps a backup for
	maxDatabase     = 256  // bytes; PostgreSQL as it comes takes 63
	maxLease        = 30 * 24 * int64(time.Hour/time.Millisecond)
)

// doubt zeroes the figures of a record that cannot be, so that they count in no sum, takes names that cannot be away, and marks a successful backup as damaged
// for them. Nothing takes that back: see [Verification.refutes].
func (b *Backup) doubt() {
	var problems []Problem
	wrong := func(format string, args ...any) {
		problems = append(problems, Problem{Reason: fault.StructureDamaged, Detail: "its record says " + fmt.Sprintf(format, args...) + ", which cannot be"})
	}
	if b.Size < 0 || b.Size > maxSize {
		wrong("that it has %d bytes", b.Size)
		b.Size = 0
	}
	if b.UncompressedSize < 0 || b.UncompressedSize > maxUncompressed {
		wrong("that it had %d bytes before compression", b.UncompressedSize)
		b.UncompressedSize = 0
	}
	if b.Duration < 0 || b.Duration > maxDuration {
		wrong("that it took %d ms", b.Duration)
		b.Duration = 0
	}
	if b.Attempt < 0 || b.Attempt > maxAttempt {
		wrong("that it took %d attempts", b.Attempt)
		b.Attempt = 0
	}
	said := b.CreatedAt
	b.CreatedAt = writable(said) // what is said of it is of that, so that another reading says no more
	if y := b.CreatedAt.UTC().Year(); y > lastYear || y < firstYear && !said.IsZero() {
		wrong("that it was made on %s", b.CreatedAt.UTC().Format(time.DateOnly))
	}
	if b.Source != "" && source.CheckName(b.Source) != nil {
		wrong("that it is of the source %.80q", b.Source)
		b.Source = ""
	}
	if len(b.Database) > maxDatabase {
		wrong("that it is of the database %.80q", b.Database)
		b.Database = fault.Shorten(b.Database, maxDatabase)
	}
	if b.Contents != nil && !b.Contents.believable() {
		b.Contents = nil
	}
	if b.Globals != nil && !b.Globals.believable() {
		b.Globals = nil
	}
	if p := b.Pin; p != nil {
		b.Pin = &Pin{At: writable(p.At), By: p.By, Until: writable(p.Until), Reason: p.Reason}
	}
	b.believable()
	if len(problems) == 0 || b.Status != Success {
		return
	}
	var known []Problem // by an earlier reading, which zeroed them
	for _, v := range b.Proofs() {
		if v.lasting() && v.Level == LevelStream {
			known = v.Problems
		}
	}
	for _, p := range problems {
		if !slices.Contains(known, p) {
			known = append(known[:len(known):len(known)], p)
		}
	}
	b.addVerifications(Verification{Level: LevelStream, Problems: known})
}

// writable is a time that can be written in every time zone, and with as many years as anybody adds to it or takes from it, such as those that a backup is kept for:
// what has no year of four digits cannot be, and whoever lists it fails. A year that is too early for that is no time.
func writable(t time.Time) time.Time {
	switch y := t.UTC().Year(); {
	case y < yearsLater:
		return time.Time{}
	case y >= 9999-yearsLater:
		return time.Date(9999-yearsLater, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// believable makes sure of every look that is on record.
func (b *Backup) believable() {
	if b.Verification != nil {
		v := b.Verification.believable()
		b.Verification = &v
	}
	b.Verifications = b.Verifications[:min(len(b.Verifications), maxVerifications)]
	if b.repeats() {
		b.addVerifications()
	}
	for i := range b.Verifications {
		b.Verifications[i] = b.Verifications[i].believable()
	}
}

// repeats reports whether several looks of one level and outcome are on record, of which only the newest says anything.
func (b *Backup) repeats() bool {
	for i, v := range b.Verifications {
		for _, o := range b.Verifications[:i] {
			if v.Level == o.Level && v.OK == o.OK {
				return true
			}
		}
	}
	return false
}

// believable returns the look as one that can be shown and compared: a bad one names a problem, and one dated in a year that
// is far off is bad, and older than all others.
func (v Verification) believable() Verification {
	wrong := func(detail string) {
		v.OK, v.At = false, time.Unix(0, 0).UTC()
		v.Problems = append(v.Problems[:len(v.Problems):len(v.Problems)], Problem{Reason: fault.StructureDamaged, Detail: detail})
	}
	v.At = writable(v.At)
	switch {
	case v.At.Year() > lastYear:
		wrong(fmt.Sprintf("its validation is dated %s, which cannot be", v.At.UTC().Format(time.DateOnly)))
	case !v.OK && len(v.Problems) == 0:
		at := v.At
		wrong("a validation found it damaged, and its record does not say in what way")
		if !at.IsZero() {
			v.At = at
		}
	}
	return v
}

// Problem returns the first thing that was found wrong.
func (v Verification) Problem() Problem {
	if len(v.Problems) == 0 {
		return Problem{Reason: fault.StructureDamaged, Detail: "what was found is not known"}
	}
	return v.Problems[0]
}

// lease returns how long the holder may be silent, in whatever the intent says.
func (in *Intent) lease() time.Duration {
	return lasting(in.LeaseMS)
}
