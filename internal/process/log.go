package process

import (
	"fmt"
	"io"
	"math"
	"os"
)

// Log is the output of a child that is read while the child runs. It is a file that the child itself writes, so whatever
// the child wrote before it answered a request, or did anything else that is seen outside, is read. A buffer in its place
// is filled by a goroutine of os/exec at some time later.
type Log struct{ file *os.File }

// NewLog makes an empty one. Its file has no name, and goes with the last process that has it open.
func NewLog() (*Log, error) {
	f, err := os.CreateTemp("", "cofre-log-")
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("make a log: %w", err)
	}
	return &Log{f}, nil
}

// File is for the Stdout and Stderr of a command, and of nothing else: writing shares its position.
func (l *Log) File() *os.File { return l.file }

// String returns what has been written so far.
func (l *Log) String() string {
	data, err := io.ReadAll(io.NewSectionReader(l.file, 0, math.MaxInt64))
	if err != nil {
		return fmt.Sprintf("%s(the log cannot be read further: %v)", data, err)
	}
	return string(data)
}

// Close is for when nobody reads it any more. The child may go on writing.
func (l *Log) Close() error { return l.file.Close() }
