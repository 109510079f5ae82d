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
	"cofre/pkg/registry"
)

// launchWithin is how long a reserved backup waits for whoever runs it: a workflow may queue.
const launchWithin = 15 * time.Minute

// Create makes a backup here and now: Reserve and Run. watch, when not nil, is called with the progress
// several times a second, from another goroutine.
func (s *Service) Create(ctx context.Context, req Request, watch func(Progress)) (Backup, error) {
	b, err := s.Reserve(ctx, req)
	if err != nil {
		return b, err
	}
	return s.Run(ctx, b.ID, watch)
}

// Reserve checks a request and the limits and records the backup as in_progress, in a few requests to storage
// and without touching the database. Run does the work, in this process or another.
func (s *Service) Reserve(ctx context.Context, req Request) (Backup, error) {
	req, err := s.normalize(req)
	if err != nil {
		return Backup{}, err
	}
	raw, err := json.Marshal(req)
	if err != nil {
		return Backup{}, fmt.Errorf("encode the request: %w", err)
	}
	b, err := s.reserve(ctx, req, raw)
	switch {
	case fault.HasReason(err, fault.LimitReached):
		// What counts may be the remains of a dead process.
		if _, rerr := s.Registry.Reconcile(ctx); rerr != nil {
			return b, err
		}
	case fault.HasCode(err, fault.DiskSpace):
		if rep, cerr := s.Cleanup(ctx, CleanupOptions{}); cerr != nil || len(rep.Removed) == 0 {
			return b, err
		}
	default:
		return b, err
	}
	return s.reserve(ctx, req, raw)
}

func (s *Service) reserve(ctx context.Context, req Request, raw json.RawMessage) (Backup, error) {
	id, err := s.newID()
	if req.IdempotencyKey != "" {
		id, err = s.keyedID(req.CreatedBy, req.IdempotencyKey)
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
		Database: req.Database, Format: req.Format, Compression: req.Compression, Encryption: encryption,
		Content: req.Content, Trigger: req.Trigger, Labels: req.Labels,
	}
	if b.Database == "" && s.Engine != nil {
		b.Database = s.Engine.Database() // so that a failure to connect is listed with its database
	}
	if sel := req.Selection; len(sel.Schemas)+len(sel.Tables)+len(sel.ExcludeTables)+len(sel.ExcludeTableData) > 0 {
		b.Selection = &sel
	}
	var made *Backup // by the same request, delivered before
	got, err := s.Registry.Reserve(ctx, b, raw, launchWithin, func(x *registry.Index, b *Backup) error {
		if made = earlier(x, req, b.ID); made != nil {
			return errMade
		}
		if err := s.admit(x); err != nil {
			return err
		}
		if req.Filename == "" && x.Taken(b.Filepath, b.ID) { // two in the same second
			stem, ext, _ := strings.Cut(b.Filename, ".")
			b.Filename = stem + "_" + strings.ToLower(b.ID[20:]) + "." + ext
			b.Filepath = path.Join(path.Dir(b.Filepath), b.Filename)
		}
		return nil
	})
	if made != nil && errors.Is(err, errMade) {
		return *made, nil
	}
	return got, err
}

// errMade ends a reservation whose backup was reserved by an earlier delivery of the same request.
var errMade = errors.New("the same request was made before")

// earlier finds the backup that a request with the same idempotency key made.
func earlier(x *registry.Index, req Request, id string) *Backup {
	if req.IdempotencyKey == "" {
		return nil
	}
	for i := range x.Backups {
		if b := x.Backups[i]; b.ID != id && sameKey(b.ID, id) {
			return &b
		}
	}
	return nil
}

// admit decides the limits, inside the registry's compare-and-swap.
func (s *Service) admit(x *registry.Index) error {
	running, total := 0, int64(0)
	for i := range x.Backups {
		if x.Backups[i].Status == registry.InProgress {
			running++
		}
		total += x.Backups[i].Size
	}
	if n := s.Limits.MaxConcurrent; n > 0 && running >= n {
		return fault.New(fault.Validation, fault.LimitReached, "Wait for one to end (cofre list --status in_progress), or raise BACKUP_MAX_CONCURRENT.",
			"%d backups are being made already, and %d at once are allowed", running, n)
	}
	if q := s.Limits.MaxTotalBytes; q > 0 && total >= q {
		return fault.New(fault.DiskSpace, fault.StorageFull, "Remove backups (cofre cleanup, cofre delete), or raise BACKUP_MAX_STORAGE_SIZE_GB.",
			"the backups take %d bytes and the quota is %d", total, q)
	}
	return nil
}
