package backup

import (
	"context"
	"encoding/base64"
	"slices"
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
	Labels   []string         // key or key=value; all of them
	Search   string           // part of the file path, the source, the database or the id, in any case
	Damaged  bool             // only those found damaged
	Problems bool             // only those that somebody should look at: see [HasProblem]
	Pinned   bool             // only those that a pin keeps now
	Limit    int              // at most this many; 0 is all
	Cursor   string           // from List.Next
	Fates    bool             // tell what becomes of the backups
}

// List is one page, newest first.
type List struct {
	Backups []Backup `json:"backups"`
	Total   int      `json:"total"` // that match, on all pages
	Next    string   `json:"next,omitempty"`
	// Missing tells that a part of the records could not be read; the next cleanup puts it together again.
	Missing bool `json:"missing,omitempty"`
	// Fates tells by id what becomes of the backups, if asked for; those of other pages are in it too.
	Fates map[string]Fate `json:"-"`
}

// List gives the backups, newest first. It costs one request to storage for registry.json, and one for each page of settled backups
// that has to be read.
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
	var page List
	err = s.Registry.Reading(ctx, func(v *registry.View) error {
		page, err = s.list(ctx, v, o, before)
		return err
	})
	return page, err
}

// list reads the pages that it has to, but for those that registry.json says enough of.
func (s *Service) list(ctx context.Context, v *registry.View, o ListOptions, before string) (List, error) {
	most := min(v.Len(), 10_000) // a page may be said to hold any number
	if o.Limit > 0 {
		most = min(most, o.Limit)
	}
	page, now := List{Backups: make([]Backup, 0, most)}, s.Now()
	full := func() bool { return o.Limit > 0 && len(page.Backups) == o.Limit }
	next := func() {
		if page.Next == "" {
			page.Next = encodeCursor(page.Backups[o.Limit-1].ID)
		}
	}
	skip := func(p *registry.Page) bool {
		n, exact := o.count(p)
		switch {
		case !exact:
			return false
		case n > 0 && before != "" && p.First >= before: // it is on the pages before
		case n > 0 && full() && (before == "" || p.Last < before):
			next()
		case n > 0:
			return false
		}
		page.Total += n
		return true
	}
	for b, err := range v.Search(ctx, o.Search, skip) {
		if registry.IsLostPage(err) {
			s.Log.Warn("a list is not whole", "error", err.Error())
			page.Missing = true
			continue
		}
		if err != nil {
			return List{}, err
		}
		if !o.match(b, now) {
			continue
		}
		page.Total++
		switch {
		case before != "" && b.ID >= before:
		case full():
			next()
		default:
			page.Backups = append(page.Backups, b)
		}
	}
	if !o.Fates || len(page.Backups) == 0 {
		return page, nil
	}
	ids := make([]string, len(page.Backups))
	for i, b := range page.Backups {
		ids[i] = b.ID
	}
	var err error
	page.Fates, err = s.fates(ctx, v, ids...)
	if registry.IsLostPage(err) {
		err = nil // listing goes on
	}
	return page, err
}

// count returns how many backups of a page match, as far as that can be told without reading it: exact reports whether it can.
func (o ListOptions) count(p *registry.Page) (n int, exact bool) {
	switch {
	case !o.Since.IsZero() && p.To.Before(o.Since), !o.Until.IsZero() && !p.From.Before(o.Until):
		return 0, true
	case p.Untold, o.Problems && !p.Proofs: // it may not say which lost rows, either
		return 0, false
	case o.Database != "" || len(o.Labels) > 0 || o.Search != "" || !o.Since.IsZero() && p.From.Before(o.Since) || !o.Until.IsZero() && !p.To.Before(o.Until):
		exact = false
	default:
		exact = true
	}
	asked := 0
	for _, is := range []bool{o.Outcome != "", o.Status != "", o.Damaged, o.Problems} {
		if is {
			asked++
		}
	}
	for _, t := range p.Sources {
		if o.Source == "" || t.Source == o.Source {
			n += o.countIn(t)
			exact = exact && !(o.Problems && mayLose(t))
		}
	}
	return n, n == 0 || exact && asked <= 1 && !o.Pinned
}

// mayLose reports whether there are backups in which tables lost rows. Some of them may be damaged, too.
func mayLose(t registry.Tally) bool {
	return slices.ContainsFunc(t.Rows, func(r registry.RowTally) bool { return len(r.Lost) > 0 })
}

// countIn returns how many of a source match at the most; exactly, where one thing at most is asked for, which is neither a pin nor lost rows.
func (o ListOptions) countIn(t registry.Tally) int {
	n := t.Count
	if o.Damaged {
		n = min(n, t.Damaged)
	}
	if o.Problems && !mayLose(t) {
		n = min(n, t.Failed+t.Interrupted+t.Damaged)
	}
	if o.Pinned {
		n = min(n, t.Succeeded)
	}
	switch o.Outcome {
	case registry.Succeeded:
		n = min(n, t.Succeeded)
	case registry.FailedToEnd:
		n = min(n, t.Failed)
	case registry.Canceled:
		n = min(n, t.Canceled)
	case registry.Interrupted:
		n = min(n, t.Interrupted)
	}
	switch o.Status {
	case registry.Success:
		n = min(n, t.Succeeded)
	case registry.Failed:
		n = min(n, t.Failed+t.Canceled+t.Interrupted)
	case registry.InProgress:
		n = 0
	}
	return n
}

// HasProblem reports whether somebody should look at a backup, by its record alone: it failed, its process died, it was found damaged, or tables
// in it had lost rows. One that somebody canceled is none of these.
func HasProblem(b Backup) bool {
	return b.Outcome == registry.FailedToEnd || b.Outcome == registry.Interrupted || b.Damaged() || b.LostRows()
}

func (o ListOptions) match(b Backup, now time.Time) bool {
	unlabelled := func(label string) bool {
		key, value, hasValue := strings.Cut(label, "=")
		got, labelled := b.Labels[key]
		return !labelled || hasValue && got != value
	}
	q := strings.ToLower(o.Search)
	switch {
	case o.Source != "" && b.SourceName() != o.Source,
		o.Database != "" && b.Database != o.Database,
		o.Outcome != "" && b.Outcome != o.Outcome,
		o.Status != "" && b.Status != o.Status,
		!o.Since.IsZero() && b.CreatedAt.Before(o.Since),
		!o.Until.IsZero() && !b.CreatedAt.Before(o.Until),
		slices.ContainsFunc(o.Labels, unlabelled),
		o.Damaged && !b.Damaged(),
		o.Problems && !HasProblem(b),
		o.Pinned && !b.Pin.Holds(now),
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
	var b Backup
	var fate Fate
	err := s.Registry.Reading(ctx, func(v *registry.View) (err error) {
		if b, err = s.find(ctx, v, ref); err != nil {
			return err
		}
		all, err := s.fates(ctx, v, b.ID)
		if registry.IsLostPage(err) {
			err = nil
		}
		fate = all[b.ID]
		return err
	})
	return b, fate, err
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
	data, o, err := s.Store.Get(ctx, registry.StatusKey(b.ID))
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
	// By the storage's clock: that of the machine which makes it may be hours off.
	if age := s.Now().Sub(o.LastModified); age > registry.DefaultLease {
		r.Message = "not seen for " + age.Round(time.Second).String() + "; if its process is gone, cofre cleanup marks it failed"
	}
	return r, nil
}
