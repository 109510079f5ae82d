package backup

import (
	"fmt"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
)

// Events takes what happened, so that people are told. Neither method blocks, fails, or does any input or output: a backup is neither slower nor
// worse for them.
type Events interface {
	Tell(event.Event)
	// Look is called where what lasts may have changed: a backup has ended, or was found damaged. Whoever has time looks at Conditions then.
	Look()
}

// tell tells of something that happened.
func (s *Service) tell(e event.Event) {
	if s.Events != nil {
		s.Events.Tell(e)
	}
}

// look says that what lasts may have changed.
func (s *Service) look() {
	if s.Events != nil {
		s.Events.Look()
	}
}

// tellEnded tells of a run that has ended. That one failed is told by what lasts: a source that fails.
func (s *Service) tellEnded(b Backup, err error) {
	if Elsewhere(err) {
		return
	}
	s.look()
	if s.Pings != nil {
		s.Pings.Ended(b, err)
	}
	if err == nil && b.Status == registry.Success {
		s.tell(event.Event{Kind: event.BackupEnded, Source: b.SourceName(), Resource: b.ID, By: b.CreatedBy, Bytes: b.Size, Duration: b.Duration})
	}
}

// tellRestored tells of a restore that has ended.
func (s *Service) tellRestored(e event.Event, err error) {
	e.Kind = event.RestoreEnded
	if err != nil {
		f := fault.From(err)
		if f.Code == fault.Canceled {
			return
		}
		e.Kind, e.Reason, e.Detail = event.RestoreFailed, string(f.Reason), f.Message
	}
	s.tell(e)
}

// TellRestore tells of a restore that was asked for and has ended, by whoever recorded that.
func (s *Service) TellRestore(x registry.Restore) {
	e := event.Event{Resource: x.ID, By: x.By, Target: x.Target + "/" + x.Database, Duration: max(0, x.EndedAt.Sub(x.StartedAt).Milliseconds())}
	switch {
	case x.Error != nil:
		s.tellRestored(e, &fault.Error{Code: x.Error.Code, Reason: x.Error.Reason, Message: x.Error.Message})
	case x.State == registry.RestoreSucceeded:
		s.tellRestored(e, nil)
	}
}

// Of a cleanup that removes so much, somebody should know: a setting may be wrong.
const (
	oddRemoved = 10 // backups at least, and more than are kept
)

// tellCleanup tells of a cleanup that did not go as it should.
func (s *Service) tellCleanup(rep CleanupReport, err error) {
	s.look()
	e := event.Event{Kind: event.CleanupOdd, Count: rep.RemovedCount, Bytes: rep.FreedBytes}
	switch {
	case err != nil:
		f := fault.From(err)
		if f.Code == fault.Canceled {
			return
		}
		e.Reason, e.Detail = string(f.Reason), f.Message
	case len(rep.Failures) > 0:
		first := rep.Failures[0]
		e.Resource, e.Count, e.Bytes, e.Reason = first.ID, len(rep.Failures), 0, string(first.Error.Reason)
		e.Detail = fmt.Sprintf("%d backups could not be removed; the first: %s", len(rep.Failures), first.Error.Message)
	case rep.RemovedCount >= oddRemoved && rep.RemovedCount > rep.KeptCount:
		e.Detail = fmt.Sprintf("%d backups were removed, and %d are left", rep.RemovedCount, rep.KeptCount)
	default:
		return
	}
	s.tell(e)
}

// lasting are the findings of an overview that people are told of, as kinds of events; those about one backup are told once.
var lasting = map[overview.Code]struct {
	kind event.Kind
	once bool
}{
	overview.Failures: {event.BackupFailed, false}, overview.Overdue: {event.Overdue, false}, overview.Damage: {event.Damaged, false}, overview.ServerChanged: {event.ServerChanged, false},
	overview.ProofBad: {event.ProofFailed, false}, overview.NotProven: {event.NotProven, false}, overview.TablesLost: {event.RowsLost, true}, overview.BackupShrunk: {event.Shrunk, true},
	overview.SizeLimitNear: {event.LimitNear, false}, overview.TimeLimitNear: {event.LimitNear, false},
	overview.CopyLate: {event.CopyLate, false}, overview.CopyUnknown: {event.CopyLate, false},
}

// Parts of BACKUP_MAX_STORAGE_SIZE_GB from which on its use is worth telling. A disk is nearly full from the same part on.
const (
	NearlyFull = 0.9
	quotaFull  = 0.98
)

// Conditions are what people should be told of as long as it lasts, by an overview. covers tells whose conditions these are: this process knows what
// is expected of the sources that it has, and of no others.
func (s *Service) Conditions(o overview.Overview) (held []event.Condition, covers func(source string) bool) {
	mine := map[string]bool{"": s.Limits.MaxTotalBytes > 0}
	for i := range o.Sources {
		src := &o.Sources[i]
		if !src.Configured {
			continue
		}
		mine[src.Name] = true
		for _, f := range src.Findings {
			if l, ok := lasting[f.Code]; ok {
				held = append(held, condition(src, f, l.kind, l.once))
			}
		}
	}
	if most := s.Limits.MaxTotalBytes; most > 0 && float64(o.Stored) >= float64(most)*NearlyFull {
		c := event.Condition{Kind: event.QuotaNear, Severity: event.Warning, Bytes: o.Stored, Limit: most}
		if float64(o.Stored) >= float64(most)*quotaFull {
			c.Severity = event.Critical
		}
		held = append(held, c)
	}
	return held, func(source string) bool { return mine[source] }
}

func condition(src *overview.Source, f overview.Finding, kind event.Kind, once bool) event.Condition {
	c := event.Condition{Kind: kind, Source: src.Name, Severity: event.Warning, Since: f.Since, Resource: f.Backup}
	if f.Severity == overview.Failing {
		c.Severity = event.Critical
	}
	if once {
		c.Once = f.Backup
	}
	if f.Error != nil {
		c.Reason, c.Detail = string(f.Error.Reason), f.Error.Message
	}
	switch f.Code {
	case overview.Failures:
		c.Count = src.Failures
	case overview.Damage:
		c.Count = src.Damaged
	case overview.TablesLost:
		c.Count = src.RowsLost.Tables
		if len(src.RowsLost.Worst) > 0 {
			c.Target = src.RowsLost.Worst[0].Table
		}
	case overview.Overdue, overview.SizeLimitNear, overview.TimeLimitNear, overview.ServerChanged, overview.CopyLate, overview.CopyUnknown:
		c.Detail = f.Text
	}
	return c
}

// Summary sums an overview up for a digest of one day, or of a week.
func Summary(o overview.Overview, held []event.Condition, period string) *event.Summary {
	days := 1
	if period == event.Weekly {
		days = 7
	}
	sum := &event.Summary{Period: period, Sources: len(o.Sources), Bytes: o.Stored}
	last := o.Days[:max(0, len(o.Days)-1)] // of whole days
	for _, d := range last[max(0, len(last)-days):] {
		sum.Succeeded += d.Succeeded
		sum.Failed += d.Failed + d.Interrupted + d.Missed
	}
	for _, c := range held {
		sum.Open = append(sum.Open, event.Problem{Kind: c.Kind, Severity: c.Severity, Source: c.Source, Since: c.Since})
	}
	return sum
}
