package registry

import (
	"encoding/json"

	"cofre/pkg/fault"
)

// What of the database a backup holds; see [Backup.Content].
const (
	ContentAll    = "all"
	ContentSchema = "schema"
	ContentData   = "data"
)

// Row is what backups are compared with each other by: those of one row stand in for each other, and no others do. A newer
// one of definitions only makes up for none that holds everything.
type Row struct {
	Source string `json:"source"`
	// Unknown is set for records from before sources were known: nobody can say which server they are of. They never
	// share a row with those of a known one.
	Unknown bool   `json:"unknown,omitempty"`
	Content string `json:"content"`
	// Selection is what was chosen, as JSON, as far as it makes the backup a part; "" where it does not.
	Selection string `json:"selection,omitempty"`
}

// Whole tells whether the row's backups hold everything.
func (r Row) Whole() bool { return r.Content == ContentAll && r.Selection == "" }

// Row returns the backup's row.
func (b *Backup) Row() Row {
	r := Row{Source: b.SourceName(), Unknown: b.Source == "", Content: b.content()}
	if part := b.Selection.part(); part != nil {
		data, err := json.Marshal(part)
		if err != nil { // strings and slices of them: it cannot be
			data = []byte(err.Error())
		}
		r.Selection = string(data)
	}
	return r
}

func (b *Backup) content() string {
	if b.Content == "" {
		return ContentAll
	}
	return b.Content
}

// SourceName is the name of the source that the backup is shown under: the database's for a record from before sources
// were known.
func (b *Backup) SourceName() string {
	if b.Source == "" {
		return b.Database
	}
	return b.Source
}

// Whole tells whether the backup holds everything: all definitions and all rows.
func (b *Backup) Whole() bool { return b.content() == ContentAll && !b.Selection.Part() }

// Outcome is how a backup ended, in the words that every view shows and counts.
type Outcome string

// The outcomes. A backup in progress has none.
const (
	Succeeded   Outcome = "succeeded"
	FailedToEnd Outcome = "failed"
	// Canceled: a person wanted that. It is neither a success nor a failure.
	Canceled Outcome = "canceled"
	// Interrupted: the process that made it was stopped or died.
	Interrupted Outcome = "interrupted"
)

// Ended works the outcome out of the status and the error; "" while it is in progress. It is the one place that does, and
// the field Outcome holds what it returns.
func (b *Backup) Ended() Outcome {
	switch {
	case b.Status == Success:
		return Succeeded
	case b.Status != Failed:
		return ""
	case b.Error == nil:
		return FailedToEnd
	case b.Error.Reason == fault.CanceledByUser:
		return Canceled
	case b.Error.Code == fault.Canceled, b.Error.Reason == fault.RunLost:
		return Interrupted
	}
	return FailedToEnd
}

// complete fills what follows from the rest of a record, also in one that an older version wrote.
func (b *Backup) complete() { b.Outcome = b.Ended() }
