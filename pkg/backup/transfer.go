package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
	"cofre/pkg/stream"
)

// transfer runs the one pass: pg_dump → structure check → compress, encrypt → hash → multipart upload. On any
// error the upload is aborted and nothing is visible.
func (r *run) transfer(ctx context.Context, dump Dump) (err error) {
	up, err := r.s.Store.StartUpload(ctx, r.b.Filepath, storage.UploadOptions{
		ContentType: "application/octet-stream", Metadata: registry.ObjectMetadata(r.b.ID), ExpectedSize: r.track.at(r.s.Now()).Expected,
		Progress: func(n int64) { storeMax(&r.track.sent, n) },
	})
	if err != nil {
		return err
	}
	completed := false
	defer func() {
		if err != nil {
			r.undo(ctx, up, completed, err)
		}
	}()
	if err := r.lease.SetUpload(ctx, up.ID()); err != nil {
		return err
	}
	sum, res, err := r.pump(ctx, dump, up)
	if err != nil {
		return err
	}
	r.track.enter(PhaseVerifying)
	if _, err := up.Complete(ctx); err != nil {
		return err
	}
	completed = true
	return r.compare(ctx, sum, res)
}

// dump begins to dump, over at most so many connections where the request leaves that open.
func (r *run) dump(ctx context.Context, s Session, most int) (Dump, error) {
	o := DumpOptions{Format: r.b.Format, Compression: r.b.Compression, Content: r.b.Content, ID: r.b.ID, Jobs: r.req.Jobs, MostJobs: most, Rows: r.req.Rows, Catalog: !r.definesAll(), Remark: r.remark}
	if r.log.Enabled(ctx, slog.LevelDebug) {
		o.Log = func(line string) { r.log.Debug("pg_dump", "backup_id", r.b.ID, "line", line) }
	}
	d, err := s.Dump(ctx, o)
	if err != nil {
		return nil, err
	}
	how := d.How()
	r.track.made(d)
	r.b.Engine, r.b.EngineReason, r.b.Jobs = how.Engine, how.Reason, how.Jobs
	if r.b.Content != ContentSchema {
		r.b.Rows, r.b.BinaryTables, r.b.TextRows = RowsText, how.BinaryTables, how.TextRows
	}
	if how.BinaryTables > 0 {
		r.b.Rows = RowsBinary
	}
	if how.Engine == EngineParallel {
		r.notes.add("reading over %s", quantity.Plural(how.Jobs, "connection"))
	} else {
		r.notes.add("reading by one pg_dump: %s", how.Reason)
	}
	r.log.Debug("dumping", "backup_id", r.b.ID, "engine", how.Engine, "jobs", how.Jobs, "reason", how.Reason, "binary_tables", how.BinaryTables)
	return d, nil
}

// remark passes on what people should know while a dump runs.
func (r *run) remark(line string) {
	r.log.Warn(line, "backup_id", r.b.ID)
	r.track.note(line)
}

// undo makes way for another attempt. The object may be removed only under the lease: while this run was silent it
// may have been given up, and the name taken by another backup. What cannot be removed now is removed when the
// failure is recorded, or by the next cleanup. failed is why.
func (r *run) undo(ctx context.Context, up storage.Upload, completed bool, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err := up.Abort(ctx)
	if err == nil && completed {
		err = r.lease.Sweep(ctx)
	}
	if err != nil {
		r.log.Log(ctx, fault.LevelBeside(err, failed), "upload not aborted yet", "backup_id", r.b.ID, "error", err.Error())
	}
}

// pump moves the bytes and gives what was seen of them.
func (r *run) pump(ctx context.Context, dump Dump, up storage.Upload) (_ archive.Summary, _ stream.Result, err error) {
	var none archive.Summary
	tap := &inspector{checker: archive.NewChecker(archive.Options{Kind: archiveKind(r.b.Format)})}
	count := r.count(ctx, dump)
	defer func() {
		if err != nil {
			count.abandon()
			return
		}
		r.contents, r.notCounted = count.finish()
	}()
	so := r.streamOptions(io.MultiWriter(tap, count))
	so.Finish = tap.finish
	st, err := stream.New(&meter{r: dump, n: &r.track.dumped, atEOF: func() { r.track.enter(PhaseUploading) }}, so)
	if err != nil {
		return none, stream.Result{}, err
	}
	defer st.Close()
	most := cmp.Or(r.from.MaxBytes(), r.s.Limits.MaxBackupBytes)
	_, err = up.Write(ctx, &quota{r: st, left: most, limit: most})
	if err != nil {
		return none, stream.Result{}, err
	}
	var res stream.Result
	res, err = st.Result()
	return tap.sum, res, err
}

// inspector follows the structure of what pg_dump writes.
type inspector struct {
	checker *archive.Checker
	sum     archive.Summary
}

func (i *inspector) Write(p []byte) (int, error) {
	n, err := i.checker.Write(p)
	return n, notWhole(err)
}

// finish runs after pg_dump's last byte and its exit status 0.
func (i *inspector) finish() (err error) {
	i.sum, err = i.checker.Close()
	return notWhole(err)
}

func notWhole(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, fault.BackupCreation, fault.StructureDamaged,
		"Nothing was kept. Try again; if it happens again, run pg_dump by hand and look at its output.", "what pg_dump wrote is not a whole dump")
}

// streamOptions: the custom format is compressed by pg_dump itself, so that pg_restore reads it as it is; SQL is
// compressed here, off pg_dump's single thread.
func (r *run) streamOptions(tap io.Writer) stream.Options {
	o := stream.Options{Tap: tap}
	if r.b.Format == FormatPlain {
		kind, level, _ := parseCompression(r.b.Compression) // checked when it was asked for
		o.Compression, o.Level = stream.Compression(kind), level
	}
	if *r.req.Encrypt {
		o.Recipients = r.s.Recipients
	}
	return o
}

// compare holds what the service says it stores against what was sent.
func (r *run) compare(ctx context.Context, sum archive.Summary, res stream.Result) error {
	o, err := r.s.Store.Head(ctx, r.b.Filepath)
	if err != nil {
		return fmt.Errorf("look at the stored object: %w", err)
	}
	if o.Size != res.StoredBytes {
		return fault.New(fault.Validation, fault.SizeMismatch, "Nothing was kept. Try again; look at the storage service's log.",
			"storage holds %d bytes of the %d that were sent", o.Size, res.StoredBytes)
	}
	r.b.Size, r.b.Checksum = res.StoredBytes, res.SHA256
	if r.b.Format == FormatPlain || sum.Compression == archive.CompressionNone {
		r.b.UncompressedSize = res.RawBytes
	}
	r.lease.SetLayout(r.layout(sum))
	r.b.Stored = &registry.Stored{ETag: strings.Trim(o.ETag, `"`), CRC64NVME: o.CRC64NVME, VersionID: o.VersionID}
	r.b.Verification = &registry.Verification{OK: true, Level: registry.LevelStream, At: r.s.Now().UTC().Truncate(time.Millisecond)}
	return nil
}

// layout is what a parallel restore needs to know of the stored bytes; nil where they are not a plain archive.
func (r *run) layout(sum archive.Summary) *registry.Layout {
	if r.b.Format != FormatCustom || r.b.Encryption != "none" {
		return nil
	}
	l := &registry.Layout{HeadLength: sum.HeadLength, HeadCRC32C: sum.HeadCRC32C, Blocks: make([]string, len(sum.Index))}
	for i, b := range sum.Index {
		l.Blocks[i] = registry.Block{DumpID: b.DumpID, Offset: b.Offset, Length: b.Length, CRC32C: b.CRC32C}.String()
	}
	return l
}

func archiveKind(format string) archive.Kind {
	if format == FormatPlain {
		return archive.KindPlain
	}
	return archive.KindCustom
}

// meter counts what passes and tells when the source has ended well.
type meter struct {
	r     io.Reader
	n     *atomic.Int64
	atEOF func()
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n.Add(int64(n))
	if errors.Is(err, io.EOF) {
		m.atEOF()
	}
	return n, err
}

// quota ends a stream that grows over the limit; 0 is no limit.
type quota struct {
	r           io.Reader
	left, limit int64
}

func (q *quota) Read(p []byte) (int, error) {
	n, err := q.r.Read(p)
	if q.limit <= 0 {
		return n, err
	}
	q.left -= int64(n)
	if q.left < 0 {
		return 0, fault.New(fault.DiskSpace, fault.StorageFull, "Raise BACKUP_MAX_SIZE_GB or the source's maxSizeGB, exclude tables or compress more.",
			"the backup exceeded the limit of %s", quantity.Bytes(q.limit))
	}
	return n, err
}

func storeMax(a *atomic.Int64, n int64) {
	for {
		old := a.Load()
		if n <= old || a.CompareAndSwap(old, n) {
			return
		}
	}
}
