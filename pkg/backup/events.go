package backup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/source"
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

// tellEnded tells of a run of a source that has ended. That one failed is told by what lasts: a source that fails.
func (s *Service) tellEnded(of source.Settings, b Backup, err error) {
	if Elsewhere(err) {
		return
	}
	s.look()
	if s.Pings != nil {
		s.Pings.Ended(of, b, err)
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

// lasting are the findings of an overview that people are told of, as kinds of events; those about one backup, or one moment, are told once.
var lasting = map[overview.Code]struct {
	kind event.Kind
	once bool
}{
	overview.Failures: {event.BackupFailed, false}, overview.Untaken: {event.BackupFailed, false}, overview.Overdue: {event.Overdue, false}, overview.Damage: {event.Damaged, false}, overview.ServerChanged: {event.ServerChanged, false},
	overview.ProofBad: {event.ProofFailed, false}, overview.NotProven: {event.NotProven, false}, overview.NotProvable: {event.NotProven, false}, overview.TablesLost: {event.RowsLost, true}, overview.BackupShrunk: {event.Shrunk, true},
	overview.SizeLimitNear: {event.LimitNear, false}, overview.TimeLimitNear: {event.LimitNear, false},
	overview.CopyLate: {event.CopyLate, false}, overview.CopyUnknown: {event.CopyLate, false}, overview.Gone: {event.Vanished, true},
}

// Parts of BACKUP_MAX_STORAGE_SIZE_GB from which on its use is worth telling. A disk is nearly full from the same part on.
const (
	NearlyFull = 0.9
	quotaFull  = 0.98
)

// unaskedFor is how long a server whose databases are followed may be away before people are told: what it has that nobody knows of is not overdue.
const unaskedFor = 15 * time.Minute

// Conditions are what people should be told of as long as it lasts, by an overview. covers tells whose conditions these are: this process knows what
// is expected of the sources that it has, and of no others.
func (s *Service) Conditions(o overview.Overview) (held []event.Condition, covers func(source string) bool) {
	mine := map[string]bool{"": s.Limits.MaxTotalBytes > 0 || s.FreeSpace != nil}
	for i := range o.Sources {
		src := &o.Sources[i]
		group := groupOf(o.Followed, src.Name)
		gone := !src.Configured && !src.Vanished.IsZero() && group != ""
		if !src.Configured && !dropped(src) && !gone {
			continue
		}
		mine[src.Name] = !gone // what was the matter with it is not over by that
		for _, f := range src.Findings {
			if f.Code == overview.Gone && src.JustGone { // it would be told again, of another moment, once it is on record
				continue
			}
			if l, ok := lasting[f.Code]; ok && (!gone || f.Code == overview.Gone) {
				c := condition(src, f, l.kind, l.once)
				c.Group = group
				held = append(held, c)
			}
		}
	}
	held = together(held)
	for _, f := range o.Followed {
		mine[f.Source] = true
		if what := f.NotBackedUp(o.At, unaskedFor); what != "" {
			if i := slices.IndexFunc(held, func(c event.Condition) bool { return c.Kind == event.BackupFailed && c.Source == f.Source }); i >= 0 {
				held[i].Detail = fault.Shorten(held[i].Detail+"; "+what, fault.MaxText)
				continue
			}
			held = append(held, event.Condition{Kind: event.BackupFailed, Source: f.Source, Severity: event.Warning, Since: f.Since, Detail: fault.Shorten(what, fault.MaxText)})
		}
	}
	if f, most := o.Storage, s.Limits.MaxTotalBytes; f.Soon(o.At) || most > 0 && float64(o.Stored) >= float64(most)*NearlyFull {
		c := event.Condition{Kind: event.QuotaNear, Severity: event.Warning, Bytes: o.Stored, Limit: most, Detail: f.Describe(o.At)}
		if f.Soon(o.At) {
			c.Limit = f.Limit
		}
		if float64(o.Stored) >= float64(c.Limit)*quotaFull {
			c.Severity = event.Critical
		}
		held = append(held, c)
	}
	return held, func(source string) bool { return mine[source] }
}

// dropped tells whether the settings of a source stand in the bucket, and anybody with this installation's key would refuse them: it is backed up no longer. A
// machine without that key, or of an older version, knows nothing of that.
func dropped(src *overview.Source) bool {
	return slices.ContainsFunc(src.Findings, func(f overview.Finding) bool {
		return f.Code == overview.Untaken && f.Severity == overview.Failing && f.Error.Reason != fault.IdentityMissing && f.Error.Reason != fault.NewerVersion
	})
}

// groupOf is the followed source whose database a source is; "" for none.
func groupOf(followed []source.Followed, name string) (group string) {
	for _, f := range followed {
		if f.Owns(name) && len(f.Source) > len(group) {
			group = f.Source
		}
	}
	return group
}

// severalAre is from how many databases of a server on that are ill in one way people get one message, and not one for each: their server is ill, and nobody
// reads hundreds.
const severalAre = 4

// toldTogether are what comes over all databases of a server at once.
var toldTogether = []event.Kind{event.BackupFailed, event.Overdue, event.NotProven, event.CopyLate, event.Vanished}

// together puts one condition into the place of those of several databases of one server.
func together(held []event.Condition) (out []event.Condition) {
	type what struct {
		group string
		kind  event.Kind
		once  string // what vanished at other times is other news
	}
	of := map[what][]event.Condition{}
	for _, c := range held {
		if c.Group != "" && slices.Contains(toldTogether, c.Kind) {
			w := what{c.Group, c.Kind, c.Once}
			of[w] = append(of[w], c)
		}
	}
	done := map[what]bool{}
	for _, c := range held {
		w := what{c.Group, c.Kind, c.Once}
		switch {
		case len(of[w]) < severalAre || c.Group == "":
			out = append(out, c)
		case !done[w]:
			done[w] = true
			out = append(out, asOne(of[w]))
		}
	}
	return out
}

// asOne is the condition of a group.
func asOne(all []event.Condition) event.Condition {
	one := event.Condition{Kind: all[0].Kind, Source: all[0].Group, Once: all[0].Once, Severity: event.Info, Count: len(all)}
	for _, c := range all {
		if !one.Severity.AtLeast(c.Severity) {
			one.Severity = c.Severity
		}
		if one.Since.IsZero() || !c.Since.IsZero() && c.Since.Before(one.Since) {
			one.Since = c.Since
		}
		one.Members = append(one.Members, c.Source)
	}
	slices.Sort(one.Members)
	one.Members = slices.Compact(one.Members)
	one.Count = len(one.Members)
	one.Detail = fmt.Sprintf("%d databases: %s", one.Count, strings.Join(first(one.Members, 5), ", "))
	if all[0].Detail != "" {
		one.Detail += "; " + all[0].Source + ": " + all[0].Detail
	}
	one.Detail = fault.Shorten(one.Detail, fault.MaxText)
	return one
}

func condition(src *overview.Source, f overview.Finding, kind event.Kind, once bool) event.Condition {
	c := event.Condition{Kind: kind, Source: src.Name, Severity: event.Warning, Since: f.Since, Resource: f.Backup}
	if f.Severity == overview.Failing {
		c.Severity = event.Critical
	}
	if once {
		c.Once = cmp.Or(f.Backup, f.Since.UTC().Format(time.RFC3339))
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
	case overview.Untaken, overview.Overdue, overview.SizeLimitNear, overview.TimeLimitNear, overview.ServerChanged, overview.CopyLate, overview.CopyUnknown, overview.NotProven, overview.NotProvable,
		overview.Gone:
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
