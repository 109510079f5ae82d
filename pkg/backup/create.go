package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
)

// launchWithin is how long a reserved backup waits for whoever runs it: a workflow may queue.
const launchWithin = 15 * time.Minute

// Create makes a backup here and now: Reserve and Run. watch, when not nil, is called with the progress
// several times a second, from another goroutine.
func (s *Service) Create(ctx context.Context, req Request, watch func(Progress)) (Backup, error) {
	if err := s.precheck(ctx, req); err != nil {
		return Backup{}, err
	}
	ahead := s.openAhead(ctx, req)
	defer ahead.close()
	b, err := s.Reserve(ctx, req)
	if err != nil {
		return b, err
	}
	return s.runWith(ctx, b.ID, ahead, watch)
}

// Reserve checks a request and the limits and records the backup as in_progress, in a few requests to storage
// and without touching the database, unless another one than the configured is asked for: that has to be there. Run does
// the work, in this process or another. A scheduled backup of a time that is due, while the one before is being made, is refused: busy.
func (s *Service) Reserve(ctx context.Context, req Request) (Backup, error) {
	req, err := s.normalize(ctx, req)
	if err != nil {
		return Backup{}, err
	}
	if err := s.checkDatabase(ctx, req); err != nil {
		return Backup{}, err
	}
	raw, err := json.Marshal(req)
	if err != nil {
		return Backup{}, fmt.Errorf("encode the request: %w", err)
	}
	b, err := s.reserve(ctx, req, raw)
	switch {
	case (fault.HasReason(err, fault.LimitReached) || fault.HasReason(err, fault.Busy) || fault.HasCode(err, fault.DiskSpace)) && !s.mayTidy():
		return b, err
	case fault.HasReason(err, fault.LimitReached), fault.HasReason(err, fault.Busy):
		// What counts may be the remains of a dead process.
		if _, rerr := s.Registry.Reconcile(ctx); rerr != nil {
			return b, err
		}
	case fault.HasCode(err, fault.DiskSpace) && s.MakeRoom != nil:
		if n, cerr := s.MakeRoom(ctx, req.CreatedBy); cerr != nil || n == 0 {
			return b, err
		}
	default:
		return b, err
	}
	return s.reserve(ctx, req, raw)
}

// tidyGap is at least between two looks for room that a full limit makes a process take: a look lists all files, and
// whoever is at a limit can ask as often as he likes.
const tidyGap = 10 * time.Second

func (s *Service) mayTidy() bool {
	now, last := time.Now().UnixNano(), s.tidied.Load()
	return (last == 0 || now-last >= int64(tidyGap)) && s.tidied.CompareAndSwap(last, now)
}

func (s *Service) reserve(ctx context.Context, req Request, raw json.RawMessage) (Backup, error) {
	id, err := s.newID()
	if req.IdempotencyKey != "" {
		id, err = s.keyedID(req.CreatedBy, req.Source, req.IdempotencyKey)
	}
	if err != nil {
		return Backup{}, fmt.Errorf("make an id: %w", err)
	}
	now := s.Now().UTC().Truncate(time.Millisecond)
	encryption := "none"
	if *req.Encrypt {
		encryption = "age"
	}
	name := fileName(req, now)
	b := Backup{
		ID: id, Filename: name, Filepath: filePath(req, name), CreatedAt: now, CreatedBy: req.CreatedBy,
		Source: req.Source, Database: req.Database, Format: req.Format, Compression: req.Compression, Encryption: encryption,
		Content: req.Content, Trigger: req.Trigger, Labels: req.Labels,
	}
	if b.Database == "" && s.Engine != nil {
		if from, err := s.sourceOf(ctx, req); err == nil {
			b.Database = s.Engine.Database(from) // so that a failure to connect is listed with its database
		}
	}
	b.Selection = recorded(req.Selection)
	var made *Backup // by the same request, delivered before
	occupied := false
	decide := func(x *registry.Index, b *Backup) error {
		if made = earlier(x, req, b.ID); made != nil {
			return errMade
		}
		if req.Trigger == TriggerSchedule && req.IdempotencyKey != "" { // of one time that is due
			if before := x.BeingMade(b.SourceName()); s.HoldsUp(before) {
				return errHeldUp(before)
			}
		}
		if err := s.admit(x, req); err != nil {
			return err
		}
		if err := s.place(x, req, b); err != nil {
			return err
		}
		if req.Filename == "" && (occupied || x.Taken(b.Filepath, b.ID)) { // two in the same second
			stem, ext, _ := strings.Cut(b.Filename, ".")
			b.Filename = stem + "_" + strings.ToLower(b.ID[20:]) + "." + ext
			b.Filepath = path.Join(path.Dir(b.Filepath), b.Filename)
		}
		return nil
	}
	got, err := s.Registry.Reserve(ctx, b, raw, launchWithin, decide)
	if occupied = errors.Is(err, registry.ErrOccupied); occupied && req.Filename == "" { // nobody chose that name
		got, err = s.Registry.Reserve(ctx, b, raw, launchWithin, decide)
	}
	if made != nil && errors.Is(err, errMade) {
		return *made, nil
	}
	if req.IdempotencyKey != "" && fault.HasReason(err, fault.AlreadyExists) {
		if twin := s.twin(ctx, id); twin != nil {
			return *twin, nil
		}
	}
	return got, err
}

// twin gives the backup that the same request reserved in the same millisecond: even its id is the same. It may be on its way
// into the index. nil when there is none.
func (s *Service) twin(ctx context.Context, id string) *Backup {
	for range 10 {
		v, err := s.Registry.Read(ctx)
		if err != nil {
			return nil
		}
		if b, ok, _ := v.Find(ctx, id); ok {
			return &b
		}
		if pause.For(ctx, 50*time.Millisecond) != nil {
			return nil
		}
	}
	return nil
}

// errMade ends a reservation whose backup was reserved by an earlier delivery of the same request.
var errMade = errors.New("the same request was made before")

// earlier finds the backup, of those that have not settled, that a request with the same idempotency key made. One that nobody
// could be found to start was refused to its caller, who may ask for it again; and the schedule asks once more for one whose process died.
func earlier(x *registry.Index, req Request, id string) *Backup {
	if req.IdempotencyKey == "" {
		return nil
	}
	lost := req.Trigger != TriggerSchedule
	for i := range x.Backups {
		b := x.Backups[i]
		switch {
		case b.ID == id || !sameKey(b.ID, id) || b.Error != nil && b.Error.Reason == fault.NotStarted:
		case !lost && b.Ended() == registry.Interrupted:
			lost = true
		default:
			return &b
		}
	}
	return nil
}

// place puts a backup that named no directory into the one of the settings.
func (s *Service) place(x *registry.Index, req Request, b *Backup) error {
	if req.Directory != "" {
		return nil
	}
	req.Directory = s.SettingsOf(x.Settings).DefaultDirectory
	if err := checkDirectory(&req); err != nil {
		return err
	}
	if err := s.allowed(req.Directory); err != nil {
		return err
	}
	b.Filepath = filePath(req, b.Filename)
	return nil
}

// admit decides the limits, inside the registry's compare-and-swap, so that they hold over any number of processes.
func (s *Service) admit(x *registry.Index, req Request) error {
	running, total := 0, int64(0)
	own := usage{}
	for i := range x.Backups {
		b := &x.Backups[i]
		if b.Status == registry.InProgress {
			running++
		}
		total += b.Size
		if b.CreatedBy == req.CreatedBy && b.Trigger == req.Trigger {
			own.add(b)
		}
	}
	for i := range x.Pages {
		total += x.Pages[i].Bytes
		own.kept += x.Pages[i].Users[req.CreatedBy]
	}
	if req.Trigger == TriggerAPI {
		if err := s.admitUser(own); err != nil {
			return err
		}
	}
	if n := s.Limits.MaxConcurrent; n > 0 && running >= n {
		return fault.New(fault.Validation, fault.LimitReached, "Wait for one to end, or raise BACKUP_MAX_CONCURRENT.",
			"%s running, and the limit is %d", quantity.Plural(running, "backup"), n)
	}
	if q := s.Limits.MaxTotalBytes; q > 0 && total >= q {
		return fault.New(fault.DiskSpace, fault.StorageFull, "Remove backups (cofre cleanup, cofre delete) or raise BACKUP_MAX_STORAGE_SIZE_GB.",
			"storage quota reached: %s of %s", quantity.Bytes(total), quantity.Bytes(q))
	}
	return nil
}

// usage is what one user of the API has.
type usage struct{ running, kept int }

func (u *usage) add(b *Backup) {
	switch b.Status {
	case registry.InProgress:
		u.running++
		u.kept++
	case registry.Success:
		u.kept++
	}
}

// keptRetry is when a user who keeps too many backups is told to come back: somebody has to remove one first, or the
// next cleanup does.
const keptRetry = time.Hour

func (s *Service) admitUser(u usage) error {
	if n := s.Limits.MaxConcurrentPerUser; n > 0 && u.running >= n {
		return fault.New(fault.Validation, fault.LimitReached, "Wait for yours to end, or have BACKUP_MAX_CONCURRENT_PER_USER raised.",
			"you have %s running, and the limit is %d", quantity.Plural(u.running, "backup"), n)
	}
	if n := s.Limits.MaxBackupsPerUser; n > 0 && u.kept >= n {
		f := fault.New(fault.Validation, fault.LimitReached, "Have one of yours removed, or BACKUP_MAX_BACKUPS_PER_USER raised.",
			"you have %s, and the limit is %d", quantity.Plural(u.kept, "backup"), n)
		f.RetryAfter = keptRetry
		return f
	}
	return nil
}
