package registry

import (
	"cmp"
	"slices"
	"time"

	"cofre/pkg/fault"
)

// Verification levels, weakest first.
const (
	// LevelStream: checked while it flowed by: pg_dump's exit status, the archive's structure to its end, and
	// the service's checksum of what it stored against what was sent.
	LevelStream = "stream"
	// LevelChecksum: read back whole and hashed, but not looked into: it is encrypted and no key was given.
	LevelChecksum = "checksum"
	// LevelFull: read back whole: size, SHA-256, service checksum, every block decompressed.
	LevelFull = "full"
	// LevelRestoredInPart: restored into a database, but for something that was left out on request or failed.
	LevelRestoredInPart = "restored_in_part"
	// LevelRestored: restored into a database.
	LevelRestored = "restored"
	// LevelProvenInPart: what was restored was compared and agrees, but something was left out or could not be compared.
	LevelProvenInPart = "proven_in_part"
	// LevelProven: restored into a database of its own, and all that came out compared with what was counted when it was made.
	LevelProven = "proven"
)

// levels orders the levels, weakest first. One that is not known is weaker than all.
var levels = []string{LevelStream, LevelChecksum, LevelFull, LevelRestoredInPart, LevelRestored, LevelProvenInPart, LevelProven}

// Verification is one look at a backup: a proof that it is good, or that it is not.
type Verification struct {
	OK       bool      `json:"ok"`
	Level    string    `json:"level"`
	At       time.Time `json:"at"`
	Problems Problems  `json:"problems,omitempty"`
	// Proof is what a proof compared; nil for all other levels.
	Proof *Proof `json:"proof,omitempty"`
}

// Proof says what was compared after a restore, how long that restore took, and with what.
type Proof struct {
	Tables       int   `json:"tables"`
	Rows         int64 `json:"rows"`
	OfRows       int64 `json:"ofRows,omitempty"` // that the backup holds, where a sample was compared; 0 where all were
	Sequences    int   `json:"sequences"`
	LargeObjects int64 `json:"largeObjects"`
	Definitions  int   `json:"definitions"` // 0 where they could not be compared
	Checks       int   `json:"checks"`      // of the user's own, whose answer was the one expected
	// Asked is what became of the user's checks, in their order: at most MaxAsked of AskedCount, as KeepAsked chooses.
	Asked      Asked `json:"asked,omitempty"`
	AskedCount int   `json:"askedCount,omitempty"`
	// Restore is how long the restore took, in milliseconds: what a recovery takes, with this machine and this much data.
	Restore int64  `json:"restore"`
	Server  string `json:"server"` // version that it was restored into: 18.6
	// Target is whose server that was; "" for one of its own.
	Target string `json:"target,omitempty"`
	Tool   string `json:"tool"` // pg_restore 18.6
	// Isolated reports that the server reached no network.
	Isolated bool `json:"isolated"`
	// Computed reports that what it was compared with was not counted when the backup was made, but afterwards, in the backup.
	Computed bool `json:"computed,omitempty"`
	// Without is what was left out or could not be compared, and why; the first few of LeftOut.
	Without LeftOut `json:"without,omitempty"`
	LeftOut int     `json:"leftOut,omitempty"`
}

// What became of a check of the user's own.
const (
	CheckPassed     = "passed"     // it gave what was expected
	CheckFailed     = "failed"     // it gave something else, which is a problem of the proof
	CheckUnanswered = "unanswered" // the server could not answer it, which says nothing about the backup
	CheckNotAsked   = "not_asked"  // only a sample was restored
)

// CheckResult is what became of one check.
type CheckResult struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"`
	Expect  string  `json:"expect"`
	Value   *string `json:"value,omitempty"` // that it gave; nil is none. Cut where it is long
}

// MaxAsked bounds the checks of a proof that are on record.
const MaxAsked = 20

// KeepAsked returns those results that are put on record: all that passed make room for those that did not.
func KeepAsked(all []CheckResult) Asked {
	keep := slices.Clone(all)
	for i := len(keep) - 1; i >= 0 && len(keep) > MaxAsked; i-- {
		if keep[i].Outcome == CheckPassed {
			keep = slices.Delete(keep, i, i+1)
		}
	}
	return keep[:min(len(keep), MaxAsked)]
}

// LastAsked returns the newest proof or restored script of which checks are on record, nil where there is none.
func (b *Backup) LastAsked() *Proof {
	var last Verification
	for _, v := range b.Proofs() {
		if v.Proof != nil && len(v.Proof.Asked) > 0 && v.At.After(last.At) {
			last = v
		}
	}
	return last.Proof
}

// Problem is one thing that a verification found wrong.
type Problem struct {
	Reason fault.Reason `json:"reason"`
	Detail string       `json:"detail"`
}

func (v Verification) rank() int { return slices.Index(levels, v.Level) }

// lasting reports whether v is damage of the record itself; see [Backup.doubt].
func (v Verification) lasting() bool { return !v.OK && v.At.IsZero() }

// refutes tells whether a good v, made later and looking at least as closely, takes back what a bad one found: a failure of
// reading passes, and tags are mended. Damage of the record itself stays.
func (v Verification) refutes(bad Verification) bool {
	return v.OK && !bad.OK && !bad.lasting() && v.At.After(bad.At) && v.rank() >= bad.rank()
}

// Proofs returns what is known of the backup: the newest verification of each level, good or bad, strongest first.
func (b Backup) Proofs() []Verification {
	if len(b.Verifications) == 0 && b.Verification != nil {
		return []Verification{*b.Verification}
	}
	return b.Verifications
}

// addVerifications adds looks to what is known. Of each level the newest good one stays, and the newest bad one unless a later
// one took it back, so that the list is short and a weaker look never hides a stronger one.
func (b *Backup) addVerifications(more ...Verification) {
	var keep []Verification
	all := slices.Concat(b.Proofs(), more)
	for i, v := range all {
		gone := slices.ContainsFunc(all, func(o Verification) bool { return o.refutes(v) })
		for j, o := range all {
			gone = gone || o.Level == v.Level && o.OK == v.OK && (o.At.After(v.At) && !v.lasting() || o.At.Equal(v.At) && j > i)
		}
		if !gone {
			keep = append(keep, v)
		}
	}
	slices.SortStableFunc(keep, func(a, b Verification) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), b.At.Compare(a.At))
	})
	b.setVerifications(keep)
}

// setVerifications sets the list, which is sorted, and its summary.
func (b *Backup) setVerifications(list []Verification) {
	b.Verifications, b.Verification = nil, nil
	if len(list) == 0 {
		return
	}
	first := list[0]
	if i := slices.IndexFunc(list, func(v Verification) bool { return !v.OK }); i >= 0 {
		first = list[i]
	}
	b.Verification = &first
	if len(list) > 1 {
		b.Verifications = list
	}
}

// Verified tells whether the backup is one to rely on: successful, and not known to be damaged.
func (b Backup) Verified() bool {
	return b.Status == Success && b.Verification != nil && b.Verification.OK
}

// Proven returns the strongest proof that found a verified backup good, one of everything before one in part; ok reports whether there is one.
func (b *Backup) Proven() (v Verification, ok bool) {
	if !b.Verified() {
		return v, false
	}
	return b.proof(true)
}

// InPart reports whether something was left out of a restore or a proof, or could not be compared.
func (v Verification) InPart() bool {
	return v.Level == LevelProvenInPart || v.Level == LevelRestoredInPart
}

// Rungs of the ladder: how far a backup was looked into. That it is stored is the first, and needs no look.
const (
	RungStored = iota
	RungChecked
	RungRead
	RungRestored
	RungProven
	rungs
)

// rung returns the rung of a level; RungStored for one that is not known.
func (v Verification) rung() int {
	switch v.Level {
	case LevelStream:
		return RungChecked
	case LevelChecksum, LevelFull:
		return RungRead
	case LevelRestored, LevelRestoredInPart:
		return RungRestored
	case LevelProven, LevelProvenInPart:
		return RungProven
	}
	return RungStored
}

// Ladder returns for each rung what is known: the look that found the backup bad, or else the strongest that found it good; nil where there was
// none, and for RungStored. What was proven good was restored for that.
func (b *Backup) Ladder() []*Verification {
	ladder, known := make([]*Verification, rungs), b.Proofs()
	for i := range known { // the strongest first
		v := &known[i]
		if at := &ladder[v.rung()]; v.rung() != RungStored && (*at == nil || (*at).OK && !v.OK) {
			*at = v
		}
	}
	restored, proven := ladder[RungRestored], ladder[RungProven]
	if proven != nil && proven.OK && (restored == nil || restored.OK && restored.InPart() && !proven.InPart()) {
		v := *proven
		v.Level = LevelRestored
		if proven.InPart() {
			v.Level = LevelRestoredInPart
		}
		ladder[RungRestored] = &v
	}
	return ladder
}

// Why a backup can never be proven.
const (
	UnprovableScript = "script" // it is an SQL script, which only its own roles can execute
	UnprovableRows   = "rows"   // it holds rows without the tables that they belong to
)

// Unprovable returns why a backup can never be proven, whatever the machine; "" where it can be.
func (b *Backup) Unprovable() string {
	switch {
	case b.Format == formatPlain:
		return UnprovableScript
	case b.content() == ContentData:
		return UnprovableRows
	}
	return ""
}

// formatPlain is the format of an SQL script; see [Backup.Format].
const formatPlain = "plain"

// Disproven returns a proof that found the backup bad and that none took back; ok reports whether there is one.
func (b *Backup) Disproven() (v Verification, ok bool) {
	if b.Status != Success {
		return v, false
	}
	return b.proof(false)
}

func (b *Backup) proof(good bool) (Verification, bool) {
	known := b.Proofs()
	i := slices.IndexFunc(known, func(v Verification) bool {
		return v.OK == good && (v.Level == LevelProven || v.Level == LevelProvenInPart)
	})
	if i < 0 {
		return Verification{}, false
	}
	return known[i], true
}

// Damaged tells whether a verification found the object wrong and none took that back.
func (b Backup) Damaged() bool {
	return b.Status == Success && b.Verification != nil && !b.Verification.OK
}
