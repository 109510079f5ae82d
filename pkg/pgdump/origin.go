package pgdump

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"cofre/pkg/archive"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/postgres"
)

// origin is how the dumped database was made and what belongs to it as a whole, as far as the dump says.
type origin struct {
	// locale holds the encoding alone when described is false; of some scripts not even that.
	locale     postgres.Locale
	described  bool
	tablespace string
	owner      string
	statements []postgres.DatabaseStatement
}

// originOf reads an archive's head: pg_dump writes CREATE DATABASE into every archive, and behind it what pg_restore
// executes with --create only.
func originOf(h *archive.Head) origin {
	var out origin
	for i := range h.Entries {
		switch e := &h.Entries[i]; {
		case e.Desc == "ENCODING":
			if m := clientEncoding().FindStringSubmatch(e.Defn); m != nil && out.locale.Encoding == "" {
				out.locale.Encoding = m[1]
			}
		case e.Desc == "DATABASE":
			if l, tablespace, ok := postgres.ParseCreateDatabase(e.Defn); ok && l.Encoding != "" {
				out.locale, out.tablespace, out.owner, out.described = l, tablespace, e.Owner, true
			}
		case aboutDatabase(e):
			out.statements = append(out.statements, postgres.ParseDatabaseStatements(e.Defn)...)
		}
	}
	return out
}

// aboutDatabase reports whether an entry is about the database as a whole: pg_restore leaves it out without --create.
func aboutDatabase(e *archive.Entry) bool {
	switch e.Desc {
	case "DATABASE", "DATABASE PROPERTIES":
		return true
	case "COMMENT", "SECURITY LABEL", "ACL":
		return strings.HasPrefix(e.Tag, "DATABASE ")
	}
	return false
}

var clientEncoding = lazyregexp.New(`(?m)^SET client_encoding = '([A-Za-z0-9_]+)';`)

// descriptionLine begins the line that Dump adds to an SQL script: a comment, because the script is for any database, with
// postgres.Description as JSON. It is in the script and not in the record of the backup because settings
// of a database hold secrets at times: the script is encrypted where backups are.
const descriptionLine = "-- cofre: the database was "

// maxDescription bounds that line, in bytes.
const maxDescription = 32 << 10

// scriptStart is how much of a script is looked at before it is restored: pg_dump's comments, the description, settings.
const scriptStart = maxDescription + 8<<10

// originOfScript reads the beginning of an SQL script.
func originOfScript(start []byte) origin {
	var out origin
	for line := range bytes.Lines(start) {
		if !isSetting(line) {
			break
		}
		if text, ok := bytes.CutPrefix(line, []byte(descriptionLine)); ok {
			var d postgres.Description
			if json.Unmarshal(text, &d) != nil {
				continue
			}
			if l, tablespace, ok := postgres.ParseCreateDatabase(d.Create); ok && l.Encoding != "" {
				out = origin{locale: l, tablespace: tablespace, owner: d.Owner, described: true, statements: postgres.ParseDatabaseStatements(d.Statements)}
			}
		}
		if m := clientEncoding().FindSubmatch(line); m != nil && !out.described {
			out.locale.Encoding = string(m[1])
		}
	}
	return out
}

// peek reads the first bytes and returns them with a reader of all. What broke the reading comes again out of the reader.
func peek(r io.Reader, n int) (start []byte, all io.Reader) {
	start = make([]byte, n)
	got, err := fill(r, start)
	start = start[:got]
	if err != nil {
		return start, io.MultiReader(bytes.NewReader(start), failing{err})
	}
	return start, io.MultiReader(bytes.NewReader(start), r)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// describing puts a description behind the first comments of a script.
type describing struct {
	in      *bufio.Reader
	line    []byte
	pending []byte
	placed  bool
	err     error
}

// newDescribing returns r when there is no room for the description.
func newDescribing(r io.Reader, d postgres.Description) io.Reader {
	line, err := json.Marshal(d)
	if line = ascii(line); err != nil || len(descriptionLine)+len(line)+1 > maxDescription {
		return r
	}
	return &describing{in: bufio.NewReader(r), line: append(append([]byte(descriptionLine), line...), '\n')}
}

// ascii escapes what is not ASCII in JSON: the script has an encoding of its own.
func ascii(text []byte) []byte {
	var out []byte
	for _, r := range string(text) {
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
	}
	return out
}

func (d *describing) Read(p []byte) (int, error) {
	for len(d.pending) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		if d.placed {
			return d.in.Read(p)
		}
		line, err := d.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			d.err = err
		}
		d.pending = bytes.Clone(line)
		if comment := bytes.HasPrefix(line, []byte("--")) || bytes.HasPrefix(line, []byte(`\restrict `)) || len(bytes.TrimSpace(line)) == 0; !comment {
			d.pending, d.placed = append(bytes.Clone(d.line), line...), true
		}
	}
	n := copy(p, d.pending)
	d.pending = d.pending[n:]
	return n, nil
}
