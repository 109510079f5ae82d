package backup

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// ListOptions filter and page. Zero values do not filter.
type ListOptions struct {
	Source   string // as shown: see registry.Backup.SourceName
	Database string
	Status   registry.Status
	Outcome  registry.Outcome // how it ended
	Since    time.Time        // created at or after
	Until    time.Time        // created before
	Label    string           // key or key=value
	Search   string           // part of the file path, the source, the database or the id, in any case
	Damaged  bool             // only those found damaged
	Limit    int              // at most this many; 0 is all
	Cursor   string           // from List.Next
	Fates    bool             // tell what becomes of the backups
}

// List is one page, newest first.
type List struct {
	Backups []Backup `json:"backups"`
	Total   int      `json:"total"` // that match, on all pages
	Next    string   `json:"next,omitempty"`
	// Fates tells by id what becomes of the backups, if asked for; those of other pages are in it too.
	Fates map[string]Fate `json:"-"`
}

// List gives the backups, newest first. It costs one request to storage.
func (s *Service) List(ctx context.Context, o ListOptions) (List, error) {
	switch o.Status {
	case "", registry.Success, registry.Failed, registry.InProgress:
	default:
		return List{}, invalid("Use success, failed or in_progress.", "unknown status %.40q", o.Status)
	}
	switch o.Outcome {
	case "", registry.Succeeded, registry.FailedToEnd, registry.Canceled, registry.Interrupted:
	default:
		return List{}, invalid("Use succeeded, failed, canceled or interrupted.", "unknown outcome %.40q", o.Outcome)
	}
	if o.Limit < 0 {
		return List{}, invalid("Use a positive number.", "a page cannot hold %d backups", o.Limit)
	}
	before, err := decodeCursor(o.Cursor)
	if err != nil {
		return List{}, err
	}
	x, err := s.Registry.Load(ctx)
	if err != nil {
		return List{}, err
	}
	page := List{Backups: []Backup{}}
	if o.Fates {
		page.Fates = s.fates(x)
	}
	for i := len(x.Backups) - 1; i >= 0; i-- {
		b := x.Backups[i]
		if !o.match(b) {
			continue
		}
		page.Total++
		switch {
		case before != "" && b.ID >= before:
		case o.Limit > 0 && len(page.Backups) == o.Limit:
			if page.Next == "" {
				page.Next = encodeCursor(page.Backups[o.Limit-1].ID)
			}
		default:
			page.Backups = append(page.Backups, b)
		}
	}
	return page, nil
}

func (o ListOptions) match(b Backup) bool {
	key, value, hasValue := strings.Cut(o.Label, "=")
	got, labelled := b.Labels[key]
	q := strings.ToLower(o.Search)
	switch {
	case o.Source != "" && b.SourceName() != o.Source,
		o.Database != "" && b.Database != o.Database,
		o.Outcome != "" && b.Outcome != o.Outcome,
		o.Status != "" && b.Status != o.Status,
		!o.Since.IsZero() && b.CreatedAt.Before(o.Since),
		!o.Until.IsZero() && !b.CreatedAt.Before(o.Until),
		o.Label != "" && (!labelled || hasValue && got != value),
		o.Damaged && !b.Damaged(),
		q != "" && !strings.Contains(strings.ToLower(b.Filepath+"\n"+b.SourceName()+"\n"+b.Database+"\n"+b.ID), q):
		return false
	}
	return true
}

// Cursors are opaque to callers: the last id of the page before, so that new backups do not shift the pages.
func encodeCursor(id string) string { return base64.RawURLEncoding.EncodeToString([]byte("1:" + id)) }

func decodeCursor(c string) (string, error) {
	if c == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(c)
	id, ok := strings.CutPrefix(string(raw), "1:")
	if err != nil || !ok || !registry.ValidID(id) {
		return "", invalid("Pass the value of \"next\" from the page before, or leave it out.", "that is not a cursor of this list")
	}
	return id, nil
}

// Info gives one backup's record. See find for what ref may be.
func (s *Service) Info(ctx context.Context, ref string) (Backup, error) {
	b, _, err := s.Look(ctx, ref)
	return b, err
}

// Look is Info with what becomes of the backup.
func (s *Service) Look(ctx context.Context, ref string) (Backup, Fate, error) {
	if len(ref) > 1200 {
		return Backup{}, Fate{}, unknown(ref)
	}
	x, err := s.Registry.Load(ctx)
	if err != nil {
		return Backup{}, Fate{}, err
	}
	b, err := s.find(x, ref)
	if err != nil {
		return b, Fate{}, err
	}
	return b, s.fates(x)[b.ID], nil
}

// StatusReport is the answer to "how far is it?" (BackupStatusResponse in the API).
type StatusReport struct {
	ID       string    `json:"id"`
	Status   string    `json:"status"` // in_progress, completed or failed
	Progress *int      `json:"progress,omitempty"`
	Message  string    `json:"message,omitempty"`
	Detail   *Progress `json:"detail,omitempty"` // while it runs
	Backup   Backup    `json:"backup"`
}

// Status tells how far a backup is.
func (s *Service) Status(ctx context.Context, ref string) (StatusReport, error) {
	b, err := s.Info(ctx, ref)
	if err != nil {
		return StatusReport{}, err
	}
	full := 100
	switch b.Status {
	case registry.Success:
		return StatusReport{ID: b.ID, Status: "completed", Progress: &full, Message: "done", Backup: b}, nil
	case registry.Failed:
		r := StatusReport{ID: b.ID, Status: "failed", Backup: b}
		if b.Error != nil {
			r.Message = b.Error.Message
		}
		return r, nil
	}
	r := StatusReport{ID: b.ID, Status: "in_progress", Message: "waiting to be started", Backup: b}
	data, _, err := s.Store.Get(ctx, registry.StatusKey(b.ID))
	if storage.IsNotFound(err) || fault.HasReason(err, fault.LimitReached) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	p, ok := parseProgress(data)
	if !ok {
		return r, nil // being overwritten, or damaged: it is only for onlookers
	}
	r.Detail, r.Progress, r.Message = &p, p.Percent, p.Phase
	if age := s.Now().Sub(p.UpdatedAt); age > registry.DefaultLease {
		r.Message = "no sign of life for " + age.Round(time.Second).String() + "; cofre cleanup ends it if its process is gone"
	}
	return r, nil
}
