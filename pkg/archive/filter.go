package archive

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
)

// FilterBlocks copies the blocks of the entries for which keep answers true, and passes the others by: for an archive of which nobody
// knows where the blocks lie. r is read from the end of the head on to its own end, so that what it says there counts.
//
// What does not fit is a structure_damaged fault; errors of r and w pass unchanged.
func FilterBlocks(ctx context.Context, w io.Writer, r io.Reader, h *Head, keep func(id int32) bool) error {
	x := &blockReader{h: h, br: bufio.NewReaderSize(contextReader{ctx, r}, readSize), off: h.Length}
	f := &blockFilter{x: x, w: w}
	for {
		more, err := f.next(keep)
		if err != nil {
			return toFault(err)
		}
		if !more {
			break
		}
	}
	// A second table of contents, which archives on files that could not be gone back in have, is nobody's business here.
	_, err := io.Copy(io.Discard, x.br)
	return err
}

// blockFilter copies blocks as they are.
type blockFilter struct {
	x  *blockReader
	w  io.Writer
	on bool // the present block is copied
}

// next copies or passes the next block; false at the end.
func (f *blockFilter) next(keep func(int32) bool) (more bool, err error) {
	first, err := f.x.br.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	case first[0] != blockData && first[0] != blockBlobs:
		return false, nil
	}
	head, err := f.x.br.Peek(1 + f.x.intLen())
	if err != nil {
		return false, f.x.ended(err)
	}
	head = append([]byte(nil), head...)
	kind, id, err := f.x.begin()
	if err != nil {
		return false, err
	}
	if f.on = id > 0 && id <= math.MaxInt32 && keep(int32(id)); f.on {
		if _, err := f.w.Write(head); err != nil {
			return false, err
		}
	}
	for {
		if kind == blockBlobs {
			if oid, err := f.integer(); err != nil || oid == 0 {
				return err == nil, err
			}
		}
		if err := f.stream(); err != nil || kind == blockData {
			return err == nil, err
		}
	}
}

// integer copies an integer.
func (f *blockFilter) integer() (int64, error) {
	raw, err := f.x.br.Peek(f.x.intLen())
	if err != nil {
		return 0, f.x.ended(err)
	}
	if f.on {
		if _, err := f.w.Write(raw); err != nil {
			return 0, err
		}
	}
	return f.x.integer()
}

// stream copies the chunks of one stream, and the mark behind them.
func (f *blockFilter) stream() error {
	for {
		n, err := f.integer()
		switch {
		case err != nil || n == 0:
			return err
		case n < 0 || n > math.MaxInt32:
			return f.x.fail("a chunk's length is %d", n)
		}
		out := io.Discard
		if f.on {
			out = f.w
		}
		m, err := io.CopyN(onlyWriter{out}, f.x.br, n)
		f.x.off += m
		if err != nil {
			return f.x.ended(err)
		}
	}
}
