package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// chunk is how much is read or written at once, in bytes.
const chunk = 1 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}

// Open implements storage.Store. The file that was opened is read to its end, whatever has its name meanwhile.
func (s *Store) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, storage.Object, error) {
	say := s.op("read", key)
	if err := s.canceled(ctx, say); err != nil {
		return nil, storage.Object{}, err
	}
	if offset < 0 {
		return nil, storage.Object{}, fault.New(fault.Validation, fault.InvalidInput, "Read from byte 0 or behind it.", "%s cannot be read from byte %d", say.place, offset)
	}
	f, fi, err := s.openObject(key)
	if err != nil {
		return nil, storage.Object{}, say.fault(err)
	}
	o, _ := s.describe(key, f, fi)
	if err := fillETag(&o, f); err != nil {
		f.Close()
		return nil, o, say.fault(err)
	}
	if offset > o.Size {
		f.Close()
		return nil, o, fault.New(fault.Validation, fault.InvalidInput, "Look at the object's size first.", "%s has %d bytes and cannot be read from byte %d", say.place, o.Size, offset)
	}
	left := o.Size - offset
	if length >= 0 {
		left = min(left, length)
	}
	if left == 0 {
		f.Close()
		return io.NopCloser(bytes.NewReader(nil)), o, nil
	}
	return &reader{ctx: ctx, say: say, f: f, at: offset, end: offset + left}, o, nil
}

// reader reads [at, end) of a file.
type reader struct {
	ctx     context.Context
	say     op
	f       *os.File
	at, end int64
}

func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.end {
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return 0, r.say.fault(err)
	}
	n, err := r.f.ReadAt(p[:min(int64(len(p)), r.end-r.at)], r.at)
	r.at += int64(n)
	switch {
	case n > 0 && (err == nil || errors.Is(err, io.EOF)):
		return n, nil // an end that comes too early is told by the next call
	case errors.Is(err, io.EOF):
		return n, r.say.told(io.ErrUnexpectedEOF, fault.FileSystem, storage.Changed, "it was made shorter while it was read", "Read it again from the beginning.")
	case err != nil:
		return n, r.say.fault(err)
	}
	return n, nil
}

func (r *reader) Close() error { return r.f.Close() }

// Download implements storage.Store.
func (s *Store) Download(ctx context.Context, key string, w io.WriterAt) (int64, error) {
	r, o, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var at int64
	for at < o.Size {
		n, err := r.Read((*buf)[:min(chunk, o.Size-at)])
		if err != nil {
			return at, err
		}
		if _, err := w.WriteAt((*buf)[:n], at); err != nil {
			return at, err // the caller's file, not the storage
		}
		at += int64(n)
	}
	return at, nil
}
