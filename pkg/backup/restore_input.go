package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync/atomic"

	"cofre/pkg/archive"
	"cofre/pkg/storage"
)

// restoreInput opens the plain bytes of a backup, of a part by ranges wherever that can be; see RestoreInput. What was proven, if it is not
// nil, must be there still. Progress may be nil.
func (s *Service) restoreInput(ctx context.Context, b Backup, proven *storage.Object, part bool, progress func(read, total int64)) RestoreInput {
	var read, total atomic.Int64
	total.Store(b.Size)
	report := func(n int64) {
		if of := total.Load(); progress != nil {
			progress(min(read.Add(n), of), of)
		}
	}
	same := func(r io.ReadCloser, o storage.Object) error {
		if proven != nil && o.ETag != proven.ETag {
			r.Close()
			return errReplaced(b)
		}
		return nil
	}
	in := RestoreInput{Reading: total.Store, Open: func(ctx context.Context) (io.ReadCloser, error) {
		r, o, err := s.Store.Open(ctx, b.Filepath, 0, -1)
		if err != nil {
			return nil, err
		}
		if err := same(r, o); err != nil {
			return nil, err
		}
		src := &proving{want: b, hint: "Do not use what was restored; run cofre validate " + b.ID + ".", report: report, hashing: hashing{r: r, h: sha256.New(), ctx: ctx}}
		first := make([]byte, archive.SniffLength)
		n, err := io.ReadFull(src, first)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			r.Close()
			return nil, err
		}
		plain, err := openPlain(io.MultiReader(bytes.NewReader(first[:n]), src), archive.Sniff(first[:n]), s.Identities)
		if err != nil {
			r.Close()
			return nil, err
		}
		return &chain{plain, r}, nil
	}}
	if b.Format != FormatCustom {
		return in
	}
	open := s.ranges(b, func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
		r, o, err := s.Store.Open(ctx, b.Filepath, offset, length)
		if err != nil {
			return nil, err
		}
		if err := same(r, o); err != nil {
			return nil, err
		}
		return &reporting{r, report}, nil
	})
	switch {
	case b.Encryption == "none" && (part || !s.Registry.Checks()):
		// Parts are proven by their CRC-32C, which anybody can make fit: where signatures count, the whole is, by its SHA-256, and a part
		// is read from what was proven so.
		layout, err := s.Registry.Layout(ctx, b.ID)
		if err != nil || layout == nil {
			s.Log.Info("restoring in one stream: the manifest does not say where each table lies", "backup_id", b.ID)
			return in
		}
		in.Layout, in.OpenRange = layout, open
	case b.Encryption != "none" && part:
		in.OpenRange = open
		in.Tables, in.Head = s.places(ctx, b)
	}
	return in
}

// places says where the tables of a backup lie by what it contains, and where the first rows do; nothing where that is not known.
func (s *Service) places(ctx context.Context, b Backup) (tables []TablePlace, first int64) {
	found, err := s.readContents(ctx, b)
	if err != nil {
		s.Log.Info("what the backup contains does not help to find its tables", "backup_id", b.ID, "error", err.Error())
		return nil, -1
	}
	tables = []TablePlace{}
	for i := range found.Tables {
		if t := &found.Tables[i]; t.Data && t.Stored > 0 {
			tables = append(tables, TablePlace{t.Schema, t.Name, t.Offset, t.Stored})
		}
	}
	return tables, firstRows(found)
}
