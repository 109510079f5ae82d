package archive

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
)

// TextRows writes an archive to w in which all rows are text: h is its head, with tables of binary rows, and r what follows that. text gives
// the writer that makes COPY's text of the binary rows of an entry; its Close is called behind the last of them, and only then. All else
// is copied as it is, but for offsets of blocks, which are not set. Errors of r, w and text pass unchanged; what does not fit is a fault
// (structure_damaged).
func TextRows(ctx context.Context, w io.Writer, h *Head, r io.Reader, text func(e *Entry, w io.Writer) (io.WriteCloser, error)) error {
	out := *h
	out.Entries = slices.Clone(h.Entries)
	binary := map[int64]*Entry{}
	for i := range out.Entries {
		if out.Entries[i].textRows() && h.Entries[i].HasData {
			binary[int64(h.Entries[i].DumpID)] = &h.Entries[i]
		}
	}
	x := &blockReader{h: h, br: bufio.NewReaderSize(contextReader{ctx, r}, readSize), off: h.Length}
	to, err := NewWriter(w, &out)
	if err != nil {
		return err
	}
	level := 0
	if h.Compression != CompressionNone {
		level = 1
	}
	f, err := NewFramer(h.Compression, level)
	if err != nil {
		return err
	}
	for {
		switch _, err := x.br.Peek(1); {
		case errors.Is(err, io.EOF):
			return to.Close()
		case err != nil:
			return err
		}
		kind, id, err := x.begin()
		if err != nil {
			return toFault(err)
		}
		switch e := binary[id]; {
		case kind == blockBlobs:
			err = x.copyObjects(to, int32(id))
		case e == nil:
			if err = to.Data(int32(id)); err == nil {
				err = x.copyStored(to)
			}
		default:
			if err = to.Data(int32(id)); err == nil {
				err = x.rewrite(to, f, e, text)
			}
		}
		if err != nil {
			return toFault(err)
		}
	}
}

// copyObjects copies a block of large objects.
func (x *blockReader) copyObjects(to *Writer, id int32) error {
	if err := to.LargeObjects(id); err != nil {
		return err
	}
	for {
		oid, err := x.integer()
		if err != nil || oid == 0 {
			return err
		}
		if err := to.LargeObject(uint32(oid)); err != nil {
			return err
		}
		if err := x.copyStored(to); err != nil {
			return err
		}
	}
}

// copyStored copies the present stream as it is.
func (x *blockReader) copyStored(to *Writer) error {
	for {
		n, err := x.integer()
		if err == nil && (n < 0 || n > maxLength) {
			err = x.fail("a chunk's length is %d", n)
		}
		if err != nil || n == 0 {
			return err
		}
		if err := to.stored(n, x.br); err != nil {
			return x.ended(err)
		}
		x.off += n
	}
}

// rewrite makes text of the present stream.
func (x *blockReader) rewrite(to *Writer, f *Framer, e *Entry, text func(*Entry, io.Writer) (io.WriteCloser, error)) error {
	f.Reset(to)
	rows, err := text(e, f)
	if err != nil {
		return err
	}
	if err := x.copyStream(rows); err != nil {
		return err
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if _, err := io.WriteString(f, CopyEnd); err != nil {
		return err
	}
	sum, err := f.Close()
	if err != nil {
		return err
	}
	return to.Piece(sum)
}
