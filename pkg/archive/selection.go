package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cofre/pkg/fault"
)

// OpenRange opens length bytes of an archive from offset on. The reader may give more; it is closed when done.
type OpenRange func(ctx context.Context, offset, length int64) (io.ReadCloser, error)

// Selection says what of an archive goes into a smaller one.
type Selection struct {
	// Entry tells whether an entry stays in the table of contents; nil keeps all. Dependencies on entries that do not
	// stay are harmless to pg_restore.
	Entry func(*Entry) bool
	// Data tells whether the block of an entry that stays is written; nil writes all. Without its block an entry is
	// marked as having no data, and pg_restore passes over it without complaint.
	Data func(*Entry) bool
}

// Layout is the plan of a smaller archive: its head, and which pieces of the original follow.
type Layout struct {
	Head   *Head
	Blocks []BlockInfo // in the original, in the order of the table of contents, as a reader of a pipe wants them
	Size   int64       // of the smaller archive, in bytes
}

// Select plans a smaller archive from h and the index of blocks that Checker or Check made of the same archive. The
// new head has the new offsets of the blocks, so that pg_restore can restore it in parallel, which it cannot with an
// archive from a pipe.
func Select(h *Head, index []BlockInfo, sel Selection) (*Layout, error) {
	where := make(map[int32]BlockInfo, len(index))
	for _, b := range index {
		where[b.DumpID] = b
	}
	out := *h
	out.Entries = nil
	l := &Layout{Head: &out}
	for i := range h.Entries {
		e := h.Entries[i] // a copy: h stays as it is
		if sel.Entry != nil && !sel.Entry(&e) {
			continue
		}
		if e.HasData && (sel.Data == nil || sel.Data(&e)) {
			b, ok := where[e.DumpID]
			if !ok || b.Offset < h.Length || b.Length <= 0 {
				return nil, fault.New(fault.Validation, fault.StructureDamaged,
					"Validate the backup: that reads the archive and finds its blocks again.",
					"the index of blocks has no place for %s (id %d)", qualified(e.Namespace, e.Tag), e.DumpID)
			}
			b.Schema, b.Tag = e.Namespace, e.Tag // an index from a manifest has no names
			e.OffsetState = OffsetSet
			l.Blocks = append(l.Blocks, b)
		} else {
			e.HasData, e.OffsetState, e.Offset = false, OffsetNoData, 0
		}
		out.Entries = append(out.Entries, e)
	}
	return l, l.place()
}

// place sets the blocks' offsets in the new archive.
func (l *Layout) place() error {
	// Offsets have a fixed size, so that the head's length is known before they are.
	length, err := l.Head.WriteTo(io.Discard)
	if err != nil {
		return err
	}
	l.Head.Length, l.Size = length, length
	place := make(map[int32]int64, len(l.Blocks))
	for _, b := range l.Blocks {
		place[b.DumpID] = l.Size
		l.Size += b.Length
	}
	for i := range l.Head.Entries {
		e := &l.Head.Entries[i]
		if e.HasData {
			e.Offset = place[e.DumpID]
		}
	}
	if l.Head.OffsetSize == 4 && l.Size > 1<<31-1 {
		return errors.New("archive: offsets of 4 bytes cannot hold the size of the smaller archive")
	}
	return nil
}

// WriteSelection writes a smaller archive to w: head and table of contents of the layout, then its blocks, read from
// the original through open. Neighbouring blocks are read as one range. Every block is followed while it is copied, so
// that an index which does not fit the archive is a structure_damaged fault and not a broken archive. w does not get the last bytes of
// a block whose checksum is wrong.
func WriteSelection(ctx context.Context, w io.Writer, l *Layout, open OpenRange) error {
	check := newMachine(Options{Kind: KindCustom}, false)
	out := io.MultiWriter(&comparing{m: check, want: l.Blocks}, w)
	if _, err := l.Head.WriteTo(out); err != nil {
		return err
	}
	buf := make([]byte, readSize)
	for i := 0; i < len(l.Blocks); {
		first, length := l.Blocks[i].Offset, int64(0)
		for ; i < len(l.Blocks) && l.Blocks[i].Offset == first+length; i++ {
			length += l.Blocks[i].Length
		}
		if err := copyRange(ctx, out, open, first, length, buf); err != nil {
			return err
		}
	}
	if err := check.finish(); err != nil {
		return toFault(err)
	}
	return sameBlocks(l.Blocks, check.blocks)
}

// comparing follows an archive that is written to it, and compares each block with the index as it ends.
type comparing struct {
	m        *machine
	want     []BlockInfo
	compared int
}

func (c *comparing) Write(p []byte) (int, error) {
	if err := c.m.feed(p); err != nil {
		return 0, toFault(err)
	}
	n := len(c.m.blocks)
	if c.m.cur != nil {
		n-- // the last one has not ended
	}
	if n > c.compared && n <= len(c.want) {
		if err := sameBlocks(c.want[c.compared:n], c.m.blocks[c.compared:n]); err != nil {
			return 0, err
		}
		c.compared = n
	}
	return len(p), nil
}

// sameBlocks tells whether the blocks that were read are those that the index speaks of, by their ids and their CRC-32C. An index
// without CRCs (all zero) is not compared with those.
func sameBlocks(want, got []BlockInfo) error {
	for i, w := range want {
		if i >= len(got) || got[i].DumpID != w.DumpID {
			return fault.New(fault.Validation, fault.StructureDamaged, "Do not use what was read; validate the archive.",
				"the data of %s is not where the index of blocks says", qualified(w.Schema, w.Tag))
		}
		if w.CRC32C != 0 && got[i].CRC32C != w.CRC32C {
			return fault.New(fault.Validation, fault.ChecksumMismatch, "Do not use what was read; validate the archive.",
				"the data of %s is not what was stored: its checksum differs", qualified(w.Schema, w.Tag))
		}
	}
	return nil
}

func copyRange(ctx context.Context, w io.Writer, open OpenRange, offset, length int64, buf []byte) error {
	rc, err := open(ctx, offset, length)
	if err != nil {
		return fmt.Errorf("read %d bytes of the archive from byte %d: %w", length, offset, err)
	}
	n, err := io.CopyBuffer(onlyWriter{w}, onlyReader{io.LimitReader(contextReader{ctx, rc}, length)}, buf)
	if cerr := rc.Close(); err == nil {
		err = cerr
	}
	if err == nil && n < length {
		err = &FormatError{Offset: offset + n, Where: "the blocks of data", Msg: "the archive is shorter than its index says"}
	}
	return toFault(err)
}

// contextReader ends a copy when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
