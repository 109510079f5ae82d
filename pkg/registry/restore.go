package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
)

// RestoreState is where a restore stands.
type RestoreState string

// The states of a restore. It is reserved, then running, and ends as one of the others.
const (
	RestoreReserved    RestoreState = "reserved" // nobody has begun it
	RestoreRunning     RestoreState = "running"
	RestoreSucceeded   RestoreState = "succeeded"
	RestoreFailed      RestoreState = "failed"
	RestoreCanceled    RestoreState = "canceled"
	RestoreInterrupted RestoreState = "interrupted" // its process died without reporting an error
)

// Modes of a restore.
const (
	RestoreNew     = "new"     // into a database that is made for it
	RestoreReplace = "replace" // what the backup holds takes the place of what is there
	RestorePart    = "part"    // a part of the backup comes beside what is there
)

// Phases of a running restore, in their order.
const (
	RestoreChecking  = "checking"  // nothing of the backup was read yet
	RestoreRestoring = "restoring" // the target may have been changed
	RestoreFinishing = "finishing" // all was read: what is left is indexes, keys and rights
)

// Restore is restores/<id>.json: the record of a restore that was asked for, and its lease while it lasts. The connection is
// in no record, though what an error says may name its address.
type Restore struct {
	Version      int          `json:"version"`
	ID           string       `json:"id"` // ULID
	Backup       string       `json:"backup"`
	Target       string       `json:"target"`   // its name
	Database     string       `json:"database"` // at the target
	Mode         string       `json:"mode"`
	Part         *ChosenPart  `json:"part,omitempty"`    // nil for all of the backup
	Globals      bool         `json:"globals,omitempty"` // roles and tablespaces that lack are made first
	NoOwner      bool         `json:"noOwner,omitempty"`
	NoPrivileges bool         `json:"noPrivileges,omitempty"`
	By           string       `json:"by"` // who asked for it
	State        RestoreState `json:"state"`
	CreatedAt    time.Time    `json:"createdAt"`
	StartedAt    time.Time    `json:"startedAt,omitzero"`
	EndedAt      time.Time    `json:"endedAt,omitzero"`
	// Phase is how far it came, Read and Total are stored bytes, Notice is what was said last.
	Phase  string `json:"phase,omitempty"`
	Read   int64  `json:"read,omitempty"`
	Total  int64  `json:"total,omitempty"`
	Notice string `json:"notice,omitempty"`
	// HalfFilled tells of one that did not succeed that the database may have been changed.
	HalfFilled  bool         `json:"halfFilled,omitempty"`
	Error       *Error       `json:"error,omitempty"`
	Restored    *Restored    `json:"restored,omitempty"`
	GlobalsMade *MadeGlobals `json:"globalsMade,omitempty"` // also of one that did not succeed
	// Switched is where the database is that was restored, once it has another name than it was restored under; nil before.
	Switched *SwitchedTo `json:"switched,omitempty"`

	Runner  string   `json:"runner,omitempty"` // the run that holds the lease, "" when none does yet
	Process *Process `json:"process,omitempty"`
	LeaseMS int64    `json:"leaseMs"`
	Token   string   `json:"token"` // as an intent's, and so is Beat
	Beat    int64    `json:"beat"`
}

// SwitchedTo is what became of the names of databases after a restore.
type SwitchedTo struct {
	Database string    `json:"database"`       // the name that the restored database has now
	Kept     string    `json:"kept,omitempty"` // the name of the one that had that name; "" where none had it
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// Restored says in short what a restore did.
type Restored struct {
	Tool     string `json:"tool,omitempty"` // pg_restore 18.1
	Duration int64  `json:"duration"`       // milliseconds
	Failed   int    `json:"failed,omitempty"`
	LeftOut  int    `json:"leftOut,omitempty"`
	// Warnings are what is worth knowing, Statements what is left to be executed by hand; the first of each.
	Warnings   []string `json:"warnings,omitempty"`
	Statements []string `json:"statements,omitempty"`
}

// ChosenPart is which part of a backup is restored: lists are of patterns as in psql.
type ChosenPart struct {
	Schemas          Patterns `json:"schemas,omitempty"`
	Tables           Patterns `json:"tables,omitempty"`
	ExcludeSchemas   Patterns `json:"excludeSchemas,omitempty"`
	ExcludeTables    Patterns `json:"excludeTables,omitempty"`
	WithDependencies bool     `json:"withDependencies,omitempty"`
	As               string   `json:"as,omitempty"` // another name for the one table
	DataOnly         bool     `json:"dataOnly,omitempty"`
	SchemaOnly       bool     `json:"schemaOnly,omitempty"`
}

// check refuses what no request can have said: its texts, which are never cut, have fault.MaxText bytes at most.
func (p *ChosenPart) check() error {
	size := len(p.As)
	for _, list := range []Patterns{p.Schemas, p.Tables, p.ExcludeSchemas, p.ExcludeTables} {
		for _, text := range list {
			size += max(len(text), 1)
		}
	}
	if size > fault.MaxText+maxName {
		return fmt.Errorf("its part is chosen by %d bytes", size)
	}
	return nil
}

// MadeGlobals says what became of the globals of a backup: the roles, memberships, settings of roles and tablespaces of its server.
type MadeGlobals struct {
	// Roles and Tablespaces were made, or would be. Memberships and Settings count what was given to those roles.
	Roles       []string `json:"roles,omitempty"`
	Tablespaces []string `json:"tablespaces,omitempty"`
	Memberships int      `json:"memberships"`
	Settings    int      `json:"settings"`
	// Privileges are those on parameters and tablespaces, Comments also count security labels.
	Privileges int `json:"privileges,omitempty"`
	Comments   int `json:"comments,omitempty"`
	// There is how many roles and tablespaces were there, and left alone.
	There int `json:"there"`
	// NotMade is what the server did not take, with why; Lesser are roles that were made without what the restoring role may not give.
	NotMade []string `json:"notMade,omitempty"`
	Lesser  []string `json:"lesser,omitempty"`
	// NoPassword are roles that were made, may log in, and have no password yet.
	NoPassword []string `json:"noPassword,omitempty"`
}

func (g MadeGlobals) bounded() MadeGlobals {
	for _, list := range []*[]string{&g.Roles, &g.Tablespaces, &g.NotMade, &g.Lesser, &g.NoPassword} {
		*list = boundedLines(*list)
	}
	for _, n := range []*int{&g.Memberships, &g.Settings, &g.Privileges, &g.Comments, &g.There} {
		*n = max(*n, 0)
	}
	return g
}

// SameRequest reports whether two restores were asked for with the same words.
func (x *Restore) SameRequest(y *Restore) bool {
	part, perr := json.Marshal(x.Part)
	other, oerr := json.Marshal(y.Part)
	return x.Backup == y.Backup && x.Target == y.Target && x.Database == y.Database && x.Mode == y.Mode && x.Globals == y.Globals &&
		x.NoOwner == y.NoOwner && x.NoPrivileges == y.NoPrivileges && perr == nil && oerr == nil && string(part) == string(other)
}

// Request is the SHA-256 of what was asked for, and by whom, in hex: for whoever hands a restore on and keeps hold of what it is to be.
func (x *Restore) Request() string {
	part, _ := json.Marshal(x.Part) // of text and truths, which does not fail
	what := fmt.Sprintf("%q %q %q %q %q %s %t %t %t %q", x.ID, x.Backup, x.Target, x.Database, x.Mode, part, x.Globals, x.NoOwner, x.NoPrivileges, x.By)
	sum := sha256.Sum256([]byte(what))
	return hex.EncodeToString(sum[:])
}

// Live reports whether it waits or runs, as far as its record says.
func (x *Restore) Live() bool { return x.State == RestoreReserved || x.State == RestoreRunning }

// expired tells whether its holder has been silent for longer than its lease at the service's time now.
func (x *Restore) expired(written, now time.Time) bool {
	return now.Sub(written) > min(lasting(x.LeaseMS), longestWork)+dateStep
}

// longestWork is how long whoever waits to begin a restore or a proof, or makes it, may be silent at most, whatever its record says: it waits
// for a quarter of that, and says every minute that it lives.
const longestWork = time.Hour

// abandoned reports whether the process of the run is known to be gone.
func (x *Restore) abandoned() bool {
	return x.State == RestoreRunning && x.Process.gone(self())
}

// lasting is a lease of so many milliseconds, in whatever a record says.
func lasting(ms int64) time.Duration {
	return time.Duration(min(max(ms, math.MinInt32), maxLease)) * time.Millisecond
}

// end makes a record that of a restore which has ended.
func (x *Restore) end(state RestoreState, at time.Time, cause error) {
	x.State, x.EndedAt, x.Error, x.Process, x.LeaseMS = state, at.UTC().Truncate(time.Millisecond), ErrorOf(cause), nil, 0
}

// die makes a record that of a restore whose process is gone, by its last sign of life.
func (x *Restore) die(lastSign time.Time) {
	if x.State == RestoreReserved {
		x.end(RestoreFailed, lastSign, restoreNotBegun(x.ID))
		return
	}
	x.HalfFilled = true // whatever it said last: it may have gone on
	became, left, hint := "died without reporting an error", "may be half filled", "Look at that database before anybody uses it. "
	if !x.abandoned() {
		became = "died without reporting an error, or was cut off from the storage"
	}
	switch {
	case x.Phase == RestoreFinishing:
		left += "; it had read the whole backup by then, and may also have finished"
	case !x.abandoned():
		left += "; it may also have finished unseen"
	}
	if x.Mode == RestorePart {
		hint += "Drop what is there of the part, and ask for the restore again."
	} else {
		hint += "Drop it, and ask for the restore again."
	}
	x.end(RestoreInterrupted, lastSign, fault.New(fault.BackupCreation, fault.RunLost, hint,
		"the process that restored into the database %q of target %s %s; last seen %s; that database %s",
		x.Database, x.Target, became, lastSign.UTC().Format("2006-01-02 15:04:05 MST"), left))
}

// givenUp reports whether it was ended because its process gave no sign of life, which nobody else goes on with.
func (x *Restore) givenUp() bool {
	return x.State == RestoreInterrupted && x.Error != nil && x.Error.Reason == fault.RunLost
}

func restoreNotBegun(id string) error {
	return fault.New(fault.BackupCreation, fault.Timeout, "Ask for the restore again.", "restore %s was asked for, but nobody began it in time; nothing was changed", id)
}

// maxLines bounds the lists of a record.
const maxLines = 20

// bounded returns the record with every text that others chose cut to what a record may have.
func (x Restore) bounded() Restore {
	shorten(maxName, &x.Target, &x.Database)
	shorten(fault.MaxText, &x.By, &x.Notice)
	if x.Error != nil {
		e := x.Error.bounded()
		x.Error = &e
	}
	if x.GlobalsMade != nil {
		g := x.GlobalsMade.bounded()
		x.GlobalsMade = &g
	}
	if x.Switched != nil {
		w := *x.Switched
		shorten(maxName, &w.Database, &w.Kept)
		shorten(fault.MaxText, &w.By)
		x.Switched = &w
	}
	if x.Restored != nil {
		d := *x.Restored
		shorten(maxName, &d.Tool)
		d.Warnings, d.Statements = boundedLines(d.Warnings), boundedLines(d.Statements)
		x.Restored = &d
	}
	return x
}

// boundedLines keeps the first lines, all together within fault.MaxText bytes.
func boundedLines(lines []string) []string {
	room := fault.MaxText
	lines = slices.Clone(lines)
	for i := range lines {
		if i == maxLines || room < 64 {
			return lines[:i]
		}
		shorten(room, &lines[i])
		room -= len(lines[i])
	}
	return lines
}

// check refuses what cannot be the record of a restore.
func (x *Restore) check() error {
	switch {
	case !ValidID(x.ID) || !ValidID(x.Backup):
		return fmt.Errorf("the id %.40q or that of the backup is none", x.ID)
	case x.Target == "" || x.Database == "" || strings.ContainsRune(x.Database, 0):
		return fmt.Errorf("it names no target or no database")
	case x.Mode != RestoreNew && x.Mode != RestoreReplace && x.Mode != RestorePart:
		return fmt.Errorf("%.40q is not a mode", x.Mode)
	case x.Mode == RestorePart && x.Part == nil:
		return fmt.Errorf("it is for a part, and does not say which")
	case x.Token == "" || len(x.Token) > maxName || len(x.Runner) > maxName:
		return fmt.Errorf("it has no token")
	}
	if x.Part != nil {
		if err := x.Part.check(); err != nil {
			return err
		}
	}
	switch x.State {
	case RestoreReserved, RestoreRunning, RestoreSucceeded, RestoreFailed, RestoreCanceled, RestoreInterrupted:
	default:
		return fmt.Errorf("%.40q is not a state", x.State)
	}
	switch x.Phase {
	case "", RestoreChecking, RestoreRestoring, RestoreFinishing:
		return nil
	}
	return fmt.Errorf("%.40q is not a phase", x.Phase)
}

// parseRestore reads the record of the restore with this id. Its texts are bounded, and its figures within what can be.
func parseRestore(id string, data []byte) (Restore, error) {
	var x Restore
	key := RestoreKey(id)
	if err := decodeVersioned(key, data, maxRecord, &x); err != nil {
		return x, err
	}
	if err := x.check(); err != nil || x.ID != id || x.Version < 1 {
		return x, damagedRecord(err, key)
	}
	x = x.bounded()
	x.Total = min(max(x.Total, 0), maxSize)
	x.Read = min(max(x.Read, 0), x.Total)
	if d := x.Restored; d != nil {
		d.Duration, d.Failed, d.LeftOut = min(max(d.Duration, 0), maxDuration), max(d.Failed, 0), max(d.LeftOut, 0)
	}
	return x, nil
}
