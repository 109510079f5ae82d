// Package event says what happened to backups, for people who do not look at cofre all day: events, the filters that choose
// among them, and their words in English and Portuguese. It is pure: no clock, no storage, no network.
//
// # Two kinds
//
// Most events happen once: a backup ended, a link was made. Others begin something that lasts: a source fails, is overdue, has damaged
// backups. What lasts is a [Condition]; [State.Next] compares those that hold now with those that were told, and gives the events that
// follow: once when one begins, once for each day (of a critical one) or week that it lasts, once more when it gets worse, and one "recovered"
// when a source is well again. So an hourly backup that fails all night is one alarm and not nine, and a server that is started again tells nothing twice.
//
// # Form
//
// An event is a code with parameters, never a sentence; [Event.Say] makes a text of it in a language. The one exception is Detail, which repeats
// the public message of an error as it is on record.
package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/fault"
)

// Kind is what happened. Kinds are stable.
type Kind string

// The kinds. Those of [Lasting] begin, and may be told again; all others happen once.
const (
	BackupEnded     Kind = "backup_ended"
	BackupFailed    Kind = "backup_failed" // a source's last backups failed
	Overdue         Kind = "overdue"
	Damaged         Kind = "damaged"
	ServerChanged   Kind = "server_changed" // what is configured is another server than the source's: no backup is made
	ProofEnded      Kind = "proof_ended"    // and the backup came back as it was made
	ProofFailed     Kind = "proof_failed"   // it did not
	NotProven       Kind = "not_proven"     // proofs are expected, and there was none for long
	RestoreEnded    Kind = "restore_ended"
	RestoreFailed   Kind = "restore_failed"
	RowsLost        Kind = "rows_lost"
	Shrunk          Kind = "shrunk" // a backup is much smaller than the one before
	CleanupOdd      Kind = "cleanup_odd"
	QuotaNear       Kind = "quota_near"
	LimitNear       Kind = "limit_near" // before long backups will be larger, or take longer, than they may
	CopyLate        Kind = "copy_late"  // a second location is behind, or does not answer
	Vanished        Kind = "vanished"   // a database that is followed is not on its server any more
	LinkMade        Kind = "link_made"
	SettingsChanged Kind = "settings_changed"
	Recovered       Kind = "recovered"
	Digest          Kind = "digest" // for the channels that want one
	Test            Kind = "test"   // somebody tries a channel out
)

// Kinds are those that a channel may choose, in the order of the documents.
func Kinds() []Kind {
	return []Kind{BackupEnded, BackupFailed, Overdue, Damaged, ServerChanged, ProofEnded, ProofFailed, NotProven, RestoreEnded, RestoreFailed, RowsLost, Shrunk,
		CleanupOdd, QuotaNear, LimitNear, CopyLate, Vanished, LinkMade, SettingsChanged, Recovered}
}

// Severity is how urgent it is.
type Severity string

// The severities, mildest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Severities are all there are, mildest first.
func Severities() []Severity { return []Severity{Info, Warning, Critical} }

// AtLeast tells whether s is as urgent as other, or more. An unknown one is as mild as can be.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities(), s) >= slices.Index(Severities(), other)
}

// usual is how urgent an event is that does not say so.
var usual = map[Kind]Severity{RestoreFailed: Warning, CleanupOdd: Warning, SettingsChanged: Warning, RowsLost: Warning, Shrunk: Warning}

// Event is one thing that happened.
type Event struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"` // a ULID: ids sort by time; whoever gets an event twice knows it by its id
	Kind     Kind      `json:"kind"`
	At       time.Time `json:"at"`
	Severity Severity  `json:"severity"`
	Source   string    `json:"source,omitempty"`   // "" where it is about everything, or nobody knows
	Resource string    `json:"resource,omitempty"` // id of the backup or the restore
	By       string    `json:"by,omitempty"`       // who did it

	// Of what lasts.
	Since time.Time `json:"since,omitzero"`
	Day   int       `json:"day,omitempty"` // of its duration: 1 is the first
	// Of recovered: what is over, and how urgent that was, by which the event passes filters.
	Over []Kind   `json:"over,omitempty"`
	Was  Severity `json:"was,omitempty"`

	// Figures.
	Bytes    int64 `json:"bytes,omitempty"`    // stored, or in use
	Limit    int64 `json:"limit,omitempty"`    // bytes that are allowed
	Duration int64 `json:"duration,omitempty"` // milliseconds
	Count    int   `json:"count,omitempty"`    // failures in a row, damaged backups, tables, removed backups
	// Sources are those that it is about besides Source, where several of one followed source are ill in one way: the first of them, by name. Others are how
	// many there are behind them.
	Sources []string `json:"sources,omitempty"`
	Others  int      `json:"others,omitempty"`
	// Target is the database that was restored into, or the table that lost most.
	Target string `json:"target,omitempty"`
	// Reason and Detail are those of the error, where there was one.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Summary is a digest's.
	Summary *Summary `json:"summary,omitempty"`
}

// Summary is how it stands with everything, in figures of the digest's period.
type Summary struct {
	Period    string    `json:"period"` // daily or weekly
	Sources   int       `json:"sources"`
	Succeeded int       `json:"succeeded"`
	Failed    int       `json:"failed"` // also those that were missed
	Bytes     int64     `json:"bytes"`  // of all backups there are
	Open      []Problem `json:"open"`
	More      int       `json:"more,omitempty"` // problems beyond those of Open
}

// Problem is a condition that holds at the time of a digest.
type Problem struct {
	Kind     Kind      `json:"kind"`
	Severity Severity  `json:"severity"`
	Source   string    `json:"source,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// Bounds of what is stored, and of what is read.
const (
	MaxSize    = 32 << 10 // bytes of one event
	version    = 1
	maxText    = 1000 // bytes of a text
	maxName    = 300
	maxOpen    = 30 // problems of a digest
	maxSources = 200
	maxSource  = 63 // bytes of a name among them
)

// Ready fills in what an event has to have: an id, a time and a severity; and bounds its texts.
func (e Event) Ready(now time.Time) Event {
	e.Version = version
	if e.At.IsZero() {
		e.At = now
	}
	e.At, e.Since = e.At.UTC().Truncate(time.Millisecond), e.Since.UTC().Truncate(time.Millisecond)
	if e.ID == "" {
		e.ID = ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
	}
	if e.Severity == "" {
		e.Severity = Info
		if s, ok := usual[e.Kind]; ok {
			e.Severity = s
		}
	}
	for _, s := range []*string{&e.Source, &e.Resource, &e.By, &e.Target, &e.Reason} {
		*s = shorten(*s, maxName)
	}
	e.Detail = shorten(e.Detail, maxText)
	if len(e.Sources) > 0 {
		kept := slices.Clone(e.Sources[:min(len(e.Sources), maxSources)])
		for i := range kept {
			kept[i] = shorten(kept[i], maxSource)
		}
		e.Others, e.Sources = max(e.Others, 0)+len(e.Sources)-len(kept), kept
	}
	if s := e.Summary; s != nil && len(s.Open) > maxOpen {
		c := *s
		c.More += len(s.Open) - maxOpen
		c.Open = s.Open[:maxOpen]
		e.Summary = &c
	}
	return e
}

func shorten(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= n {
		return s
	}
	s = s[:n-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// Parse reads an event as it is stored. Texts beyond their bounds are cut; whatever cannot be an event is an error.
func Parse(data []byte) (Event, error) {
	var e Event
	if len(data) > MaxSize {
		return e, fmt.Errorf("it has %d bytes, and may have %d", len(data), MaxSize)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, err
	}
	switch {
	case e.Version > version:
		return e, fault.New(fault.Validation, fault.NewerVersion, "Upgrade cofre on this machine and run it again.", "an event was written by a newer cofre")
	case e.Version < 1 || !ValidID(e.ID):
		return e, fmt.Errorf("it has no version or no id")
	case e.Kind != Digest && e.Kind != Test && !slices.Contains(Kinds(), e.Kind):
		return e, fmt.Errorf("%.40q is no kind of event", e.Kind)
	case !slices.Contains(Severities(), e.Severity):
		return e, fmt.Errorf("%.40q is no severity", e.Severity)
	case e.Kind == Digest && e.Summary == nil:
		return e, fmt.Errorf("a digest without a summary")
	}
	if !dated(e.At) || !e.Since.IsZero() && !dated(e.Since) {
		return e, fmt.Errorf("it has no time")
	}
	e.Over = e.Over[:min(len(e.Over), len(Kinds()))]
	return e.Ready(e.At), nil
}

// dated tells whether a time is one that can be: also in UTC it can be written, which the first and the last day of all years cannot.
func dated(t time.Time) bool { y := t.UTC().Year(); return y >= 1 && y <= 9999 }

// ValidID tells whether an id is one that [Event.Ready] gives.
func ValidID(id string) bool {
	_, err := ulid.ParseStrict(id)
	return err == nil && id == strings.ToUpper(id)
}

// TimeOf is the time in an id; zero where it is none.
func TimeOf(id string) time.Time {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time()).UTC()
}
