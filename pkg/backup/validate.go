package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"filippo.io/age"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
	"cofre/pkg/stream"
)

// ValidateOptions tune a validation.
type ValidateOptions struct {
	// Retag writes the object's tags anew from the record before they are compared.
	Retag bool
	// AllowUnsigned takes a backup without a signature although trusted keys are set.
	AllowUnsigned bool
	// Progress is called with the stored bytes read so far and their total.
	Progress func(read, total int64)
}

// Validation says whether a stored backup, or a local file, is whole.
type Validation struct {
	ID         string             `json:"id,omitempty"`
	File       string             `json:"file"`
	Valid      bool               `json:"valid"`
	Level      string             `json:"level"` // how far it was looked into
	Size       int64              `json:"size"`
	Checksum   string             `json:"checksum"`
	Problems   []registry.Problem `json:"problems"`
	Notes      []string           `json:"notes,omitempty"`
	Contents   *archive.Summary   `json:"contents,omitempty"`
	DurationMS int64              `json:"duration"` // milliseconds
	Backup     *Backup            `json:"backup,omitempty"`

	// RowsAgree reports that rows and hashes are those that were counted when the backup was made; false where that is not known.
	RowsAgree bool `json:"rowsAgree,omitempty"`

	counted *contents.Contents // what was found in it; nil where that could not be counted
}

func (v *Validation) problem(r fault.Reason, format string, args ...any) {
	v.Problems = append(v.Problems, registry.Problem{Reason: r, Detail: fmt.Sprintf(format, args...)})
}

// Err gives a ValidationError when something is wrong, else nil.
func (v Validation) Err() error {
	if v.Valid {
		return nil
	}
	p := registry.Verification{Problems: v.Problems}.Problem()
	more := ""
	if n := len(v.Problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	hint := "Create a new backup now, and restore from another one. The file was not changed; its record is marked damaged."
	if v.ID == "" {
		hint = "Download it again, or use another backup. The file was not changed."
	} else if p.Reason == fault.TagsMismatch && len(v.Problems) == 1 {
		hint = "The backup itself is good. Write its tags again with: cofre validate --retag " + v.ID
	} else if p.Reason == fault.GlobalsMismatch && len(v.Problems) == 1 {
		hint = "The backup itself is good, and restores with --allow-damaged and without --globals. Make a new one now, and find out who could write to the bucket."
	}
	if len(v.Problems) == 1 && (p.Reason == fault.TagsMismatch || p.Reason == fault.GlobalsMismatch) {
		return fault.New(fault.Validation, p.Reason, hint, "%s does not match its record: %s", v.File, p.Detail)
	}
	return fault.New(fault.Validation, p.Reason, hint, "%s is damaged: %s%s", v.File, p.Detail, more)
}

// Validate reads a backup's object whole and compares everything that is known of it: its size, its SHA-256, the
// service's own checksum, its tags, and the structure of the archive with every block decompressed. What it finds
// is recorded; the object is never changed. The error is for a validation that could not be made; a bad backup
// is a Validation that is not Valid.
func (s *Service) Validate(ctx context.Context, ref string, o ValidateOptions) (Validation, error) {
	b, err := s.good(ctx, ref, o.AllowUnsigned)
	if err != nil {
		return Validation{}, err
	}
	start := s.Now()
	v := Validation{ID: b.ID, File: b.Filepath, Level: registry.LevelFull, Problems: []registry.Problem{}}
	if o.Retag {
		if err := s.Registry.SetTags(ctx, b); err != nil {
			return v, err
		}
	}
	obj, err := s.Store.Head(ctx, b.Filepath)
	switch {
	case storage.IsNotFound(err):
		v.problem(fault.ObjectMissing, "the file is missing from storage")
	case err != nil:
		return v, err
	default:
		if err := s.examine(ctx, b, obj, &v, o); err != nil {
			return v, err
		}
	}
	v.Valid = len(v.Problems) == 0
	v.DurationMS = s.Now().Sub(start).Milliseconds()
	raw := int64(0)
	if v.Contents != nil && v.Valid {
		raw = v.Contents.UncompressedBytes
	}
	mark := registry.Verification{OK: v.Valid, Level: v.Level, At: s.Now().UTC().Truncate(time.Millisecond), Problems: v.Problems}
	nb, err := s.Registry.SetVerification(ctx, b.ID, mark, raw)
	switch {
	case fault.HasReason(err, storage.ReadOnly), fault.HasReason(err, fault.StorageFull): // what was read is true all the same
		s.Log.Warn("validated, but that was not recorded", "backup_id", b.ID, "error", err.Error())
	case err != nil:
		return v, fmt.Errorf("record the outcome: %w", err)
	default:
		b = nb
	}
	v.Backup = &b
	s.look()
	s.Log.Info("backup validated", "backup_id", b.ID, "valid", v.Valid, "bytes", v.Size, "duration_ms", v.DurationMS)
	return v, nil
}

// examine compares a stored object with its record.
func (s *Service) examine(ctx context.Context, b Backup, obj storage.Object, v *Validation, o ValidateOptions) error {
	if st := b.Stored; st != nil && st.CRC64NVME != "" && obj.CRC64NVME != "" && st.CRC64NVME != obj.CRC64NVME {
		v.problem(fault.ChecksumMismatch, "the storage service gives the checksum %s, it was %s when the backup was made", obj.CRC64NVME, st.CRC64NVME)
	}
	tags, err := s.Store.Tags(ctx, b.Filepath)
	switch {
	case err == nil:
		if diff := registry.CheckTags(b, tags); diff != "" {
			v.problem(fault.TagsMismatch, "%s", diff)
		}
	case ctx.Err() != nil:
		return err
	default:
		v.Notes = append(v.Notes, "tags were not compared: "+err.Error())
	}
	r, _, err := s.Store.Open(ctx, b.Filepath, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := s.readThrough(ctx, r, obj.Size, b.Encryption == "age", v, o.Progress); err != nil {
		return err
	}
	if v.Size != b.Size {
		v.problem(fault.SizeMismatch, "it has %d bytes, the record says %d", v.Size, b.Size)
	}
	if v.Checksum != b.Checksum {
		v.problem(fault.ChecksumMismatch, "its SHA-256 is %s, the record says %s", v.Checksum, b.Checksum)
	}
	if err := s.compareContents(ctx, b, v); err != nil {
		return err
	}
	if err := s.checkKeptGlobals(ctx, b, v); err != nil {
		return err
	}
	if c := v.Contents; c != nil && b.Format != "" && c.Kind != archiveKind(b.Format) {
		v.problem(fault.StructureDamaged, "it is a %s file, the record says %s", c.Kind, b.Format)
	}
	return nil
}

// ValidateFile validates a local file that cofre, or pg_dump, made: its structure to the end, with every block
// decompressed.
func (s *Service) ValidateFile(ctx context.Context, file string, o ValidateOptions) (Validation, error) {
	f, err := namedfile.Open(file)
	if err != nil {
		reason := fault.AccessDenied
		if errors.Is(err, os.ErrNotExist) {
			reason = fault.NotFound
		}
		return Validation{}, fault.Wrap(err, fault.Validation, reason, "Give a backup's id (cofre list) or the path of a file.", "cannot read %.200q", file)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Validation{}, err
	}
	start := s.Now()
	v := Validation{File: file, Level: registry.LevelFull, Problems: []registry.Problem{}}
	if err := s.readThrough(ctx, f, st.Size(), false, &v, o.Progress); err != nil {
		return v, err
	}
	v.Valid = len(v.Problems) == 0
	v.DurationMS = s.Now().Sub(start).Milliseconds()
	return v, nil
}

// readThrough reads all stored bytes once: hashed as they are, then decrypted, decompressed, and followed to the
// end of the archive's structure. Damage becomes a problem of v; the error is for reading itself.
func (s *Service) readThrough(ctx context.Context, r io.Reader, size int64, encrypted bool, v *Validation, progress func(int64, int64)) error {
	src := &hashing{r: r, h: sha256.New(), total: size, progress: progress, ctx: ctx}
	sum, err := s.checkStructure(ctx, src, encrypted, v)
	if src.err != nil {
		return src.err
	}
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		v.problem(fault.StructureDamaged, "%s", fault.From(err).Error())
	} else if sum != nil {
		sum.Index = nil // thousands of lines that say nothing to people
		v.Contents = sum
	}
	if _, err := io.Copy(io.Discard, src); err != nil { // the hash wants the rest too
		return err
	}
	v.Size, v.Checksum = src.n, hex.EncodeToString(src.h.Sum(nil))
	return nil
}

// checkStructure looks inside as far as it can: an encrypted backup opens only to whoever has the key.
func (s *Service) checkStructure(ctx context.Context, src io.Reader, encrypted bool, v *Validation) (*archive.Summary, error) {
	first := make([]byte, archive.SniffLength)
	n, err := io.ReadFull(src, first)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	first = first[:n]
	kind := archive.Sniff(first)
	if (encrypted || kind == archive.KindAge) && len(s.Identities) == 0 {
		v.Level = registry.LevelChecksum
		v.Notes = append(v.Notes, "it is encrypted and no key was given (BACKUP_AGE_IDENTITY_FILE): its size and checksums were compared, its contents were not looked into")
		return nil, nil
	}
	plain, err := openPlain(io.MultiReader(bytes.NewReader(first), src), kind, s.Identities)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	sum, counted, err := checkAndCount(ctx, plain, s.Now)
	if err != nil {
		return nil, err
	}
	v.counted = counted
	return &sum, nil
}

// checkAndCount is archive.Check that counts what it decompresses.
func checkAndCount(ctx context.Context, r io.Reader, now func() time.Time) (archive.Summary, *contents.Contents, error) {
	br, count := bufio.NewReaderSize(r, 64<<10), emptyCounter(now)
	first, err := br.Peek(archive.SniffLength)
	if err != nil && !errors.Is(err, io.EOF) {
		return archive.Summary{}, nil, err
	}
	var in io.Reader = br
	if archive.Sniff(first) == archive.KindPlain {
		count.script()
		in = io.TeeReader(br, count)
	}
	sum, err := archive.Check(ctx, in, archive.Options{Decompress: true, Entry: count.entry, Data: count.stream})
	if err != nil {
		return sum, nil, err
	}
	if count.close == nil {
		count.close = func() error { return count.settle(sum, nil) }
	}
	counted, err := count.finish()
	if err != nil {
		return sum, nil, nil // a script that is not pg_dump's: only psql knows what it does
	}
	if t := counted.Totals(); sum.Kind == archive.KindPlain {
		sum.Tables, sum.Rows = t.Tables, t.Rows
		if counted.LargeObjects != nil {
			sum.LargeObjects = counted.LargeObjects.Count
		}
	}
	return sum, counted, nil
}

// openPlain undoes encryption and whole-file compression, as the first bytes tell.
func openPlain(r io.Reader, kind archive.Kind, ids []age.Identity) (io.ReadCloser, error) {
	if kind == archive.KindAge {
		plain, err := stream.Open(r, stream.OpenOptions{Encryption: stream.Age, Identities: ids})
		if err != nil {
			return nil, err
		}
		first := make([]byte, archive.SniffLength)
		n, err := io.ReadFull(plain, first)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			plain.Close()
			return nil, err
		}
		inner, err := openPlain(io.MultiReader(bytes.NewReader(first[:n]), plain), archive.Sniff(first[:n]), nil)
		if err != nil {
			plain.Close()
			return nil, err
		}
		return &chain{inner, plain}, nil
	}
	o := stream.OpenOptions{Compression: stream.None}
	switch kind {
	case archive.KindGzip:
		o.Compression = stream.Gzip
	case archive.KindZstd:
		o.Compression = stream.Zstd
	}
	return stream.Open(r, o)
}

// chain closes two readers.
type chain struct {
	io.ReadCloser
	under io.Closer
}

func (c *chain) Close() error {
	return errors.Join(c.ReadCloser.Close(), c.under.Close())
}

// hashing hashes and counts what is read, and keeps an error of the source apart from those of the content.
type hashing struct {
	r        io.Reader
	h        hash.Hash
	n, total int64
	progress func(int64, int64)
	ctx      context.Context
	err      error
}

func (x *hashing) Read(p []byte) (int, error) {
	if x.err == nil && x.ctx.Err() != nil {
		x.err = context.Cause(x.ctx)
	}
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.r.Read(p)
	x.h.Write(p[:n])
	x.n += int64(n)
	if x.progress != nil {
		x.progress(x.n, x.total)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		x.err = err
	}
	return n, err
}
