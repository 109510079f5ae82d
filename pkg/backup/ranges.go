package backup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
)

// stored opens parts of a backup's object as it is stored.
func (s *Service) stored(b Backup) archive.OpenRange {
	return func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
		r, _, err := s.Store.Open(ctx, b.Filepath, offset, length)
		return r, err
	}
}

// ranges opens parts of a backup's archive, decrypted where it is encrypted. Offsets and lengths are those of the archive
// itself; a length below 0 is to its end. Decrypting proves each part of 64 KiB.
func (s *Service) ranges(b Backup, stored archive.OpenRange) archive.OpenRange {
	if b.Encryption != "age" {
		return stored
	}
	begun := &begun{parts: map[int64][]byte{}}
	return func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
		at := &readerAt{ctx: ctx, open: stored, size: b.Size, begun: begun}
		plain, size, err := age.DecryptReaderAt(at, b.Size, s.Identities...)
		if err != nil {
			at.Close()
			return nil, decrypting(b, at, err)
		}
		at.begun = nil
		if length < 0 {
			length = max(size-offset, 0)
		}
		at.ahead(offset, length, size)
		return &decrypted{r: bufio.NewReaderSize(io.NewSectionReader(plain, offset, length), ageChunk), at: at, b: b}, nil
	}
}

// decrypted reads a range of an encrypted backup.
type decrypted struct {
	r  io.Reader
	at *readerAt
	b  Backup
}

func (d *decrypted) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = decrypting(d.b, d.at, err)
	}
	return n, err
}

func (d *decrypted) Close() error { return d.at.Close() }

// decrypting says why decrypting failed: an error of storage is one, and all else is the key or damage.
func decrypting(b Backup, at *readerAt, err error) error {
	var noKey *age.NoIdentityMatchError
	switch {
	case at.err != nil:
		return at.err
	case errors.As(err, &noKey):
		return fault.Wrap(err, fault.Validation, fault.IdentityMissing, "Set BACKUP_AGE_IDENTITY_FILE to the key that belongs to one of the backup's recipients.", "none of the given keys opens backup %s", b.ID)
	}
	return fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Validate the backup, and look for an older one that validates.", "backup %s cannot be decrypted", b.ID)
}

// readerAt reads an object at any place. Reads that follow one another, as age's do, are one request, which is asked for no
// more than ahead says.
type readerAt struct {
	ctx  context.Context
	open archive.OpenRange
	size int64

	stream io.ReadCloser // from next on
	next   int64
	until  int64  // where the present range ends, in stored bytes
	err    error  // of storage
	begun  *begun // nil once decrypting has begun
}

// begun keeps what decrypting begins with, which is age's header and the last chunk, so that each further range is one request.
type begun struct {
	mu    sync.Mutex
	parts map[int64][]byte // by offset
}

func (k *begun) read(r *readerAt, p []byte, off int64) (int, error) {
	k.mu.Lock()
	part := k.parts[off]
	k.mu.Unlock()
	if len(part) > 0 && len(part) == len(p) {
		return copy(p, part), nil
	}
	n, err := r.readAt(p, off)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.parts[off] = bytes.Clone(p)
	}
	return n, err
}

// Sizes of age's form (https://age-encryption.org/v1): a header and 16 bytes, then chunks of 64 KiB, each with a tag of 16 bytes.
const (
	ageChunk = 64 << 10
	ageTag   = 16
)

// ahead says which range of the plain bytes, of which there are plain, will be read.
func (r *readerAt) ahead(offset, length, plain int64) {
	chunks := func(n int64) int64 { return (n + ageChunk - 1) / ageChunk }
	header := r.size - plain - max(chunks(plain), 1)*ageTag
	r.until = min(r.size, header+chunks(offset+length)*(ageChunk+ageTag))
}

// ReadAt is io.ReaderAt, for one goroutine.
func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	if r.begun != nil {
		return r.begun.read(r, p, off)
	}
	return r.readAt(p, off)
}

func (r *readerAt) readAt(p []byte, off int64) (int, error) {
	if off >= r.size {
		return 0, io.EOF
	}
	if r.stream == nil || off != r.next {
		if r.err = r.reopen(off, int64(len(p))); r.err != nil {
			return 0, r.err
		}
	}
	n, err := io.ReadFull(r.stream, p[:min(int64(len(p)), r.size-off)])
	r.next += int64(n)
	switch {
	case err == nil && n < len(p):
		return n, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		// The request was for less: go on with another.
		rest, err := 0, r.reopen(r.next, int64(len(p)-n))
		if r.err = err; err == nil {
			rest, r.err = io.ReadFull(r.stream, p[n:min(int64(len(p)), r.size-off)])
			r.next += int64(rest)
		}
		return n + rest, r.err
	case err != nil:
		r.err = err
	}
	return n, err
}

// reopen begins a request at off, for what is to be read.
func (r *readerAt) reopen(off, length int64) error {
	if r.stream != nil {
		r.stream.Close()
		r.stream = nil
	}
	end := min(r.size, max(off+length, r.until))
	stream, err := r.open(r.ctx, off, end-off)
	if err != nil {
		return fmt.Errorf("read %d bytes from byte %d: %w", end-off, off, err)
	}
	r.stream, r.next = stream, off
	return nil
}

func (r *readerAt) Close() error {
	if r.stream == nil {
		return nil
	}
	return r.stream.Close()
}
