package stream

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// SourceError is an error of the source. It is found by errors.As and errors.Is as its cause is, but it never is
// io.EOF or io.ErrUnexpectedEOF, whatever the cause: no reader may take it for an end.
type SourceError struct{ Err error }

// Error gives the cause.
func (e *SourceError) Error() string { return fmt.Sprintf("read the dump: %v", e.Err) }

// Is asks the cause, except whether it is an end of input.
func (e *SourceError) Is(target error) bool {
	return target != io.EOF && target != io.ErrUnexpectedEOF && errors.Is(e.Err, target)
}

// As asks the cause.
func (e *SourceError) As(target any) bool { return errors.As(e.Err, target) }

// source counts what comes from the wrapped reader and shows it to the tap. After an error it stays there.
type source struct {
	r      io.Reader
	tap    io.Writer
	finish func() error
	n      atomic.Int64
	err    error
}

// maxEmptyReads is how many reads without bytes or error in a row are taken for a broken source.
const maxEmptyReads = 100

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	var n int
	for range maxEmptyReads {
		n, s.err = s.r.Read(p)
		if n != 0 || s.err != nil {
			break
		}
	}
	switch {
	case n < 0 || n > len(p):
		n, s.err = 0, &SourceError{errors.New("the source broke the rules of reading")}
	case s.err == io.EOF:
	case s.err != nil:
		s.err = &SourceError{s.err}
	case n == 0:
		s.err = &SourceError{io.ErrNoProgress}
	}
	if n > 0 && s.tap != nil {
		if _, err := s.tap.Write(p[:n]); err != nil {
			// Bytes that the tap refused do not go on.
			n, s.err = 0, err
		}
	}
	s.n.Add(int64(n))
	if s.err == io.EOF && s.finish != nil {
		if err := s.finish(); err != nil {
			s.err = err
		}
	}
	return n, s.err
}
