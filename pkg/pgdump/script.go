package pgdump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"cofre/pkg/lazyregexp"
)

// scriptFilter passes an SQL script on without what a server may refuse: the setting transaction_timeout, and
// column versions. It looks at lines up to the first data only; all after that passes untouched.
type scriptFilter struct {
	in *bufio.Reader
	// transactionTimeout is true when that setting may stay.
	transactionTimeout bool
	// encoding replaces that of the script, when it is not "".
	encoding string

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

var columnVersionLine = lazyregexp.New(`^(.*) SET \(([^()]*)\);\n$`)

func (f *scriptFilter) filter(line []byte) []byte {
	if !f.settings {
		if string(line) == "SET transaction_timeout = 0;\n" && !f.transactionTimeout {
			return nil
		}
		if f.encoding != "" && clientEncoding().Match(line) {
			return fmt.Appendf(nil, "SET client_encoding = '%s';\n", f.encoding)
		}
		f.settings = !isSetting(line)
	}
	if bytes.HasPrefix(line, []byte("COPY ")) && bytes.HasSuffix(line, []byte(" FROM stdin;\n")) || bytes.HasPrefix(line, []byte("INSERT INTO ")) {
		f.data = true
	} else if bytes.Contains(line, []byte(columnVersion)) {
		// The statement may have begun lines before, in a name with line breaks.
		if m := columnVersionLine().FindSubmatch(line); m != nil && columnVersionOption().Match(m[2]) {
			return append(append(bytes.Clone(m[1]), setOptions(string(m[2]))...), ";\n"...)
		}
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
