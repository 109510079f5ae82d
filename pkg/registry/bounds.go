package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Texts in records come from servers, programs and services that may say anything at any length, and one record too long
// would keep the index from being read. So each is cut where it is written; what was cut off goes into a log.

// LogsPrefix is where the logs of runs stand.
const LogsPrefix = "logs/"

// LogKey is where the log of the run that made a backup stands, as long as the backup's record: lines of text, most with a time in front.
func LogKey(id string) string { return LogsPrefix + id + ".txt" }

// MaxLog bounds what is read of a log, in bytes: what is written has less but for what an older version wrote of a failure, the beginning of which is read.
const MaxLog = 64 << 10

// LogTime is the form of the times in logs, in UTC.
const LogTime = "2006-01-02T15:04:05.000Z"

// maxVerifications is more than there are levels, each with an outcome.
const maxVerifications = 32

// A record of an object of more than usualRecord bytes has its texts cut as it is read: older versions wrote any. What has more than
// maxRecord bytes then is no record.
const (
	usualRecord = 64 << 10
	maxRecord   = 256 << 10
)

// fit makes a record, which was read out of size bytes, one of at most maxRecord.
func (b *Backup) fit(size int) error {
	if size <= usualRecord {
		return nil
	}
	*b = b.bounded()
	data, err := json.Marshal(b)
	if err == nil && len(data) > maxRecord {
		err = fmt.Errorf("the record has %d bytes", len(data))
	}
	return err
}

// maxProblems bounds the problems of a verification that are recorded.
const maxProblems = 20

// maxName bounds what is a name wherever it is right, in bytes.
const maxName = fault.MaxText / 8

func shorten(limit int, texts ...*string) {
	for _, text := range texts {
		*text = fault.Shorten(*text, limit)
	}
}

// bounded returns the record with every text that others chose at most fault.MaxText bytes long. Those that requests choose
// are refused when they are longer, and never cut.
func (b Backup) bounded() Backup {
	shorten(fault.MaxText, &b.CreatedBy, &b.DatabaseVersion, &b.SchemaVersion, &b.Database, &b.Compression, &b.PgDumpVersion, &b.Engine, &b.EngineReason, &b.TextRows)
	if b.Server != nil {
		s := *b.Server
		shorten(maxName, &s.SystemIdentifier, &s.Host, &s.Port, &s.Database)
		b.Server = &s
	}
	if b.Locale != nil {
		l := *b.Locale
		shorten(maxName, &l.Encoding, &l.Provider, &l.Collate, &l.CharType, &l.Name)
		shorten(fault.MaxText, &l.ICURules)
		b.Locale = &l
	}
	if b.Stored != nil {
		s := *b.Stored
		shorten(fault.MaxText, &s.ETag, &s.CRC64NVME, &s.VersionID)
		b.Stored = &s
	}
	if b.Contents != nil {
		c := b.Contents.bounded()
		b.Contents = &c
	}
	if b.Globals != nil {
		g := *b.Globals
		shorten(fault.MaxText/8, &g.Missing)
		g.Without = boundedLines(g.Without)
		b.Globals = &g
	}
	if b.ObjectLock != nil {
		l := *b.ObjectLock
		shorten(maxName, &l.Mode)
		b.ObjectLock = &l
	}
	if b.Pin != nil {
		p := *b.Pin
		shorten(maxName, &p.By)
		shorten(MaxPinReason, &p.Reason)
		b.Pin = &p
	}
	if b.Error != nil {
		e := b.Error.bounded()
		b.Error = &e
	}
	if b.Verification != nil {
		v := b.Verification.bounded()
		b.Verification = &v
	}
	b.Verifications = slices.Clone(b.Verifications[:min(len(b.Verifications), maxVerifications)])
	for i, v := range b.Verifications {
		b.Verifications[i] = v.bounded()
	}
	return b
}

func (e Error) bounded() Error {
	shorten(fault.MaxText, &e.Message, &e.Hint, &e.Detail)
	return e
}

func (p Proof) bounded() Proof {
	shorten(maxName, &p.Server, &p.Target, &p.Tool)
	room := fault.MaxText
	p.Without = slices.Clone(p.Without)
	for i := range p.Without {
		if room < 64 {
			p.Without = p.Without[:i]
			break
		}
		shorten(room, &p.Without[i])
		room -= len(p.Without[i])
	}
	p.Asked = slices.Clone(p.Asked[:min(len(p.Asked), MaxAsked)])
	for i := range p.Asked {
		a := &p.Asked[i]
		shorten(maxAskedText, &a.Name, &a.Outcome, &a.Expect)
		if a.Value != nil {
			value := fault.Shorten(*a.Value, maxAskedText)
			a.Value = &value
		}
	}
	return p
}

// maxAskedText bounds each text of a check's result, in bytes.
const maxAskedText = 80

// bounded keeps the first problems, and all their details together within fault.MaxText bytes.
func (v Verification) bounded() Verification {
	if v.Proof != nil {
		p := v.Proof.bounded()
		v.Proof = &p
	}
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

// SetLog gives what the run noted. Fail keeps it with what is said about the failure.
func (l *Lease) SetLog(text string) { l.log = text }

// KeepLog writes the run's log: as far as it has come while the run goes on, which is all there is of one that dies, and all of it before the
// manifest: whoever removes the backup finds it there. It is for people: failing to write it fails nothing.
func (l *Lease) KeepLog(ctx context.Context) { l.r.keepLog(ctx, l.id, l.log, nil) }

// keepLog writes what a run noted and all that was said about its failure, which the record may hold only a part of.
func (r *Registry) keepLog(ctx context.Context, id, noted string, cause error) {
	text := noted
	if cause != nil {
		whole := fault.Whole(cause)
		if text == "" && whole == "" {
			return
		}
		if whole == "" {
			whole = cause.Error()
		}
		f := fault.From(cause)
		text += fmt.Sprintf("%s: %s\n\n", f.Code, fault.Shorten(f.Message, fault.MaxText))
		if room := MaxLog - len(text) - len("…\n"); len(whole) > room { // its end says most
			whole = "…" + strings.ToValidUTF8(whole[len(whole)-room:], "")
		}
		text += strings.TrimRight(whole, "\n") + "\n"
	}
	if text == "" {
		return
	}
	if _, err := r.store.Put(ctx, LogKey(id), []byte(text), storage.PutOptions{ContentType: "text/plain; charset=utf-8"}); err != nil && (cause != nil || ctx.Err() == nil) {
		r.log.Log(ctx, fault.LevelBeside(err, cause), "the log of a backup was not kept", "backup_id", id, "error", err.Error())
	}
}

// Log reads the log of the run that made a backup, at most MaxLog bytes of text without control characters; "" where none is kept.
func (r *Registry) Log(ctx context.Context, id string) (string, error) {
	if !ValidID(id) {
		return "", notFound(id)
	}
	body, _, err := r.store.Open(ctx, LogKey(id), 0, -1)
	if storage.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the log of backup %s: %w", id, err)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, MaxLog))
	if err != nil {
		return "", fmt.Errorf("read the log of backup %s: %w", id, err)
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(string(data), "")), nil
}
