package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
)

// summary answers how it stands with everything: the domain's overview in the contract's form.
func (a *API) summary(ctx context.Context, c *call) (answer, error) {
	var p contract.GetMetricsSummaryParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	zone, err := time.LoadLocation(cmp.Or(p.Tz, "UTC"))
	if err != nil || p.Tz == "Local" {
		return answer{}, refused("Time zones are called like Europe/Lisbon or America/Sao_Paulo.", "there is no time zone %.64q", p.Tz)
	}
	o, err := a.Service.Overview(ctx, zone)
	if err != nil {
		return answer{}, err
	}
	s := summarize(o, p.Source)
	s.TimeZone, s.StorageLimitBytes = zone.String(), a.Service.Limits.MaxTotalBytes
	s.LastCleanup = o.LastCleanup
	if f := o.Storage; f != nil {
		s.StorageForecast = contract.StorageForecast{Points: each(f.Points, storedBytes), LimitBytes: f.Limit, Disk: f.Disk, FullAt: utc(f.Full)}
	}
	return ok(s), nil
}

// summarize is the overview as the contract shows it; with a source, the figures are that one's.
func summarize(o overview.Overview, source string) contract.MetricsSummary {
	s := contract.MetricsSummary{
		At: o.At.UTC().Truncate(time.Second), State: contract.State(o.State), Days: overview.Days, Running: o.Running, Damaged: o.Damaged,
		StorageUsedBytes: o.Stored, Sources: []contract.SourceSummary{}, Errors: []contract.ErrorCount{},
	}
	figures, days, told := o.Figures, o.Days, o.Sources
	sources := o.Foremost(overview.Shown)
	for i := range sources {
		s.Sources = append(s.Sources, sourceSummary(&sources[i], o.At))
	}
	for i := range o.Sources {
		one := &o.Sources[i]
		if source != "" && one.Name != source {
			continue
		}
		s.Overdue = s.Overdue || one.Overdue
		if next := one.NextDue; !next.IsZero() && (s.NextScheduledAt.IsZero() || next.Before(s.NextScheduledAt)) {
			s.Schedule, s.NextScheduledAt = one.Schedule, next.UTC()
		}
	}
	if source != "" {
		one := o.Source(source)
		if one == nil {
			one, told = &overview.Source{State: overview.OK}, nil
		} else {
			told = []overview.Source{*one}
		}
		figures, days = one.Figures, one.Days
		s.State, s.Running, s.Damaged = contract.State(one.State), one.Running, one.Damaged
	}
	s.Sentence = sentence(overview.Say(told))
	s.Total, s.Succeeded, s.Failed, s.Canceled = figures.Total, figures.Succeeded, figures.Failed, figures.Canceled
	s.Interrupted, s.Missed = figures.Interrupted, figures.Missed
	s.Trend = each(days, daySummary)
	if n := figures.Succeeded; n > 0 {
		s.AverageDuration, s.AverageSizeBytes = figures.Duration.Milliseconds()/int64(n), figures.SuccessBytes/int64(n)
	}
	if rate, ok := figures.SuccessRate(); ok {
		s.SuccessRate = &rate
	}
	for _, code := range slices.Sorted(maps.Keys(figures.Errors)) {
		s.Errors = append(s.Errors, contract.ErrorCount{Code: contract.ErrorCode(code), Count: figures.Errors[code]})
	}
	slices.SortStableFunc(s.Errors, func(a, b contract.ErrorCount) int { return cmp.Compare(b.Count, a.Count) })
	return s
}

func sentence(s overview.Sentence) contract.Sentence {
	return contract.Sentence{
		Code: contract.SentenceCode(s.Code), State: contract.State(s.State), Sources: s.Sources, Others: s.Others, Source: s.Source,
		Step: contract.NextStep(s.Step), BackupID: s.Backup, EarlierID: s.Earlier, At: utc(s.At), ProvenAt: utc(s.Proven),
	}
}

func daySummary(d overview.Day) contract.DaySummary {
	return contract.DaySummary{
		Date: d.Date, Succeeded: d.Succeeded, Failed: d.Failed, Canceled: d.Canceled, Interrupted: d.Interrupted, Missed: d.Missed,
		Running: d.Running, Damaged: d.Damaged, Bytes: d.Bytes,
	}
}

func sourceSummary(s *overview.Source, now time.Time) contract.SourceSummary {
	out := contract.SourceSummary{
		Source: s.Name, Database: s.Database, Server: s.Server, State: contract.State(s.State), Configured: s.Configured,
		Scheduled: s.Scheduled, Schedule: s.Schedule, NextScheduledAt: utc(s.NextDue), Backups: s.Backups, Bytes: s.Bytes, Running: s.Running,
		Damaged: s.Damaged, ServerUnknown: s.ServerUnknown, FailingSince: s.FailingSince, Failures: s.Failures, Missed: s.Missed,
		DueAt: utc(s.Due), Overdue: s.Overdue, OnlyParts: s.OnlyParts, ProofsExpected: s.ProofsExpected, Trend: each(s.Days, daySummary), Sizes: each(s.Sizes, point),
		Findings: each(s.Findings, finding),
	}
	if s.LastGood != nil {
		out.LastGood = point(*s.LastGood)
	}
	if s.LastWhole != nil {
		out.LastWhole = point(*s.LastWhole)
		age := max(0, int64(now.Sub(s.LastWhole.At)/time.Second))
		out.LastWholeAge = &age
	}
	if p := s.LastProvable; p != nil {
		out.LastProvable = point(*p)
	}
	if p := s.LastProven; p != nil {
		out.LastProven = proven(*p)
	}
	if p := s.LastFullyProven; p != nil {
		out.LastFullyProven = proven(*p)
	}
	if age, ok := s.ProofAge(); ok {
		seconds := int64(age / time.Second)
		out.LastProofAge = &seconds
	}
	if p := s.LastDisproven; p != nil {
		out.LastDisproven = proven(*p)
	}
	if f := s.LastFail; f != nil {
		out.LastFailureID, out.LastFailure = f.ID, errorOf(f.Error)
	}
	if s.Forecast != nil {
		out.Forecast = forecast(*s.Forecast)
	}
	if len(s.Coming) > 0 {
		out.StorageForecast = each(s.Coming, storedBytes)
	}
	if s.Shrunk != nil {
		out.ShrunkFrom, out.ShrunkTo = s.Shrunk.From, s.Shrunk.To
	}
	if l := s.RowsLost; l != nil {
		out.TablesLost, out.RowsLost = l.Tables, each(l.Worst, recordedLoss)
	}
	if rate, ok := s.SuccessRate(); ok {
		out.SuccessRate = &rate
	}
	return out
}

// utc leaves the zero time as it is.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

func point(r overview.Ref) contract.BackupPoint {
	return contract.BackupPoint{ID: r.ID, At: r.At, Size: r.Size}
}

func proven(p overview.ProofRef) contract.ProvenBackup {
	return contract.ProvenBackup{ID: p.ID, At: p.At, ProvenAt: utc(p.Proof), InPart: p.InPart}
}

func forecast(f overview.Forecast) contract.Forecast {
	trend := func(t overview.Trend) contract.Trend { return contract.Trend{Now: t.Now, PerDay: t.PerDay} }
	return contract.Forecast{Backups: f.Backups, Since: utc(f.Since), Size: trend(f.Size), Duration: trend(f.Duration), Reached: each(f.Reached, func(r overview.Reach) contract.LimitReached {
		return contract.LimitReached{Limit: contract.LimitReachedLimit(r.Limit), Value: r.Value, At: utc(r.At)}
	})}
}

func storedBytes(p overview.Stored) contract.StoredBytes {
	return contract.StoredBytes{At: utc(p.At), Bytes: p.Bytes}
}

func finding(f overview.Finding) contract.Finding {
	return contract.Finding{
		Code: contract.FindingCode(f.Code), Severity: contract.State(f.Severity), Text: f.Text, Hint: hintOf(f.Hint), Step: contract.NextStep(f.Step),
		Since: utc(f.Since), BackupID: f.Backup, Error: errorOf(f.Error),
	}
}

func errorOf(e *registry.Error) contract.BackupError {
	if e == nil {
		return contract.BackupError{}
	}
	return backupError(*e)
}
