package registry

import (
	"encoding/json"
	"math"
	"time"
	"unicode/utf8"

	"cofre/pkg/jsonlist"
	"cofre/pkg/source"
)

// quick reads a record as cofre writes it: without white space, without escapes, under the names of its fields. That is four times
// as fast as encoding/json, which reads the records that are written in any other way, and those that quick gives up. What quick
// reads it reads as encoding/json does.
type quick struct {
	text  []byte // what is left
	lost  bool   // it is something else
	known *Backup
}

// quickRecord reads a record, and reports whether it could. Texts that are those of a known record share its memory.
func quickRecord(text []byte, b, known *Backup) bool {
	q := quick{text: text, known: known}
	q.record(b)
	return !q.lost && len(q.text) == 0
}

func (q *quick) record(b *Backup) {
	k := q.known
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "id":
			q.string(&b.ID, "")
		case "filename":
			q.string(&b.Filename, "")
		case "filepath":
			q.string(&b.Filepath, "")
		case "size":
			b.Size = q.int()
		case "checksum":
			q.string(&b.Checksum, "")
		case "createdAt":
			q.time(&b.CreatedAt)
		case "createdBy":
			q.string(&b.CreatedBy, k.CreatedBy)
		case "status":
			q.string((*string)(&b.Status), string(k.Status))
		case "outcome":
			q.string((*string)(&b.Outcome), string(k.Outcome))
		case "duration":
			b.Duration = q.int()
		case "databaseVersion":
			q.string(&b.DatabaseVersion, k.DatabaseVersion)
		case "schemaVersion":
			q.string(&b.SchemaVersion, k.SchemaVersion)
		case "source":
			q.string(&b.Source, k.Source)
		case "server":
			b.Server = part(q, b.Server, k.Server, q.server)
		case "database":
			q.string(&b.Database, k.Database)
		case "locale":
			b.Locale = part(q, b.Locale, k.Locale, q.locale)
		case "format":
			q.string(&b.Format, k.Format)
		case "compression":
			q.string(&b.Compression, k.Compression)
		case "encryption":
			q.string(&b.Encryption, k.Encryption)
		case "content":
			q.string(&b.Content, k.Content)
		case "selection":
			q.other(&b.Selection)
		case "uncompressedSize":
			b.UncompressedSize = q.int()
		case "pgDumpVersion":
			q.string(&b.PgDumpVersion, k.PgDumpVersion)
		case "engine":
			q.string(&b.Engine, k.Engine)
		case "engineReason":
			q.string(&b.EngineReason, k.EngineReason)
		case "jobs":
			b.Jobs = int(q.int())
		case "waitedPercent":
			b.WaitedPercent = int(q.int())
		case "rows":
			q.string(&b.Rows, k.Rows)
		case "binaryTables":
			b.BinaryTables = int(q.int())
		case "textRows":
			q.string(&b.TextRows, k.TextRows)
		case "trigger":
			q.string(&b.Trigger, k.Trigger)
		case "labels":
			q.labels(b)
		case "verification":
			b.Verification = part(q, b.Verification, k.Verification, q.verification)
		case "verifications":
			q.other(&b.Verifications)
		case "error":
			b.Error = part(q, b.Error, k.Error, q.error)
		case "attempt":
			b.Attempt = int(q.int())
		case "stored":
			b.Stored = part(q, b.Stored, k.Stored, q.stored)
		case "contents":
			b.Contents = part(q, b.Contents, k.Contents, q.contents)
		case "globals":
			b.Globals = part(q, b.Globals, k.Globals, q.globals)
		case "objectLock":
			b.ObjectLock = part(q, b.ObjectLock, k.ObjectLock, q.objectLock)
		case "pin":
			b.Pin = part(q, b.Pin, k.Pin, q.pin)
		default:
			q.lost = true
		}
	}
}

// part reads a part of a record, which must not have been read before: encoding/json reads the second one over the first.
func part[T any](q *quick, already, known *T, read func(v, known *T)) *T {
	if already != nil {
		q.lost = true
	}
	v := new(T)
	if known == nil {
		known = v
	}
	read(v, known)
	return v
}

func (q *quick) server(s, k *source.Server) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "systemIdentifier":
			q.string(&s.SystemIdentifier, k.SystemIdentifier)
		case "host":
			q.string(&s.Host, k.Host)
		case "port":
			q.string(&s.Port, k.Port)
		case "database":
			q.string(&s.Database, k.Database)
		case "databaseOid":
			n := q.int()
			q.lost = q.lost || n < 0 || n > math.MaxUint32
			s.DatabaseOID = uint32(n)
		default:
			q.lost = true
		}
	}
}

func (q *quick) locale(l, k *Locale) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "encoding":
			q.string(&l.Encoding, k.Encoding)
		case "provider":
			q.string(&l.Provider, k.Provider)
		case "collate":
			q.string(&l.Collate, k.Collate)
		case "ctype":
			q.string(&l.CharType, k.CharType)
		case "name":
			q.string(&l.Name, k.Name)
		case "icuRules":
			q.string(&l.ICURules, k.ICURules)
		default:
			q.lost = true
		}
	}
}

func (q *quick) verification(v, k *Verification) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "ok":
			v.OK = q.bool()
		case "level":
			q.string(&v.Level, k.Level)
		case "at":
			q.time(&v.At)
		case "problems":
			q.other(&v.Problems)
		case "proof":
			q.other(&v.Proof)
		default:
			q.lost = true
		}
	}
}

func (q *quick) error(e, k *Error) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "code":
			q.string((*string)(&e.Code), string(k.Code))
		case "reason":
			q.string((*string)(&e.Reason), string(k.Reason))
		case "message":
			q.string(&e.Message, k.Message)
		case "hint":
			q.string(&e.Hint, k.Hint)
		case "detail":
			q.string(&e.Detail, k.Detail)
		case "attempts":
			e.Attempts = int(q.int())
		default:
			q.lost = true
		}
	}
}

func (q *quick) stored(s, _ *Stored) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "etag":
			q.string(&s.ETag, "")
		case "crc64nvme":
			q.string(&s.CRC64NVME, "")
		case "versionId":
			q.string(&s.VersionID, "")
		default:
			q.lost = true
		}
	}
}

func (q *quick) contents(c, k *Contents) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "missing":
			q.string(&c.Missing, k.Missing)
		case "size":
			c.Size = q.int()
		case "sha256":
			q.string(&c.SHA256, "")
		case "serverKey":
			c.ServerKey = q.bool()
		case "tables":
			c.Tables = int(q.int())
		case "rows":
			c.Rows = q.int()
		case "compared":
			q.string(&c.Compared, "")
		case "notCompared":
			q.string(&c.NotCompared, k.NotCompared)
		case "lost":
			c.Lost = int(q.int())
		case "warnings":
			q.other(&c.Warnings)
		default:
			q.lost = true
		}
	}
}

func (q *quick) globals(g, k *Globals) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "missing":
			q.string(&g.Missing, k.Missing)
		case "size":
			g.Size = q.int()
		case "sha256":
			q.string(&g.SHA256, "")
		case "passwords":
			g.Passwords = q.bool()
		case "without":
			q.other(&g.Without)
		default:
			q.lost = true
		}
	}
}

func (q *quick) objectLock(l, k *ObjectLock) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "mode":
			q.string(&l.Mode, k.Mode)
		case "until":
			q.time(&l.Until)
		default:
			q.lost = true
		}
	}
}

func (q *quick) pin(p, k *Pin) {
	for more := q.begin(); more; more = q.more() {
		switch string(q.name()) {
		case "at":
			q.time(&p.At)
		case "by":
			q.string(&p.By, k.By)
		case "until":
			q.time(&p.Until)
		case "reason":
			q.string(&p.Reason, k.Reason)
		default:
			q.lost = true
		}
	}
}

func (q *quick) labels(b *Backup) {
	q.lost = q.lost || b.Labels != nil
	b.Labels = Labels{}
	for more := q.begin(); more; more = q.more() {
		name := string(q.name())
		var value string
		q.string(&value, q.known.Labels[name])
		b.Labels[name] = value
		q.lost = q.lost || len(b.Labels) > maxLabels
	}
}

// take takes a character off, and reports whether it was there.
func (q *quick) take(c byte) bool {
	if len(q.text) == 0 || q.text[0] != c {
		return false
	}
	q.text = q.text[1:]
	return true
}

// begin begins an object and reports whether there is anything in it.
func (q *quick) begin() bool {
	if !q.take('{') {
		q.lost = true
	}
	return !q.lost && !q.take('}')
}

// more ends a member and reports whether another one follows.
func (q *quick) more() bool {
	switch {
	case q.lost:
		return false
	case q.take(','):
		return true
	}
	q.lost = !q.take('}')
	return false
}

func (q *quick) name() []byte {
	name := q.raw()
	if !q.take(':') {
		q.lost = true
	}
	return name
}

// raw takes a text off that is written without escapes.
func (q *quick) raw() []byte {
	if !q.take('"') {
		q.lost = true
		return nil
	}
	ascii := true
	for i, c := range q.text {
		switch {
		case c == '"':
			raw := q.text[:i]
			q.text = q.text[i+1:]
			q.lost = q.lost || !ascii && !utf8.Valid(raw)
			return raw
		case c < ' ', c == '\\':
			q.lost = true
			return nil
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	q.lost = true
	return nil
}

// string reads a text. It takes the known one where they are the same.
func (q *quick) string(s *string, known string) {
	if raw := q.raw(); string(raw) == known {
		*s = known
	} else {
		*s = string(raw)
	}
}

func (q *quick) time(t *time.Time) {
	if err := t.UnmarshalText(q.raw()); err != nil {
		q.lost = true
	}
}

func (q *quick) bool() bool {
	for _, word := range []string{"true", "false"} {
		if len(q.text) >= len(word) && string(q.text[:len(word)]) == word {
			q.text = q.text[len(word):]
			return word == "true"
		}
	}
	q.lost = true
	return false
}

// int reads a whole number of up to 18 digits.
func (q *quick) int() int64 {
	minus := q.take('-')
	var n int64
	i := 0
	for i < len(q.text) && i < 19 && q.text[i] >= '0' && q.text[i] <= '9' {
		n = 10*n + int64(q.text[i]-'0')
		i++
	}
	if i == 0 || i == 19 || i > 1 && q.text[0] == '0' {
		q.lost = true
	}
	q.text = q.text[i:]
	if minus {
		return -n
	}
	return n
}

// other has encoding/json read a value.
func (q *quick) other(into any) {
	n := jsonlist.Value(q.text)
	if n <= 0 || json.Unmarshal(q.text[:n], into) != nil {
		q.lost = true
		return
	}
	q.text = q.text[n:]
}
