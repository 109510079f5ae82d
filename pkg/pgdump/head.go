package pgdump

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/lazyregexp"
)

// archiveInput is an archive whose head was read.
type archiveInput struct {
	head *archive.Head
	// size is how many bytes the head has in the archive as it is stored.
	size int64
	rest io.Reader
	// order is the places of the entries with data in the table of contents as it was read, which is the order of their blocks.
	order map[int32]int
}

// openArchive reads the head of an archive and takes column versions out of it.
func openArchive(ctx context.Context, r io.Reader) (*archiveInput, error) {
	buffered := bufio.NewReaderSize(r, 256<<10) // ReadHead reads no further than this buffer
	head, err := archive.ReadHead(ctx, buffered, archive.Options{})
	if err != nil {
		return nil, err
	}
	dropColumnVersions(head)
	order := map[int32]int{}
	for i := range head.Entries {
		if head.Entries[i].HasData {
			order[head.Entries[i].DumpID] = i
		}
	}
	return &archiveInput{head: head, size: head.Length, rest: buffered, order: order}, nil
}

// setEncoding says in which encoding the archive's text is to be read.
func (a *archiveInput) setEncoding(encoding string) {
	for i := range a.head.Entries {
		if e := &a.head.Entries[i]; e.Desc == "ENCODING" {
			e.Defn = fmt.Sprintf("SET client_encoding = '%s';\n", encoding)
		}
	}
}

// selected gives what follows the head of a smaller archive of the head's entries. It is closed when done.
func (a *archiveInput) selected(ctx context.Context, from *Ranges) (io.ReadCloser, error) {
	head := *a.head
	head.Length = a.size
	layout, err := archive.Select(&head, from.Index, archive.Selection{})
	if err != nil {
		return nil, err
	}
	r := flow(ctx, func(ctx context.Context, w io.Writer) error { return archive.WriteSelection(ctx, w, layout, from.Open) })
	if _, err := io.CopyN(io.Discard, r, layout.Head.Length); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// reader gives the whole archive, once.
func (a *archiveInput) reader() io.Reader { return io.MultiReader(a.head.Reader(), a.rest) }

// columnVersion is the column option in which some minor releases keep a version.
// The minor releases 15.20 and 17.12 do; pg_dump 18.6 writes it into a dump as if it were a setting, and servers
// without it refuse the table.
const columnVersion = "pg_attver"

var columnVersionOption = lazyregexp.New(`^([^()]*, )?pg_attver=\d+(, [^()]*)?$`)

// dropColumnVersions takes "ALTER COLUMN x SET (pg_attver=1)" out of the definitions of tables.
func dropColumnVersions(h *archive.Head) {
	for i := range h.Entries {
		e := &h.Entries[i]
		if strings.HasSuffix(e.Desc, "TABLE") || strings.HasSuffix(e.Desc, "VIEW") {
			e.Defn = withoutColumnVersions(e.Defn)
		}
	}
}

// withoutColumnVersions replaces the option in SQL, outside of quotes.
func withoutColumnVersions(sql string) string {
	if !strings.Contains(sql, columnVersion) {
		return sql
	}
	const set = " SET ("
	var out strings.Builder
	quote := byte(0)
	for i := 0; i < len(sql); i++ {
		c := sql[i]
		switch {
		case quote != 0:
			if c == quote { // a doubled quote ends and begins again
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case strings.HasPrefix(sql[i:], set):
			rest := sql[i+len(set):]
			end := strings.IndexByte(rest, ')')
			if end < 0 {
				break
			}
			if options := rest[:end]; columnVersionOption().MatchString(options) {
				out.WriteString(setOptions(options))
				i += len(set) + end
				continue
			}
		}
		out.WriteByte(c)
	}
	return out.String()
}

// setOptions writes column options without the version. With the version alone it becomes a clause that does nothing
// on a new column, so that the statement around it stays whole.
func setOptions(options string) string {
	kept := slices.DeleteFunc(strings.Split(options, ", "), func(o string) bool { return strings.HasPrefix(o, columnVersion+"=") })
	if len(kept) == 0 {
		return " RESET (n_distinct)"
	}
	return " SET (" + strings.Join(kept, ", ") + ")"
}

// headFilter passes an archive on with the column versions taken out of its table of contents.
type headFilter struct {
	ctx    context.Context
	in     io.Reader
	out    io.Reader // nil until the head was read
	damage error     // of a head that ended too early; what ended it is the better explanation
}

func (f *headFilter) Read(p []byte) (int, error) {
	if f.damage != nil {
		return 0, io.EOF
	}
	if f.out == nil {
		end := &endMark{r: f.in}
		a, err := openArchive(f.ctx, end)
		switch {
		case err != nil && end.reached:
			f.damage = err
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		f.out = a.reader()
	}
	return f.out.Read(p)
}

// endMark remembers that its reader has ended.
type endMark struct {
	r       io.Reader
	reached bool
}

func (e *endMark) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.reached = e.reached || err == io.EOF
	return n, err
}
