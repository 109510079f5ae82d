package archive

import (
	"bytes"

	"cofre/pkg/lazyregexp"
)

// What pg_dump writes first and last in plain SQL (pg_backup_archiver.c RestoreArchive). Since 2025 a "\restrict"
// line follows the opening, and "\unrestrict" with the same word comes after the closing comment.
const (
	plainOpening = "--\n-- PostgreSQL database dump\n--\n"
	plainClosing = "\n--\n-- PostgreSQL database dump complete\n--\n"
)

// tailLength is how many last bytes are kept: the closing comment, and a \unrestrict line of at most 63 letters.
const tailLength = 512

// plain checks that a SQL dump is there from its first line to its last. What lies between is psql's language and is
// not parsed: only restoring it proves more.
type plain struct {
	head []byte // the first bytes, up to headLength
	tail []byte // the last bytes
	off  int64
}

// headLength is enough for the opening, the \restrict line and the two lines with versions.
const headLength = 1 << 10

func newPlain() *plain { return &plain{} }

func (t *plain) feed(p []byte) error {
	t.off += int64(len(p))
	if room := headLength - len(t.head); room > 0 {
		t.head = append(t.head, p[:min(room, len(p))]...)
		n := min(len(t.head), len(plainOpening))
		if string(t.head[:n]) != plainOpening[:n] {
			return &FormatError{Where: "the first lines", Msg: "it does not begin like pg_dump's SQL output"}
		}
	}
	if len(p) >= tailLength {
		t.tail = append(t.tail[:0], p[len(p)-tailLength:]...)
		return nil
	}
	if over := len(t.tail) + len(p) - tailLength; over > 0 {
		t.tail = t.tail[:copy(t.tail, t.tail[over:])]
	}
	t.tail = append(t.tail, p...)
	return nil
}

var (
	restrictLine   = lazyregexp.New(`(?m)^\\restrict (\S+)$`)
	unrestrictLine = lazyregexp.New(`^\s*\\unrestrict (\S+)\s*$`)
	dumpedFrom     = lazyregexp.New(`(?m)^-- Dumped from database version (.+)$`)
	dumpedBy       = lazyregexp.New(`(?m)^-- Dumped by pg_dump version (.+)$`)
)

func (t *plain) finish() error {
	fail := func(msg string) error {
		return &FormatError{Offset: t.off, Where: "the last lines", Msg: msg}
	}
	if len(t.head) < len(plainOpening) {
		return fail("the file ends too early")
	}
	i := bytes.LastIndex(t.tail, []byte(plainClosing))
	if i < 0 {
		return fail(`the line "-- PostgreSQL database dump complete" is missing: the file was cut off`)
	}
	rest := t.tail[i+len(plainClosing):]
	opened := restrictLine().FindSubmatch(t.head)
	closed := unrestrictLine().FindSubmatch(rest)
	switch {
	case opened == nil && len(bytes.TrimSpace(rest)) > 0:
		return fail("something follows the closing line")
	case opened != nil && (closed == nil || !bytes.Equal(opened[1], closed[1])):
		return fail(`the last line "\unrestrict" is missing or has another key: the file was cut off or changed`)
	}
	return nil
}

func (t *plain) summary() Summary {
	s := Summary{Kind: KindPlain, Compression: CompressionNone, Size: t.off, UncompressedBytes: t.off}
	if m := dumpedFrom().FindSubmatch(t.head); m != nil {
		s.ServerVersion = string(m[1])
	}
	if m := dumpedBy().FindSubmatch(t.head); m != nil {
		s.DumpVersion = string(m[1])
	}
	return s
}
