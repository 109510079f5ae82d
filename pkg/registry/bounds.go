package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Texts in records come from servers, programs and services that may say anything at any length, and one record too long
// would keep the index from being read. So each is cut where it is written; what was cut off goes into a log.

// LogsPrefix is where the logs of failed backups stand.
const LogsPrefix = "logs/"

// LogKey is where all is kept that was said about a failure, where that is more than its record holds.
func LogKey(id string) string { return LogsPrefix + id + ".txt" }

// maxProblems bounds the problems of a verification that are recorded.
const maxProblems = 20

// bounded returns the record with every text in it at most fault.MaxText bytes long.
func (b Backup) bounded() Backup {
	for _, text := range []*string{&b.CreatedBy, &b.DatabaseVersion, &b.SchemaVersion, &b.Database, &b.Compression, &b.PgDumpVersion} {
		*text = fault.Shorten(*text, fault.MaxText)
	}
	if b.Error != nil {
		e := b.Error.bounded()
		b.Error = &e
	}
	if b.Verification != nil {
		v := b.Verification.bounded()
		b.Verification = &v
	}
	return b
}

func (e Error) bounded() Error {
	for _, text := range []*string{&e.Message, &e.Hint, &e.Detail} {
		*text = fault.Shorten(*text, fault.MaxText)
	}
	return e
}

// bounded keeps the first problems, and all their details together within fault.MaxText bytes.
func (v Verification) bounded() Verification {
	room := fault.MaxText
	v.Problems = slices.Clone(v.Problems)
	for i := range v.Problems {
		if i == maxProblems || room < 64 {
			v.Problems = v.Problems[:i]
			break
		}
		v.Problems[i].Detail = fault.Shorten(v.Problems[i].Detail, room)
		room -= len(v.Problems[i].Detail)
	}
	return v
}

// keepLog writes what was said about a failure beside its record, where the record holds only a part of it. It is for
// people: failing to write it fails nothing.
func (r *Registry) keepLog(ctx context.Context, id string, cause error) {
	whole := fault.Whole(cause)
	if whole == "" {
		return
	}
	f := fault.From(cause)
	text := fmt.Sprintf("%s: %s\n\n%s\n", f.Code, fault.Shorten(f.Message, fault.MaxText), strings.TrimRight(whole, "\n"))
	if _, err := r.store.Put(ctx, LogKey(id), []byte(text), storage.PutOptions{ContentType: "text/plain; charset=utf-8"}); err != nil {
		r.log.Log(ctx, fault.LevelBeside(err, cause), "the log of a failed backup was not kept", "backup_id", id, "error", err.Error())
	}
}
