package part

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
)

// List names entries of an archive, as pg_restore --list prints them and people then edit them.
type List struct{ lines []listLine }

type listLine struct {
	number int // in the file, from 1
	id     int32
	text   string // behind the id; "" where the line has the id alone
}

// MaxList bounds a list, in bytes: one of half a million entries.
const MaxList = 64 << 20

var listed = lazyregexp.New(`^\s*(\d+)\s*(?:;(.*))?$`)

// ParseList reads a list: a line for each entry, in the order in which they are to be restored. Empty lines and those that begin with
// a semicolon are nothing.
func ParseList(text []byte) (*List, error) {
	refuse := func(number int, what string) (*List, error) {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Begin with what --list prints, and take out lines, or put a semicolon in front of them.", "line %d of the list %s", number, what)
	}
	l := &List{}
	seen := map[int32]int{}
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		line := strings.TrimRight(string(raw), "\r\n")
		if s := strings.TrimSpace(line); s == "" || s[0] == ';' {
			continue
		}
		m := listed().FindStringSubmatch(line)
		if m == nil {
			return refuse(number, fmt.Sprintf("is none of an archive's entries: %.60q", line))
		}
		id, err := strconv.ParseInt(m[1], 10, 32)
		if err != nil || id < 1 {
			return refuse(number, fmt.Sprintf("begins with %s, which no entry has", m[1][:min(len(m[1]), 20)]))
		}
		if before := seen[int32(id)]; before > 0 {
			return refuse(number, fmt.Sprintf("names the entry of line %d again", before))
		}
		seen[int32(id)] = number
		l.lines = append(l.lines, listLine{number, int32(id), strings.TrimSpace(m[2])})
	}
	if len(l.lines) == 0 {
		return refuse(max(number, 1), "is the last, and none names an entry")
	}
	return l, nil
}

// places gives the places of all that the list names, in its order; without a list, of everything.
func (l *List) places(t *toc) ([]int, error) {
	var out []int
	if l == nil {
		for i := range t.owner {
			out = append(out, i)
		}
		return out, nil
	}
	for _, line := range l.lines {
		i, known := t.at[line.id]
		if !known || line.text != "" && squeezed(line.text) != squeezed(lineOf(&t.head.Entries[i])) {
			return nil, fault.New(fault.Validation, fault.InvalidInput, "Print the list of this backup: cofre restore ID --list",
				"line %d of the list, entry %d, is not one of this backup: %.100s", line.number, line.id, line.text)
		}
		out = append(out, i)
	}
	return out, nil
}

// lineOf is an entry's line behind its id.
func lineOf(e *archive.Entry) string {
	var b bytes.Buffer
	_ = (&archive.Head{Entries: []archive.Entry{*e}}).WriteList(&b, false)
	_, text, _ := strings.Cut(b.String(), ";")
	return text
}

func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

// WriteList writes what was chosen as pg_restore --list does, and as ParseList and pg_restore --use-list read it.
func (p *Part) WriteList(w io.Writer) error {
	h := *p.toc.head
	all := len(h.Entries)
	h.Entries = nil
	for _, e := range p.Chosen() {
		h.Entries = append(h.Entries, *e)
	}
	c := h.Created
	if _, err := fmt.Fprintf(w, ";\n; Archive created at %04d-%02d-%02d %02d:%02d:%02d\n;     dbname: %s\n;     TOC Entries: %d\n;     Compression: %s\n;     Dump Version: %s\n;     Format: CUSTOM\n"+
		";     Dumped from database version: %s\n;     Dumped by pg_dump version: %s\n;\n;\n; Selected TOC Entries:\n;\n",
		c.Year+1900, c.Month+1, c.Day, c.Hour, c.Min, c.Sec, oneLine(h.Database), all, h.Compression, h.Version, oneLine(h.ServerVersion), oneLine(h.DumpVersion)); err != nil {
		return err
	}
	return h.WriteList(w, false)
}
