package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/source"
)

// ShownSource is all that holds of a source, and how it stands with it.
type ShownSource struct {
	SourceState
	Default bool           // it is meant where nobody says which
	Values  []source.Value // of every key that says anything
	Zone    *time.Location // of its schedule
	// Standing is nil where there is neither a backup nor a record of it yet.
	Standing *overview.Source
}

// ShowSource says all that holds of one source.
func (s *Service) ShowSource(ctx context.Context, name string) (ShownSource, error) {
	states, meant, err := s.SourceStates(ctx)
	if err != nil {
		return ShownSource{}, err
	}
	o, err := s.Overview(ctx, time.UTC)
	if err != nil {
		return ShownSource{}, err
	}
	i := slices.IndexFunc(states, func(state SourceState) bool { return state.Name == name })
	standing := o.Source(name)
	if i < 0 && standing == nil {
		return ShownSource{}, fault.New(fault.Validation, fault.NotFound, "List the sources there are with: cofre source list", "there is no source %q", name)
	}
	shown := ShownSource{SourceState: SourceState{Settings: source.Settings{Name: name}}, Default: name == meant, Standing: standing, Zone: time.UTC}
	if i < 0 { // known by its backups alone
		return shown, nil
	}
	shown.SourceState = states[i]
	if plan, ok, err := shown.Plan(); ok && err == nil {
		shown.Zone = plan.Zone()
	}
	shown.Values, err = s.SourceValues(ctx, shown.Settings)
	return shown, err
}

// SourceValues lists what holds of a source by its keys, in the words of cofre.yaml, and where each value comes from: also of what it leaves out. No secret is among
// them.
func (s *Service) SourceValues(ctx context.Context, of source.Settings) ([]source.Value, error) {
	if of.Defaulted == nil { // as it was written
		of = of.Or(s.Configured.Defaults)
	}
	rules, err := s.rules(ctx)
	if err != nil {
		return nil, err
	}
	var p retention.Policy
	var saved bool
	err = s.Registry.Reading(ctx, func(v *registry.View) error {
		p, saved = s.policyOf(v.Settings(), rules), v.Settings().SavedAt != nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	if own, said := source.RuleOf(p.Sources, of.Name); said {
		p = own
	}
	l := s.Configured
	written := source.Settings{Retention: of.Retention}
	said := source.Flat(written)
	of.Retention = retentionOf(p)
	def := func(key string, v *string, value string) {
		if *v == "" {
			*v, of.Defaulted = value, append(slices.Clip(of.Defaulted), key)
		}
	}
	zone := "UTC"
	if plan, ok, err := of.Plan(); ok && err == nil {
		zone = plan.Zone().String()
	}
	def("schedule", &of.Schedule, source.Never)
	def("zone", &of.Zone, zone)
	def("proofs", &of.Proofs, source.Never)
	def("format", &of.Format, "custom")
	values := l.Values(of)
	for i := range values {
		v := &values[i]
		inner, isRetention := strings.CutPrefix(v.Key, "retention.")
		if !isRetention || slices.ContainsFunc(said, func(w source.Value) bool { return w.Key == v.Key }) {
			continue
		}
		v.From = l.DefaultFrom(v.Key)
		if saved && v.From.Kind != source.ByFile && (inner == "days" || inner == "maxBackups") {
			v.From = source.From{Kind: source.BySettings}
		}
	}
	kept := func(key string, c source.Connection, after int) {
		values = slices.Insert(values, after, source.Value{Key: key, Value: c.String(), From: l.From(of, key)})
	}
	if of.Connection.IsZero() {
		kept("connection", of.Connection, 1)
	}
	if of.Ping != nil && of.Ping.Stored != nil {
		kept("ping", of.Ping.Connection, len(values))
	}
	return values, nil
}

// retentionOf is a policy in the words of cofre.yaml. What keeps nothing is left out.
func retentionOf(p retention.Policy) *source.Retention {
	n := func(count int) *int {
		if count == 0 {
			return nil
		}
		return &count
	}
	k := p.Keep
	r := &source.Retention{Days: &p.KeepDays, MaxBackups: &p.MaxBackups, KeepLast: n(k.Last), KeepHourly: n(k.Hourly), KeepDaily: n(k.Daily), KeepWeekly: n(k.Weekly), KeepMonthly: n(k.Monthly),
		KeepYearly: n(k.Yearly), KeepLabels: k.Labels}
	if k.WithinHours > 0 {
		r.Within = fmt.Sprintf("%dh", k.WithinHours)
	}
	if k.Zone != nil && !k.Empty() {
		r.Zone = k.Zone.String()
	}
	return r
}
