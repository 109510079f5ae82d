package registry

import (
	"slices"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
)

// Status is where a backup stands.
type Status string

// The three states of a backup. Only Success is something to restore from.
const (
	Success    Status = "success"
	Failed     Status = "failed"
	InProgress Status = "in_progress"
)

// What made a backup.
const (
	TriggerManual   = "manual"
	TriggerSchedule = "schedule"
	TriggerAPI      = "api"
)

// Backup is the record of one backup (BackupMetadata in the API). The same JSON stands in registry.json, in
// the manifest and in answers; the first block of fields is the design document's.
type Backup struct {
	ID       string `json:"id"`       // ULID
	Filename string `json:"filename"` // last element of Filepath
	// Filepath is the object's key, relative to the backup directory: files/[directory/]filename.
	Filepath  string    `json:"filepath"`
	Size      int64     `json:"size"`     // stored bytes
	Checksum  string    `json:"checksum"` // SHA-256 of the stored bytes, lower-case hex
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy,omitempty"`
	Status    Status    `json:"status"`
	// Outcome says how it ended; see [Outcome]. It follows from Status and Error.
	Outcome         Outcome `json:"outcome,omitempty"`
	Duration        int64   `json:"duration"` // milliseconds, from the start of the run to its commit
	DatabaseVersion string  `json:"databaseVersion"`
	SchemaVersion   string  `json:"schemaVersion"`

	// Source is the name of what was backed up. "" in records from before sources were known: they count apart, under the
	// name of their database; see [Backup.SourceName].
	Source string `json:"source,omitempty"`
	// Server is where the source was at the time.
	Server   *source.Server `json:"server,omitempty"`
	Database string         `json:"database"`
	// Locale is how the database stores and sorts text: what a database that takes the backup has to have.
	Locale           *Locale    `json:"locale,omitempty"`
	Format           string     `json:"format"`      // custom or plain
	Compression      string     `json:"compression"` // none, gzip, zstd, lz4; with :level where known
	Encryption       string     `json:"encryption"`  // none or age
	Content          string     `json:"content"`     // all, schema or data
	Selection        *Selection `json:"selection,omitempty"`
	UncompressedSize int64      `json:"uncompressedSize,omitempty"` // bytes; 0 when not measured
	PgDumpVersion    string     `json:"pgDumpVersion,omitempty"`
	// Engine is what read the rows: parallel, over Jobs connections at once, or pg_dump, over one, and why it was that.
	Engine       string `json:"engine,omitempty"`
	EngineReason string `json:"engineReason,omitempty"`
	Jobs         int    `json:"jobs,omitempty"`
	// WaitedPercent is for how much of their time the connections waited for storage to take what they had read.
	WaitedPercent int `json:"waitedPercent,omitempty"`
	// Rows is binary where the rows of some tables, BinaryTables, are COPY's binary format, and text where none are. TextRows is why that is
	// so although binary ones were asked for.
	Rows         string `json:"rows,omitempty"`
	BinaryTables int    `json:"binaryTables,omitempty"`
	TextRows     string `json:"textRows,omitempty"`
	Trigger      string `json:"trigger"` // manual, schedule or api
	Labels       Labels `json:"labels,omitempty"`
	// ObjectLock is set once the storage was told to let nobody remove it. Manifests do not have it.
	ObjectLock *ObjectLock `json:"objectLock,omitempty"`
	// Pin keeps it from being removed; nil where nobody pinned it. Manifests do not have it.
	Pin *Pin `json:"pin,omitempty"`
	// Verification sums Verifications up: what is wrong, or else the best proof. The list is left out where it holds no more.
	Verification  *Verification `json:"verification,omitempty"`
	Verifications Verifications `json:"verifications,omitempty"`
	Error         *Error        `json:"error,omitempty"`
	Attempt       int           `json:"attempt"` // whole attempts made, from 1
	Stored        *Stored       `json:"stored,omitempty"`
	// Contents is nil for backups of versions that did not look, and for failed ones.
	Contents *Contents `json:"contents,omitempty"`
	// Globals is nil where nobody wanted the server's roles and tablespaces beside the backup.
	Globals *Globals `json:"globals,omitempty"`
}

// Locale is how a database stores and sorts text, in the words of CREATE DATABASE.
type Locale struct {
	Encoding string `json:"encoding"`
	Provider string `json:"provider,omitempty"` // libc, icu or builtin; "" before version 15
	Collate  string `json:"collate"`
	CharType string `json:"ctype"`
	Name     string `json:"name,omitempty"`     // the provider's locale; "" with libc
	ICURules string `json:"icuRules,omitempty"` // additional collation rules, cut at 4 KiB
}

// Stored is what the storage service said of the object when it was completed.
type Stored struct {
	ETag      string `json:"etag,omitempty"`
	CRC64NVME string `json:"crc64nvme,omitempty"` // base64, of the whole object
	VersionID string `json:"versionId,omitempty"`
}

// Error is why a backup failed, as told to people.
type Error struct {
	Code     fault.Code   `json:"code"`
	Reason   fault.Reason `json:"reason,omitempty"`
	Message  string       `json:"message"`
	Hint     string       `json:"hint,omitempty"`
	Detail   string       `json:"detail,omitempty"` // the cause; redacted
	Attempts int          `json:"attempts,omitempty"`
}

// ErrorOf makes the record of an error; its texts are at most fault.MaxText bytes long.
func ErrorOf(err error) *Error {
	f := fault.From(err)
	if f == nil {
		return nil
	}
	e := Error{Code: f.Code, Reason: f.Reason, Message: f.Message, Hint: f.Hint, Attempts: f.Attempts}
	if f.Err != nil {
		e.Detail = f.Err.Error()
	}
	e = e.bounded()
	return &e
}

// Settings are kept in registry.json so that every door sees the same ones.
type Settings struct {
	MaxBackups       int    `json:"maxBackups"`    // of each row; 0 is no limit
	RetentionDays    int    `json:"retentionDays"` // 0 keeps for ever
	DefaultDirectory string `json:"defaultDirectory"`
	// SavedAt is set when somebody changed them in the registry. From then on they count; before, they only repeat
	// what the environment said when registry.json was made.
	SavedAt *time.Time `json:"savedAt,omitempty"`
	// Lost is set by a rebuild that could not tell what had been saved: nothing is removed until somebody saves them again.
	// The values are those that keep everything, also for a cofre that does not know this field.
	Lost bool `json:"lost,omitempty"`
	// Copied counts how often settings.json had to be mended; see mendSettings.
	Copied int `json:"copied,omitempty"`
}

// The versions that this code knows. A newer one is refused and left untouched; an older one is read.
const (
	// IndexVersion is that of a registry.json with pages. Without any it is written as version 1, which says the same: so a
	// place that does not need pages can be used by older versions too, and be given back to them.
	IndexVersion  = 2
	recordVersion = 1 // of manifests, intents, sources, settings.json
	pageVersion   = 1
)

// Index is registry.json: a cache of what the manifests say, changed only by compare-and-swap. Records of settled backups are found
// in it only where a writer has opened their page.
type Index struct {
	Version     int        `json:"version"`
	LastCleanup *time.Time `json:"lastCleanup"`
	Settings    Settings   `json:"settings"`
	// Swept counts how often pages were removed that nothing named; see sweepPages.
	Swept int `json:"swept,omitempty"`
	// Pages are of settled backups, ascending by id.
	Pages []Page `json:"pages,omitempty"`
	// Backups are the newest ones and those in progress, ascending by id, which is oldest first.
	Backups []Backup `json:"backups"`

	open []*segment // pages whose records can be found and changed as well
	etag string     // of the registry.json that it was read from, "" for none
}

// Find gives the record with this id, or nil. The pointer is into the index.
func (x *Index) Find(id string) *Backup {
	if i, ok := x.search(id); ok {
		return &x.Backups[i]
	}
	if g, i := x.segment(id); g != nil {
		return &g.backups[i]
	}
	return nil
}

// Upsert adds or replaces a record by id and tells whether that changed anything.
func (x *Index) Upsert(b Backup) bool {
	i, ok := x.search(b.ID)
	if g, j := x.segment(b.ID); g != nil && !ok {
		if equalJSON(g.backups[j], b) {
			return false
		}
		g.backups[j] = b
		return true
	}
	if ok {
		if equalJSON(x.Backups[i], b) {
			return false
		}
		x.Backups[i] = b
		return true
	}
	x.Backups = append(x.Backups, Backup{})
	copy(x.Backups[i+1:], x.Backups[i:])
	x.Backups[i] = b
	return true
}

// Remove drops a record and tells whether it was there.
func (x *Index) Remove(id string) bool {
	i, ok := x.search(id)
	if ok {
		x.Backups = append(x.Backups[:i], x.Backups[i+1:]...)
		return true
	}
	g, i := x.segment(id)
	if g != nil {
		g.backups = slices.Delete(g.backups, i, i+1)
	}
	return g != nil
}

// Taken tells whether another backup, of those that have not settled, has this file path. A failed one has given it free.
func (x *Index) Taken(filepath, exceptID string) bool {
	for i := range x.Backups {
		b := &x.Backups[i]
		if b.Filepath == filepath && b.ID != exceptID && b.Status != Failed {
			return true
		}
	}
	return false
}
