package pgdump

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
)

// columnVersion is the column option in which some minor releases keep a version (postgres.Server.ColumnVersions).
const columnVersion = "pg_attver"

var (
	columnVersionOption    = regexp.MustCompile(`^(.* SET \()((?:[^()]*, )?)pg_attver=\d+((?:, [^()]*)?)\);\n$`)
	columnVersionStatement = []byte(" SET (" + columnVersion + "=")
)

// scriptFilter passes an SQL script on without what the target server would refuse: the setting
// transaction_timeout, and column versions. It looks at lines up to the first data only; all after that passes
// untouched.
type scriptFilter struct {
	in *bufio.Reader
	// transactionTimeout is true when the server knows that setting.
	transactionTimeout bool

	settings bool   // no longer among the settings at the script's start
	data     bool   // the first data was reached
	pending  []byte // of the current line, not yet given out
	err      error
}

// maxStatementLine bounds the lines that are looked at, in bytes. Longer ones pass untouched.
const maxStatementLine = 64 << 10

func newScriptFilter(r io.Reader, transactionTimeout bool) *scriptFilter {
	return &scriptFilter{in: bufio.NewReaderSize(r, maxStatementLine), transactionTimeout: transactionTimeout}
}

func (f *scriptFilter) Read(p []byte) (int, error) {
	for len(f.pending) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		if f.data {
			return f.in.Read(p)
		}
		f.next()
	}
	n := copy(p, f.pending)
	f.pending = f.pending[n:]
	return n, nil
}

// next takes one line, or a piece of one that is too long to be looked at.
func (f *scriptFilter) next() {
	line, err := f.in.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		f.err = err
	}
	f.pending = f.filter(line)
}

func (f *scriptFilter) filter(line []byte) []byte {
	switch {
	case bytes.HasPrefix(line, []byte("COPY ")) && bytes.HasSuffix(line, []byte(" FROM stdin;\n")), bytes.HasPrefix(line, []byte("INSERT INTO ")):
		f.data = true
	case !f.settings && !f.transactionTimeout && string(line) == "SET transaction_timeout = 0;\n":
		return nil
	case !f.settings && !isSetting(line):
		f.settings = true
	case bytes.Contains(line, []byte(columnVersion)):
		return dropColumnVersion(line)
	}
	return line
}

// isSetting tells the lines before the first object from all others.
func isSetting(line []byte) bool {
	line = bytes.TrimSpace(line)
	for _, prefix := range []string{"--", "SET ", `\restrict `, "SELECT pg_catalog.set_config("} {
		if bytes.HasPrefix(line, []byte(prefix)) {
			return true
		}
	}
	return len(line) == 0
}

// dropColumnVersion takes the version out of "ALTER COLUMN x SET (pg_attver=1);". The statement may have begun
// lines before, in a name, so it stays one: with the version alone, it becomes one that does nothing on a new column.
func dropColumnVersion(line []byte) []byte {
	m := columnVersionOption.FindSubmatch(line)
	if m == nil {
		return line
	}
	before, after := bytes.TrimSuffix(m[2], []byte(", ")), bytes.TrimPrefix(m[3], []byte(", "))
	kept := bytes.Join([][]byte{before, after}, []byte(", "))
	kept = bytes.Trim(kept, ", ")
	if len(kept) == 0 {
		return append(bytes.TrimSuffix(bytes.Clone(m[1]), []byte(" SET (")), " RESET (n_distinct);\n"...)
	}
	return append(append(bytes.Clone(m[1]), kept...), ");\n"...)
}

// peekLimit is how much of an archive is looked at for column versions, in bytes. Its table of contents is at the front.
const peekLimit = 4 << 20

// hasColumnVersions looks for column versions at the front of an archive, and answers a reader of all of it.
func hasColumnVersions(r io.Reader) (bool, io.Reader) {
	head := make([]byte, peekLimit)
	n, err := fill(r, head)
	head = head[:n]
	found := bytes.Contains(head, columnVersionStatement)
	if err != nil {
		return found, io.MultiReader(bytes.NewReader(head), errorReader{err})
	}
	return found, io.MultiReader(bytes.NewReader(head), r)
}

// errorReader answers an error that came with the last bytes.
type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }
