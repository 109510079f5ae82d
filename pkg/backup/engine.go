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
	// Database names the configured database, "" when there is none. It does not connect.
	Database() string
	// Inspect connects to the configured server (retrying what may be retried), learns what a dump needs, and
	// refuses what cannot work: no rights, no pg_dump, one that is too old. database "" is the configured one.
	Inspect(ctx context.Context, database string, sel registry.Selection) (Source, error)
	// Identify connects once to the configured server and tells what it is; database "" is the configured one.
	Identify(ctx context.Context, database string) (source.Server, error)
	// Databases connects and lists the server's databases that a backup can be made of.
	Databases(ctx context.Context) ([]string, error)
	// SchemaVersion names the state of the database's schema: the newest entry of its migration tool, or a hash.
	SchemaVersion(ctx context.Context, database string) (string, error)
	// Dump starts pg_dump. The caller closes the dump.
	Dump(ctx context.Context, o DumpOptions) (Dump, error)
	// Restore looks at the database of a connection URL, creates it where that was asked for, and restores an archive or a
	// script into it. Nothing is touched, and nothing created, before everything that can be checked was: a database that
	// is not empty is refused unless Clean is set. See RestoreInput for how it reads.
	Restore(ctx context.Context, o RestoreOptions, in RestoreInput) (RestoreReport, error)
	// Checks are the engine's part of doctor.
	Checks(ctx context.Context) []Check
}

// Source is what Inspect learned.
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
	Database    string
	ServerMajor int    // from Source: chooses pg_dump
	Format      string // custom or plain
	Compression string // custom only: auto, none, gzip[:n], zstd[:n], lz4
	Content     string // all, schema or data
	Selection   registry.Selection
	// Log gets pg_dump's messages line by line, redacted; may be nil.
	Log func(line string)
}

// Dump is pg_dump's output. Read gives io.EOF only after pg_dump exited with status 0; any other end is a
// fault. Close ends the process if it still runs and waits for it.
type Dump interface {
	io.ReadCloser
}

// RestoreOptions say where and how to restore.
type RestoreOptions struct {
	URL          string
	Format       string // custom or plain
	Create       bool   // the database, as the backup's was made, with Locale in its place
	Locale       LocaleChoice
	Clean        bool // drop what the archive holds before creating it
	Cascade      bool // and what depends on that
	NoOwner      bool
	NoPrivileges bool
	Jobs         int // parallel index builds and loads; 0 chooses
	Adaptation
	DisableTriggers bool          // of a backup that holds rows only
	KeepGoing       bool          // after what cannot be restored
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
	// OpenRange reads length bytes from offset of the archive, and Layout says where what lies, with checksums;
	// both nil when the object is compressed or encrypted as a whole, so that only Open is possible.
	OpenRange func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	Layout    *registry.Layout
}

// RestoreReport says what was restored.
type RestoreReport struct {
	// Server is what it was restored into; zero where that is not known.
	Server   source.Server `json:"-"`
	Database string        `json:"database"`
	Host     string        `json:"host,omitempty"`
	Tool     string        `json:"tool"`               // pg_restore 18.1
	Warnings []string      `json:"warnings,omitempty"` // what Remark got
	// Statements about the database as a whole are left to be executed by hand: the database existed already, or the
	// server refused them.
	Statements []string `json:"statements,omitempty"`
	// Failed is what could not be restored. Then the restore's error has the reason RestoredInPart.
	Failed []Failed `json:"failed,omitempty"`
	// LeftOut is what the restore did not do because the request said so.
	LeftOut []LeftOut `json:"leftOut,omitempty"`
}
