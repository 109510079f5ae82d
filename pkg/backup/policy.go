package backup

import (
	"cofre/pkg/registry"
	"cofre/pkg/retention"
)

// Retention is what the configuration says of it, besides the settings that people save: of all sources, and of some.
type Retention struct {
	OwnRetention
	Sources map[string]OwnRetention
}

// OwnRetention replaces a default where it is not nil.
type OwnRetention struct {
	Days, MaxBackups *int
	Keep             *retention.Keepers
}

// policy is what is kept of what: what the file says of a source, then of all, then what was saved, then the environment.
func (s *Service) policy(saved registry.Settings) retention.Policy {
	set := s.SettingsOf(saved)
	if set.Lost {
		return retention.Policy{} // keeps everything
	}
	p := retention.Policy{KeepDays: set.RetentionDays, MaxBackups: set.MaxBackups, MaxTotalBytes: s.Limits.MaxTotalBytes}
	if s.Retention.Keep != nil {
		p.Keep = *s.Retention.Keep
	}
	sources := map[string]retention.Policy{}
	for name, own := range s.Retention.Sources {
		sources[name] = own.over(p)
	}
	if len(sources) > 0 {
		p.Sources = sources
	}
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

// settingsOfSources are the settings of sources for which the file says other days or numbers than for all.
func (s *Service) settingsOfSources(set registry.Settings) map[string]registry.Settings {
	all := map[string]registry.Settings{}
	for name, own := range s.Retention.Sources {
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
