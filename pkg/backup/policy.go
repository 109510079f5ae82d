package backup

import (
	"context"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/source"
)

// OwnRetention is what is said of it, besides the settings that people save. It replaces a default where it is not nil.
type OwnRetention struct {
	Days, MaxBackups *int
	Keep             *retention.Keepers
}

// policy is what is kept of what: what is said of a source, then what the file says of all, then what was saved, then the environment.
func (s *Service) policy(ctx context.Context, saved registry.Settings) (retention.Policy, error) {
	rules, err := s.rules(ctx)
	if fault.HasCode(err, fault.Permission) { // whoever may not read what is said of single sources removes nothing
		s.Log.Debug("what is said of single sources cannot be read here: everything is kept", "error", err.Error())
		return retention.Policy{}, nil
	}
	if err != nil {
		return retention.Policy{}, err
	}
	return s.policyOf(saved, rules), nil
}

// policyAs is what would be kept of what if these settings of a source that is kept in the bucket were saved; nil are none.
func (s *Service) policyAs(ctx context.Context, saved registry.Settings, as *source.Settings) (retention.Policy, error) {
	if as == nil {
		return s.policy(ctx, saved)
	}
	if err := as.Check(); err != nil {
		return retention.Policy{}, err
	}
	if _, err := s.KeptSource(ctx, as.Name); err != nil {
		return retention.Policy{}, err
	}
	all, kept, err := s.said(ctx)
	if err != nil {
		return retention.Policy{}, err
	}
	for i := range kept {
		if kept[i].Name == as.Name { // its calendar is that of its schedule
			kept[i].Retention, kept[i].Schedule, kept[i].Zone = as.Retention, as.Schedule, as.Zone
		}
	}
	return s.policyOf(saved, s.rulesOf(all, kept)), nil
}

// policyOf is what is kept of what, by what is said of single sources.
func (s *Service) policyOf(saved registry.Settings, rules Rules) retention.Policy {
	set := s.SettingsOf(saved)
	if set.Lost {
		return retention.Policy{} // keeps everything
	}
	p := retention.Policy{KeepDays: set.RetentionDays, MaxBackups: set.MaxBackups, MaxTotalBytes: s.Limits.MaxTotalBytes}
	if s.Retention.Keep != nil {
		p.Keep = *s.Retention.Keep
	}
	p.Sources = rules.policies(p)
	return p
}

func (own OwnRetention) over(p retention.Policy) retention.Policy {
	p.MaxTotalBytes = 0 // of all sources together
	if own.Days != nil {
		p.KeepDays = *own.Days
	}
	if own.MaxBackups != nil {
		p.MaxBackups = *own.MaxBackups
	}
	if own.Keep != nil {
		p.Keep = *own.Keep
	}
	return p
}

// asked is a policy with what somebody asks for instead of days and numbers, of all sources.
func asked(p retention.Policy, days, maxBackups *int) retention.Policy {
	if days != nil {
		p.KeepDays, p.AnyAge = *days, true
	}
	if maxBackups != nil {
		p.MaxBackups = *maxBackups
	}
	sources := map[string]retention.Policy{}
	for name, own := range p.Sources {
		sources[name] = asked(own, days, maxBackups)
	}
	if len(sources) > 0 {
		p.Sources = sources
	}
	return p
}

// fixed is the settings with what the file says of all sources, which nobody can save anything else for.
func (s *Service) fixed(set registry.Settings) registry.Settings {
	if set.Lost {
		return set
	}
	if own := s.Retention.Days; own != nil {
		set.RetentionDays = *own
	}
	if own := s.Retention.MaxBackups; own != nil {
		set.MaxBackups = *own
	}
	return set
}

// settings are those of sources for which other days or numbers are said than for all.
func (r Rules) settings(set registry.Settings) map[string]registry.Settings {
	all := map[string]registry.Settings{}
	for name, own := range r.Retention {
		is := set
		if own.Days != nil {
			is.RetentionDays = *own.Days
		}
		if own.MaxBackups != nil {
			is.MaxBackups = *own.MaxBackups
		}
		all[name] = is
	}
	return all
}
