package pgdump

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"cofre/pkg/fault"
)

// feedBuffer is the size of each of the two buffers between the source and the child, in bytes.
const feedBuffer = 256 << 10

// errChildGone says that the child closed its input before the end of ours.
var errChildGone = errors.New("the program ended before its input did")

// holdBack copies a source to a child so that the child sees neither the end nor the last bytes before the
// source has said that all was well.
type holdBack struct {
	// complete, if set, looks at the last bytes (up to twice feedBuffer) and refuses input that was cut off.
	complete func(tail []byte) error
}

// copy reads r to its end and answers the number of bytes written. Its error is that of r, or errChildGone.
func (h holdBack) copy(w *os.File, r io.Reader) (written int64, err error) {
	held, next := make([]byte, 0, feedBuffer), make([]byte, feedBuffer)
	for {
		n, readErr := fill(r, next)
		if readErr != nil && readErr != io.EOF {
			return written, readErr
		}
		if readErr == io.EOF && h.complete != nil {
			if err := h.complete(append(bytes.Clone(held), next[:n]...)); err != nil {
				return written, err
			}
		}
		m, writeErr := w.Write(held)
		if written += int64(m); writeErr != nil {
			return written, errChildGone
		}
		if readErr == io.EOF {
			m, writeErr = w.Write(next[:n])
			if written += int64(m); writeErr != nil {
				return written, errChildGone
			}
			return written, nil
		}
		held, next = next[:n], held[:feedBuffer]
	}
}

// fill reads until p is full or r ends. Unlike io.ReadFull it passes on an io.ErrUnexpectedEOF of r as the
// error that it is.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// scriptComplete refuses a script without pg_dump's last line: psql would commit what there is.
func scriptComplete(tail []byte) error {
	if bytes.Contains(tail, []byte("-- PostgreSQL database dump complete")) {
		return nil
	}
	return fault.New(fault.Validation, fault.StructureDamaged, "Restore another backup.",
		"the SQL dump is cut off: its last line is missing")
}

// filled writes the content of a new file and goes back to its beginning.
func filled(f *os.File, content io.Reader) (*os.File, error) {
	_, err := io.Copy(f, content)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// flowing is what somebody writes in another goroutine.
type flowing struct {
	*io.PipeReader
	stop func()
	done chan struct{}
}

// flow gives what write writes as a reader, which fails with its error. Closing it ends write and waits for that.
func flow(ctx context.Context, write func(context.Context, io.Writer) error) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	f := &flowing{r, cancel, make(chan struct{})}
	go func() {
		defer close(f.done)
		w.CloseWithError(write(ctx, w))
	}()
	return f
}

func (f *flowing) Close() error {
	f.stop()
	err := f.PipeReader.Close()
	<-f.done
	return err
}
