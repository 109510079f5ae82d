package backup

import (
	"context"
	"io"
	"time"

	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Engine dumps and restores databases. The service knows PostgreSQL only through it.
type Engine interface {
	// Database names the database of a source, "" where that cannot be told. It neither connects nor reads secrets from elsewhere.
	Database(of source.Settings) string
	// Open connects to a source (retrying what may be retried), learns what a dump needs, and refuses what
	// cannot work: no rights, no pg_dump, one that is too old. The caller closes the session.
	Open(ctx context.Context, of source.Settings, sel registry.Selection) (Session, error)
	// Complete checks a connection URL that is to be kept, in place of before, "" for none, and returns it as it is to be kept, and where it
	// leads. Without a password it has that of before, where it leads to the same server.
	Complete(url, before string) (whole string, to Reached, err error)
	// Identify connects once to a source and tells what is there.
	Identify(ctx context.Context, of source.Settings) (source.Server, error)
	// Seen connects to a source and lists the databases of its server, with why a backup cannot be made of some.
	Seen(ctx context.Context, of source.Settings) ([]source.Seen, error)
	// Databases connects to a source and lists its server's databases that a backup can be made of.
	Databases(ctx context.Context, of source.Settings) ([]string, error)
	// Restore looks at the database of a connection URL, creates it where that was asked for, and restores an archive or a
	// script into it. Nothing is touched, and nothing created, before everything that can be checked was: a database that
	// is not empty is refused unless Clean is set. See RestoreInput for how it reads.
	Restore(ctx context.Context, o RestoreOptions, in RestoreInput) (RestoreReport, error)
	// Plan looks as Restore does, and tells what Restore would do and refuse.
	Plan(ctx context.Context, o RestoreOptions, in RestoreInput) (Target, error)
	// MayRestore connects once and refuses a restore of which the first thing would fail for want of a right: the database to create.
	MayRestore(ctx context.Context, o RestoreOptions) error
	// Globals makes the roles and tablespaces of a script, as Session.Globals gave it, that the server of a restore lacks, and leaves
	// alone those that it has. The database need not exist. With look it only tells what it would make.
	Globals(ctx context.Context, o RestoreOptions, script []byte, look bool) (GlobalsReport, error)
	// Switch puts a database in another's place by their names, in one transaction; with look it only tells what it would do and refuse.
	Switch(ctx context.Context, req SwitchRequest, look bool) (Switched, error)
	// Scratch starts a server of its own for a proof, on this machine, or makes a database of its own at a target. The caller closes it.
	Scratch(ctx context.Context, o ScratchOptions) (Scratch, error)
	// ProofServer returns the version of the server that Scratch would start for a backup of a server of this major version, or use: that of
	// the target on, unless it is "". The error is target_lacks where there is none.
	ProofServer(ctx context.Context, on string, major int) (version string, err error)
	// SweepProofs drops what killed proofs left at the targets that allow proofs, and names it.
	SweepProofs(ctx context.Context) (dropped []string, err error)
	// ProofRoom gives the bytes that a proof may restore, by what is free on this machine.
	ProofRoom() (int64, error)
	// CheckPart refuses contradictions, and what is no pattern or no name. It does not connect.
	CheckPart(part Part) error
	// Entries lists what a part of an archive holds, reading no more than its table of contents.
	Entries(ctx context.Context, part Part, in RestoreInput) (Listing, error)
	// Checks are the engine's part of doctor.
	Checks(ctx context.Context, all source.List) []Check
}

// Reached is where a connection leads. It holds no secret.
type Reached struct {
	Host     string
	Port     string
	Database string
	User     string
}

// Session is a connection to one database, of which all is asked that a backup of it needs.
type Session interface {
	// Source is what Open learned.
	Source() Source
	// SchemaVersion names the state of the database's schema: the newest entry of its migration tool. Where there is none it is
	// "", or a hash over the catalog if DumpOptions.Catalog was set. It may be called while a dump runs.
	SchemaVersion(ctx context.Context) (string, error)
	// Globals gives the server's roles, memberships, settings of roles, privileges on parameters and tablespaces, as they are kept; hashes of
	// passwords only if asked for. The script is registry.MaxGlobals long at most. unread are the kinds that it lacks, since the role may not read them.
	Globals(ctx context.Context, passwords bool) (script []byte, unread []string, err error)
	// Dump begins to dump what was selected. The caller closes the dump before the session. One session makes one dump.
	Dump(ctx context.Context, o DumpOptions) (Dump, error)
	// Close hangs up.
	Close()
}

// Source is what a session has learned.
type Source struct {
	Database      string
	ServerVersion string // "18.1 (Debian 18.1-1)"
	ServerMajor   int
	PgDumpVersion string // "18.1"
	// Compression is what pg_dump's own compression "auto" stands for with this client: "zstd:1" or "gzip:1".
	Compression string
	// Size in bytes of the database on the server's disk, indexes included. Not a forecast of the dump's size.
	Size int64
	// Server is what was reached.
	Server source.Server
	Locale registry.Locale
	// Remarks say what will not come back by itself from a dump; worth knowing when it is made.
	Remarks []string
}

// DumpOptions choose what pg_dump writes and how.
type DumpOptions struct {
	Format      string // custom or plain
	Compression string // custom only: auto, none, gzip[:n], zstd[:n], lz4
	Content     string // all, schema or data
	ID          string // of the backup, by which its sessions are known on the server
	Jobs        int    // connections that read rows at once; 0 chooses
	MostJobs    int    // bounds what is chosen; 0 does not
	Rows        string // RowsText, RowsBinary, or "" for the settings'
	// Catalog is set when the dump does not hold all definitions, by which a schema is named where there is no migration tool: then
	// the server has to read its whole catalog once more.
	Catalog bool
	// Ownerless leaves owners and rights out of what is counted of the definitions. It changes nothing of the dump.
	Ownerless bool
	// Remark gets who waits for the dump, to change a table that it reads; may be nil.
	Remark func(line string)
	// Log gets pg_dump's messages line by line, redacted; may be nil.
	Log func(line string)
}

// ScratchOptions say what server a proof needs.
type ScratchOptions struct {
	On    string // a target's name; "" is a server of its own, on this machine
	Major int    // of the server that the backup was made from: as new, or newer
	Room  int64  // bytes that will be restored, about
	// Locale is the backup's; where this machine does not have it, another takes its place.
	Locale registry.Locale
}

// Scratch is a server for one restore, with one empty database.
type Scratch interface {
	// Version is the server's: "18.6". Isolated reports that it reaches no network.
	Version() string
	Isolated() bool
	// Restore restores an archive as a role without rights, for which all that the archive needs was made before; at a target as its role, to which
	// everything belongs then, and without grants. notes say what is otherwise than at the backup's server. It is called once.
	Restore(ctx context.Context, o RestoreOptions, in RestoreInput) (rep RestoreReport, notes []string, err error)
	// Open opens a session to look at what was restored.
	Open(ctx context.Context) (Session, error)
	// Ask gives the first value of the first row that a query gives, as text; found is false where there is no row, or it is null.
	// It can change nothing.
	Ask(ctx context.Context, query string) (value string, found bool, err error)
	// Used gives the bytes that what was restored takes so far, and Free those that are left on its disk, known where anybody knows.
	Used(ctx context.Context) (bytes int64, err error)
	Free() (bytes int64, known bool)
	// Close ends the server, and removes all that it wrote; at a target it drops the database.
	Close() error
}

// Dump is an archive or a script under way. Read gives io.EOF only after everything that makes it has ended well; any other end is
// a fault. Close ends what still runs and waits for it.
type Dump interface {
	io.ReadCloser
	// How says how it is made.
	How() How
}

// Paced is a Dump by several connections. Waited is for how much of their time, in percent, they waited for storage, once Read has given
// io.EOF.
type Paced interface {
	Dump
	Waited() int
}

// How says what reads the rows of a dump.
type How struct {
	Engine string // EngineParallel or EnginePgDump
	Jobs   int    // connections that read rows at once
	Reason string // why it is one pg_dump
	// BinaryTables is of how many tables the rows are COPY's binary format, and TextRows why of none although that was asked for.
	BinaryTables int
	TextRows     string
}

// The engines.
const (
	EngineParallel = "parallel"
	EnginePgDump   = "pg_dump"
)

// How rows are written into an archive: as COPY's text, or as its binary format where a table's types allow that.
const (
	RowsText   = "text"
	RowsBinary = "binary"
)

// RestoreOptions say where and how to restore.
type RestoreOptions struct {
	URL          string
	Target       string // a RestoreTarget's name, in place of URL
	Database     string // at the target
	Format       string // custom or plain
	Create       bool   // the database, as the backup's was made, with Locale in its place
	Locale       LocaleChoice
	Clean        bool // drop what the archive holds before creating it
	Cascade      bool // and what depends on that
	NoOwner      bool
	NoPrivileges bool
	Jobs         int // parallel index builds and loads; 0 chooses
	Part         Part
	Adaptation
	// Roles will be made before the restore: a plan takes them for there.
	Roles           []string
	DisableTriggers bool          // of a backup that holds rows only
	KeepGoing       bool          // after what cannot be restored
	Prepared        bool          // the database was made ready for the backup: it is not empty
	Timeout         time.Duration // of the whole restore; 0 is none
	Log             func(line string)
	// Remark gets what is worth knowing before anything is touched, and who holds up a restore that waits for a lock; may be nil.
	Remark func(line string)
}

// LocaleChoice is how a created database is to store and sort text, where that is not to be as the backup says. Encoding
// also says what the bytes are of a backup whose database had none (SQL_ASCII). Empty fields change nothing.
type LocaleChoice struct {
	Encoding  string // UTF8
	Provider  string // libc, icu or builtin
	Locale    string // of libc or builtin
	ICULocale string // of icu
}

// RestoreInput gives the plain bytes of a backup. Open starts a reader of the whole, from its beginning; each
// reader checks the stored object's SHA-256 as it reads and fails instead of ending when it does not match.
type RestoreInput struct {
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Reading is told how many bytes of the archive will be read, where that is not all of it.
	Reading func(bytes int64)
	// OpenRange reads length bytes from offset of the archive, and Layout says where what lies, with checksums;
	// both nil when the object is compressed or encrypted as a whole, so that only Open is possible.
	OpenRange func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	Layout    *registry.Layout
	// Tables says where tables lie, without checksums, in an archive without Layout whose ranges prove themselves as an encrypted one's
	// do; nil where nobody knows.
	Tables []TablePlace
	// Head is where the first rows lie then, before which the archive's head ends; below 0 where nobody knows.
	Head int64
}

// TablePlace is where the rows of a table lie in an archive, in bytes.
type TablePlace struct {
	Schema, Name   string
	Offset, Length int64
}

// RestoreReport says what was restored.
type RestoreReport struct {
	// Server is what it was restored into; zero where that is not known.
	Server   source.Server `json:"-"`
	Database string        `json:"database"`
	Host     string        `json:"host,omitempty"`
	Tool     string        `json:"tool"` // pg_restore 18.1
	// Unchanged tells of a restore that failed that the target is as it was, but for a database that may have been created and is empty.
	Unchanged bool `json:"-"`
	// Created tells that the database was made.
	Created bool `json:"-"`
	// Part says in words which part of the backup was restored; "" for all of it.
	Part     string   `json:"part,omitempty"`
	Warnings []string `json:"warnings,omitempty"` // what Remark got
	// Statements about the database as a whole are left to be executed by hand: the database existed already, or the
	// server refused them.
	Statements []string `json:"statements,omitempty"`
	// Failed is what could not be restored. Then the restore's error has the reason RestoredInPart.
	Failed []Failed `json:"failed,omitempty"`
	// LeftOut is what the restore did not do because the request said so.
	LeftOut []LeftOut `json:"leftOut,omitempty"`
	// Dropped is what others had on what was replaced, and is gone (Cascade): "view public.totals (on table public.orders)".
	Dropped []string `json:"dropped,omitempty"`
}
