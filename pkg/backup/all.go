package backup

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/quantity"
)

// awaitPlace is how long a backup that waits for its turn waits before it looks again whether others have left a place.
const awaitPlace = 10 * time.Second

// ReserveInTurn is Reserve that waits while as many backups are made as may be (BACKUP_MAX_CONCURRENT): for who has time. waits is told once.
func (s *Service) ReserveInTurn(ctx context.Context, req Request, waits func(error)) (Backup, error) {
	for told := false; ; told = true {
		b, err := s.Reserve(ctx, req)
		if !fault.HasReason(err, fault.LimitReached) {
			return b, err
		}
		if !told {
			waits(err)
		}
		if stop := pause.For(ctx, awaitPlace); stop != nil {
			return b, stop
		}
	}
}

// AllOptions are those of CreateAll.
type AllOptions struct {
	// Request is what is asked of each source. It names neither source, nor database, nor file.
	Request Request
	// Parallel bounds the backups that are made at the same time; 0 is Limits.MaxConcurrent.
	Parallel int
	// Watch is told how far a source is, Ended what came of it, each from several goroutines; Ended not from two at once. Both may be nil.
	Watch func(source string, p Progress)
	Ended func(MadeOf)
}

// MadeOf is what came of one source.
type MadeOf struct {
	Source string
	Backup Backup // as it is on record; the zero one where none was begun
	Err    error
}

// All is what came of a CreateAll.
type All struct {
	Made   []MadeOf // of each source that was tried, in the order of the list
	Paused []string // were left out
}

// Failed lists the sources whose backup failed.
func (a All) Failed() (names []string) {
	for _, m := range a.Made {
		if m.Err != nil {
			names = append(names, m.Source)
		}
	}
	return names
}

// Err says how many failed, and which; nil where none did.
func (a All) Err() error {
	failed := a.Failed()
	if len(failed) == 0 {
		return nil
	}
	return fault.New(fault.BackupCreation, fault.SomeFailed, "Each says why it failed. The backups of the others are good.",
		"%d of %s failed: %s", len(failed), quantity.Plural(len(a.Made), "source"), strings.Join(first(failed, 20), ", "))
}

// CreateAll makes a backup of each source that is not paused, several at a time. One that fails, or takes long, stops no other; one for which
// there is no place yet waits. When ctx ends, those that run end as Create does, and no other is begun: the error is the context's cause then.
// What fails otherwise is in All.
func (s *Service) CreateAll(ctx context.Context, o AllOptions) (All, error) {
	list, err := s.Sources(ctx)
	if err != nil {
		return All{}, err
	}
	if err := s.NoteVanished(ctx, list); err != nil && ctx.Err() == nil {
		s.Log.Warn("databases that are gone were not put on record", "error", err.Error())
	}
	all := All{Made: []MadeOf{}, Paused: []string{}}
	for _, of := range list.Sources {
		if of.Paused {
			all.Paused = append(all.Paused, of.Name)
		} else {
			all.Made = append(all.Made, MadeOf{Source: of.Name})
		}
	}
	begin := len(all.Made)
	for _, f := range list.Unanswered() { // databases that nobody knows of yet are not backed up
		all.Made = append(all.Made, MadeOf{Source: f.Source, Err: f.Missing()})
	}
	for _, t := range list.Untaken() {
		all.Made = append(all.Made, MadeOf{Source: t.Name, Err: t.Err})
	}
	if len(all.Made) == 0 {
		return all, invalid("Name sources in cofre.yaml, the file that BACKUP_CONFIG leads to; or set DATABASE_URL.", "there is no source to back up (%d are paused)", len(all.Paused))
	}
	parallel := o.Parallel
	if parallel == 0 {
		parallel = max(1, s.Limits.MaxConcurrent)
	}
	turns := make(chan struct{}, parallel)
	var ended sync.Mutex
	var work sync.WaitGroup
	for i := range all.Made[:begin] {
		m := &all.Made[i]
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			m.Err = fault.Wrap(context.Cause(ctx), fault.Canceled, "", "Start it again.", "the backup of %q was not begun", m.Source)
			continue
		}
		work.Go(func() {
			defer func() { <-turns }()
			m.Backup, m.Err = s.createInTurn(ctx, m.Source, o)
			ended.Lock()
			defer ended.Unlock()
			if o.Ended != nil {
				o.Ended(*m)
			}
		})
	}
	work.Wait()
	for _, m := range all.Made[begin:] {
		if o.Ended != nil {
			o.Ended(m)
		}
	}
	if ctx.Err() != nil {
		return all, context.Cause(ctx)
	}
	return all, nil
}

// createInTurn is Create for who has time.
func (s *Service) createInTurn(ctx context.Context, name string, o AllOptions) (Backup, error) {
	req := o.Request
	req.Source = name
	watch := func(p Progress) {
		if o.Watch != nil {
			o.Watch(name, p)
		}
	}
	if err := s.precheck(ctx, req); err != nil {
		return Backup{}, err
	}
	b, err := s.ReserveInTurn(ctx, req, func(err error) {
		s.Log.Info("a backup waits for others to end", "source", name, "error", err.Error())
	})
	if err != nil {
		return b, fmt.Errorf("source %s: %w", name, err)
	}
	return s.Run(ctx, b.ID, watch)
}
