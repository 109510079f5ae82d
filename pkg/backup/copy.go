package backup

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// CopiesOf returns the second locations that backups of a source go to.
func (s *Service) CopiesOf(ctx context.Context, source string) ([]Place, error) {
	all, err := s.Sources(ctx)
	if err != nil {
		return nil, err
	}
	var places []Place
	for _, name := range all.Of(source).Copies {
		place, err := s.Place(ctx, name)
		if err != nil {
			return nil, err
		}
		places = append(places, place)
	}
	return places, nil
}

// Copy brings a good backup to a second location, in one pass: what is read of the first is held against the record's SHA-256 before the second
// has it. copied is false where it was there already. progress, when set, is told the bytes that the second location has. A copy that fails
// leaves nothing that counts, and nothing of the first place is changed.
func (s *Service) Copy(ctx context.Context, id, to string, progress func(done, size int64)) (copied bool, err error) {
	place, err := s.Place(ctx, to)
	if err != nil {
		return false, err
	}
	o, err := s.Registry.Original(ctx, id)
	if err != nil {
		return false, err
	}
	store, records, err := place.Open(ctx)
	if err != nil {
		return false, fmt.Errorf("open the location %s: %w", to, err)
	}
	runner, err := s.newID()
	if err != nil {
		return false, err
	}
	lease, there, err := records.BeginCopy(ctx, &o, runner)
	if err == nil && there {
		err = s.copyPin(ctx, id, records)
	}
	if err != nil || there {
		return false, err
	}
	start := s.Now()
	work, lost := context.WithCancelCause(ctx)
	beat, stop := context.WithCancel(work)
	done := make(chan struct{})
	go func() {
		defer close(done)
		renewing(beat, lease, lost, func(err error) {
			s.Log.Warn("lease not renewed, trying again", "backup_id", id, "place", to, "error", err.Error())
		})
	}()
	c := copying{from: s.Store, to: store, lease: lease, o: &o, place: to, progress: progress}
	err = c.object(work)
	stop()
	<-done
	if cause := context.Cause(work); err != nil && cause != nil {
		err = cause
	}
	if err == nil {
		err = lease.CommitCopy(ctx, &o)
	} else if aerr := abandon(ctx, lease); aerr != nil {
		s.Log.Log(ctx, fault.LevelBeside(aerr, err), "copying not ended yet", "backup_id", id, "place", to, "error", aerr.Error())
	}
	lost(nil)
	if err != nil && !registry.IsCommitted(err) {
		return false, fmt.Errorf("copy backup %s to %s: %w", id, to, err)
	}
	s.copies.forget(to, id)
	if perr := s.copyPin(ctx, id, records); perr != nil {
		s.Log.Warn("backup copied, and not pinned there yet", "backup_id", id, "place", to, "error", perr.Error())
	}
	s.Log.Info("backup copied", "backup_id", id, "place", to, "bytes", o.Backup.Size, "duration_ms", s.Now().Sub(start).Milliseconds())
	return true, err
}

// copyPin pins the copy of a backup that is pinned here. What is pinned there alone stays so.
func (s *Service) copyPin(ctx context.Context, id string, records *registry.Registry) error {
	b, err := s.Info(ctx, id)
	if err != nil || !b.Pin.Holds(s.Now()) {
		return err
	}
	_, err = records.SetPin(ctx, id, b.Pin)
	return err
}

// abandon ends a copying that failed, also when it was interrupted.
func abandon(ctx context.Context, lease *registry.Lease) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return lease.AbandonCopy(ctx)
}

// copying is one object on its way.
type copying struct {
	from, to storage.Store
	lease    *registry.Lease
	o        *registry.Original
	place    string
	progress func(done, size int64)
}

// object brings the object over, where it is not there from an attempt that died behind that.
func (c *copying) object(ctx context.Context) error {
	b := c.o.Backup
	if there, err := c.to.Head(ctx, b.Filepath); err == nil {
		return c.left(ctx, there)
	} else if !storage.IsNotFound(err) {
		return err
	}
	r, obj, err := c.from.Open(ctx, b.Filepath, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	if obj.Size != b.Size {
		return fault.New(fault.Validation, fault.SizeMismatch, "Validate it: cofre validate "+b.ID, "the object of backup %s is not the one that was stored: it has %d bytes, the record says %d", b.ID, obj.Size, b.Size)
	}
	report := func(int64) {}
	if c.progress != nil {
		c.progress(0, b.Size)
		report = func(n int64) { c.progress(n, b.Size) }
	}
	up, err := c.to.StartUpload(ctx, b.Filepath, storage.UploadOptions{ContentType: "application/octet-stream", Metadata: c.o.Metadata(), ExpectedSize: b.Size, Progress: report})
	if err != nil {
		return err
	}
	completed := false
	defer func() {
		if !completed {
			_ = up.Abort(ctx) // the lease's end does it again, and says what failed
		}
	}()
	if err := c.lease.SetUpload(ctx, up.ID()); err != nil {
		return err
	}
	if _, err := up.Write(ctx, c.checked(ctx, r)); err != nil {
		return err
	}
	if _, err := up.Complete(ctx); err != nil {
		return err
	}
	completed = true
	there, err := c.to.Head(ctx, b.Filepath)
	if err != nil {
		return fmt.Errorf("look at the copied object: %w", err)
	}
	if there.Size != b.Size {
		return fault.New(fault.Validation, fault.SizeMismatch, "Try again; look at the log of that storage service.", "%s holds %d bytes of the %d that were sent", c.place, there.Size, b.Size)
	}
	return nil
}

// left looks at an object that is there without a record: one of this backup, whole, is taken as the copy.
func (c *copying) left(ctx context.Context, there storage.Object) error {
	b := c.o.Backup
	occupied := fault.New(fault.Validation, fault.AlreadyExists, "Look what it is. Give the second location a directory of its own, or remove the object.", "%s has another object %s, which belongs to no backup", c.place, b.Filepath)
	if there.Size != b.Size {
		return occupied
	}
	r, _, err := c.to.Open(ctx, b.Filepath, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, c.checked(ctx, r)); fault.HasReason(err, fault.ChecksumMismatch) {
		return occupied
	} else if err != nil {
		return err
	}
	return nil
}

// checked fails at the end of a stream, in its place, where it was not the backup's bytes.
func (c *copying) checked(ctx context.Context, r io.Reader) io.Reader {
	b := c.o.Backup
	return &proving{want: b, hint: "Validate it: cofre validate " + b.ID, report: func(int64) {}, hashing: hashing{r: r, h: sha256.New(), ctx: ctx}}
}

// CopyReport says what a run of copying did.
type CopyReport struct {
	Place  string        `json:"place"`
	Copied []string      `json:"copied"` // ids, the oldest first
	There  int           `json:"there"`  // that were there already
	Bytes  int64         `json:"bytes"`
	Failed []CopyFailure `json:"failed"`
}

// CopyFailure is a backup that could not be copied.
type CopyFailure struct {
	ID    string          `json:"id"`
	Error *registry.Error `json:"error"`
}

// Err is why the first backup could not be copied that nobody else is just copying; nil where there is none.
func (r CopyReport) Err() error {
	for _, f := range r.Failed {
		if f.Error.Reason != fault.Busy {
			return &fault.Error{Code: f.Error.Code, Reason: f.Error.Reason, Message: f.Error.Message, Hint: f.Error.Hint}
		}
	}
	return nil
}

// CopyMissing copies all good backups that the place does not have, of the sources that are copied there; the oldest
// first, so that whoever is interrupted goes on where it stopped. One that fails does not keep the others from being copied. The error is for what ends all of it.
func (s *Service) CopyMissing(ctx context.Context, to string, progress func(b Backup, done int64)) (CopyReport, error) {
	rep := CopyReport{Place: to, Copied: []string{}, Failed: []CopyFailure{}}
	place, err := s.Place(ctx, to)
	if err != nil {
		return rep, err
	}
	store, records, err := place.Open(ctx)
	if err != nil {
		return rep, fmt.Errorf("open the location %s: %w", to, err)
	}
	sources, err := s.Sources(ctx)
	if err != nil {
		return rep, err
	}
	lacking, pinned, there, err := s.lacking(ctx, store, records, func(b *Backup) bool { return slices.Contains(sources.Of(b.SourceName()).Copies, to) })
	if err != nil {
		return rep, err
	}
	rep.There = there
	for _, id := range pinned {
		if err := s.copyPin(ctx, id, records); err != nil {
			s.Log.Warn("a copy is not pinned yet", "backup_id", id, "place", to, "error", err.Error())
		}
	}
	for _, b := range lacking {
		copied, err := s.Copy(ctx, b.ID, to, func(done, _ int64) {
			if progress != nil {
				progress(b, done)
			}
		})
		switch {
		case ctx.Err() != nil:
			return rep, context.Cause(ctx)
		case err != nil && !registry.IsCommitted(err):
			if _, gone := s.Info(ctx, b.ID); fault.HasReason(gone, fault.NotFound) { // removed meanwhile
				continue
			}
			rep.Failed = append(rep.Failed, CopyFailure{b.ID, registry.ErrorOf(err)})
			if endsAll(err) {
				return rep, err
			}
		case copied:
			rep.Copied, rep.Bytes = append(rep.Copied, b.ID), rep.Bytes+b.Size
		default:
			rep.There++
		}
	}
	return rep, nil
}

// lacking compares the records of two places, page by page: the good backups that the second does not have, the oldest first, without what
// would take much memory, those that are pinned here and not so there, and how many it has. It has what has its file, whole, and was not found
// damaged there.
func (s *Service) lacking(ctx context.Context, store storage.Store, second *registry.Registry, wanted func(*Backup) bool) (lacking []Backup, pinned []string, there int, err error) {
	sizes := map[string]int64{}
	for obj, err := range store.List(ctx, storage.ListOptions{Prefix: registry.FilesPrefix}) {
		if err != nil {
			return nil, nil, 0, fmt.Errorf("list the files of the second location: %w", err)
		}
		sizes[obj.Key] = obj.Size
	}
	whole := func(b *Backup) bool {
		size, there := sizes[b.Filepath]
		return there && size == b.Size && b.Verified()
	}
	err = second.Reading(ctx, func(theirs *registry.View) error {
		next, stop := iter.Pull2(theirs.Walk(ctx, nil))
		defer stop()
		return s.Registry.Reading(ctx, func(ours *registry.View) error {
			lacking, pinned, there = nil, nil, 0
			other, err, more := next()
			for b, oerr := range ours.Walk(ctx, nil) { // both are in the order of their ids, the newest first
				if oerr != nil {
					return oerr
				}
				for more && (err != nil || other.ID > b.ID) {
					if err != nil && !registry.IsLostPage(err) { // what a lost page names is looked at one by one
						return fmt.Errorf("read the records of the second location: %w", err)
					}
					other, err, more = next()
				}
				switch {
				case !b.Verified() || !wanted(&b):
				case more && other.ID == b.ID && whole(&other):
					if there++; b.Pin.Holds(s.Now()) && !b.Pin.Same(other.Pin) {
						pinned = append(pinned, b.ID)
					}
				default:
					lacking = append(lacking, Backup{ID: b.ID, Size: b.Size, Source: b.Source, Database: b.Database, CreatedAt: b.CreatedAt})
				}
			}
			return nil
		})
	})
	slices.Reverse(lacking)
	return lacking, pinned, there, err
}

// endsAll reports whether the next backup would fail for the same reason.
func endsAll(err error) bool {
	for _, reason := range []fault.Reason{fault.StorageFull, storage.ReadOnly, fault.StorageUnreachable, fault.AccessDenied} {
		if fault.HasReason(err, reason) {
			return true
		}
	}
	return false
}
