package backup

import (
	"bufio"
	"context"
	"errors"
	"hash/crc32"
	"io"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/rows"
)

// RowsRequest asks for rows of one table of a backup.
type RowsRequest struct {
	Table   string   // TABLE or SCHEMA.TABLE, as it is stored or quoted as in SQL
	Columns []string // those shown, in the table's order; empty shows all
	Limit   int64    // rows at most; 0 is all
	// AllowUnsigned takes a backup without a signature although trusted keys are set.
	AllowUnsigned bool
	// Remark is called with what is worth knowing before rows come; may be nil.
	Remark func(line string)
}

// RowsShown says what was shown of a table.
type RowsShown struct {
	Backup Backup
	Schema string
	Table  string
	Rows   int64
}

// Rows writes rows of one table of a backup to w, in the order in which they lie there. Only the table of contents and the
// table's own block are read from storage, by ranges, of an encrypted backup too. Where nobody knows where the blocks lie the
// backup is read from its beginning to the table's end.
//
// What is shown is checked against the CRC-32C of the table's block once all of it was read, and the table of contents
// before that; an error that comes late is checksum_mismatch or structure_damaged, with w already written to.
func (s *Service) Rows(ctx context.Context, ref string, req RowsRequest, w io.Writer, f rows.Format) (RowsShown, error) {
	return s.readRows(ctx, ref, req, func(o rows.Options) (*rows.Reader, error) { return rows.NewReader(w, f, o) })
}

// Bounds of what RowCells keeps, in bytes: of a value, and of all.
const (
	maxCell  = 10_000
	maxCells = 2 << 20
)

// RowCells is Rows for a screen: it keeps what fits into a small answer. Full says that there are more rows.
func (s *Service) RowCells(ctx context.Context, ref string, req RowsRequest) (c rows.Cells, shown RowsShown, err error) {
	limit := req.Limit
	if limit > 0 {
		req.Limit++ // to see whether there are more
	}
	shown, err = s.readRows(ctx, ref, req, func(o rows.Options) (*rows.Reader, error) { return rows.NewCells(&c, maxCell, maxCells, o) })
	if limit > 0 && int64(len(c.Rows)) > limit {
		c.Rows, c.Full = c.Rows[:limit], true
	}
	shown.Rows = int64(len(c.Rows))
	return c, shown, err
}

func (s *Service) readRows(ctx context.Context, ref string, req RowsRequest, reader func(rows.Options) (*rows.Reader, error)) (RowsShown, error) {
	shown := RowsShown{}
	if req.Limit < 0 {
		return shown, invalid("Leave the limit out to see all rows.", "a limit of %d rows", req.Limit)
	}
	b, err := s.good(ctx, ref, req.AllowUnsigned)
	if err != nil {
		return shown, err
	}
	shown.Backup = b
	if b.Format == FormatPlain {
		return shown, invalid("Restore it (cofre restore), or look into the script: cofre download.",
			"backup %s is an SQL script, of which nobody knows where a table begins", b.ID)
	}
	if err := s.readable(ctx, b); err != nil {
		return shown, err
	}
	t, err := s.openTable(ctx, b, req)
	if err != nil {
		return shown, err
	}
	shown.Schema, shown.Table = t.entry.Namespace, t.entry.Tag
	r, err := reader(rows.Options{Columns: t.copied.Columns, Show: req.Columns, Limit: req.Limit, Binary: t.copied.Binary, Types: t.copied.Types,
		ASCII: t.head.Encoding() != "UTF8" && t.head.Encoding() != "SQL_ASCII"})
	if err != nil {
		return shown, err
	}
	err = t.copy(ctx, r)
	if errors.Is(err, rows.ErrEnough) {
		err = nil
	}
	cerr := r.Close()
	shown.Rows = r.Rows()
	if err == nil {
		err = cerr
	}
	return shown, err
}

// table is one table in an archive that can be read.
type table struct {
	head   *archive.Head
	entry  *archive.Entry
	copied archive.Copied
	// copy writes the rows to w.
	copy func(ctx context.Context, w io.Writer) error
}

// openTable reads the archive's head, finds the table in it, and the way to its rows.
func (s *Service) openTable(ctx context.Context, b Backup, req RowsRequest) (*table, error) {
	open := s.ranges(b, s.stored(b))
	layout, err := s.Registry.Layout(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	length := int64(-1)
	var found *contents.Contents
	if layout != nil {
		if length = layout.HeadLength; length < 1 || length > b.Size { // whatever somebody wrote there
			return nil, fault.New(fault.Validation, fault.StructureDamaged, "Validate the backup.", "the backup's manifest says that its table of contents has %d bytes, which cannot be", length)
		}
	} else {
		if found, err = s.readContents(ctx, b); err != nil {
			s.Log.Debug("the backup's contents do not help to find a table", "backup_id", b.ID, "error", err.Error())
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		length = firstRows(found)
	}
	t := &table{}
	if err := t.find(ctx, open, length, layout, req.Table); err != nil {
		return nil, err
	}
	switch {
	case !s.Registry.Checks() || req.Remark == nil:
	case layout != nil:
		req.Remark("the signature covers the table of contents and where the rows lie; the rows are compared by CRC-32C alone; cofre validate compares the whole")
	default: // encrypted, or without a signature
		req.Remark("what is shown is compared with nothing that was signed; cofre validate compares the whole")
	}
	place, known, err := t.place(layout, found)
	if err != nil {
		return nil, err
	}
	if known {
		t.copy = func(ctx context.Context, w io.Writer) error { return archive.CopyBlock(ctx, w, open, t.head, place) }
		return t, nil
	}
	if req.Remark != nil {
		req.Remark("backup " + b.ID + " does not say where its tables lie: it is read from its beginning, up to " + quantity.Bytes(b.Size))
	}
	t.copy = func(ctx context.Context, w io.Writer) error {
		r, err := open(ctx, t.head.Length, -1)
		if err != nil {
			return err
		}
		defer r.Close()
		return archive.ScanBlock(ctx, w, r, t.head, t.entry.DumpID)
	}
	return t, nil
}

// find reads the head, which lies in the first length bytes, or nobody knows where if that is below 0, and settles which table is meant.
// With a layout the head ends there, and is proven.
func (t *table) find(ctx context.Context, open archive.OpenRange, length int64, layout *registry.Layout, name string) error {
	stored, err := open(ctx, 0, length)
	if err != nil {
		return err
	}
	defer stored.Close()
	r := io.Reader(stored)
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if layout != nil {
		r = io.TeeReader(r, sum)
	}
	behind := bufio.NewReaderSize(r, 64<<10) // ReadHead goes on with it, and takes no more than the head
	if t.head, err = archive.ReadHead(ctx, behind, archive.Options{}); err != nil {
		return err
	}
	if layout != nil {
		if _, err := io.Copy(io.Discard, behind); err != nil {
			return err
		}
		if sum.Sum32() != layout.HeadCRC32C || t.head.Length != layout.HeadLength {
			return fault.New(fault.Validation, fault.ChecksumMismatch, "Do not use this backup; look at it with: cofre validate", "the archive's table of contents is not what was stored: its checksum differs")
		}
	}
	if t.entry, err = t.head.FindTable(name); err != nil {
		return err
	}
	var known bool
	if t.copied, known = t.entry.Copied(); !known {
		return invalid("Restore the table: cofre restore.", "the rows of %s are not as pg_dump or cofre writes them", t.entry.Label())
	}
	return nil
}

// firstRows is where the first rows of a backup lie by what it contains, before which its head ends; -1 where that is not known.
func firstRows(c *contents.Contents) int64 {
	first := int64(-1)
	if c == nil {
		return first
	}
	for i := range c.Tables {
		if t := &c.Tables[i]; t.Stored > 0 && t.Offset > 0 && (first < 0 || t.Offset < first) {
			first = t.Offset
		}
	}
	return first
}

// place says where the table's block lies, if that is known: from the manifest, or, as that of an encrypted backup says
// nothing of tables, from what it contains.
func (t *table) place(layout *registry.Layout, found *contents.Contents) (place archive.BlockInfo, known bool, err error) {
	place = archive.BlockInfo{DumpID: t.entry.DumpID, Schema: t.entry.Namespace, Tag: t.entry.Tag}
	if layout == nil {
		if found == nil {
			return place, false, nil
		}
		for i := range found.Tables {
			if x := &found.Tables[i]; x.Schema == place.Schema && x.Name == place.Tag && x.Offset >= t.head.Length && x.Stored > 0 {
				place.Offset, place.Length = x.Offset, x.Stored
				return place, true, nil
			}
		}
		return place, false, nil
	}
	for _, line := range layout.Blocks {
		b, err := registry.ParseBlock(line)
		if err != nil {
			return place, false, err
		}
		if b.DumpID == place.DumpID {
			place.Offset, place.Length, place.CRC32C = b.Offset, b.Length, b.CRC32C
			return place, true, nil
		}
	}
	return place, false, fault.New(fault.Validation, fault.StructureDamaged, "Validate the backup.", "the manifest has no place for the rows of %s", t.entry.Label())
}
