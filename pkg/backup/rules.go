package backup

import (
	"context"
	"slices"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/source"
)

// Rules are what is said of single sources, by [source.Settings.RuleKey].
type Rules struct {
	Retention   map[string]OwnRetention
	ObjectLocks map[string]LockRule // of new backups
	Proofs      map[string]ProofRule
	// unread are sources whose settings are not taken: what is to be kept of them is not known.
	unread []string
}

// The secrets of a source.
const (
	secretURL  = "url"
	secretPing = "ping"
)

// said is what environment, file and bucket say, before databases are followed; kept is what the bucket says, without the defaults. What cannot be
// taken from the bucket is among the troubles, and takes nothing else with it.
func (s *Service) said(ctx context.Context) (all source.List, kept []source.Settings, err error) {
	if s.Unread != nil {
		return source.List{}, nil, s.Unread
	}
	all = s.Configured
	if s.Registry == nil {
		return all, nil, nil
	}
	all.Sources, all.Troubles = slices.Clip(all.Sources), nil
	trouble := func(name string, why error) {
		all.Troubles = append(all.Troubles, source.Trouble{Name: name, Err: why, Elsewhere: s.configured(name) != nil})
	}
	err = s.kept(ctx, registry.KeptSource, func(at standing) {
		of, err := keptSettings(at.doc)
		if by := s.configured(at.doc.Name); err == nil && by != nil {
			err = shadowed(registry.KeptSource, by.Name, by.Origin)
		}
		if err != nil {
			trouble(at.doc.Name, err)
			return
		}
		kept = append(kept, of)
		all.Sources = append(all.Sources, of.Or(all.Defaults))
	}, func(name string, at standing) { trouble(name, at.Trouble) })
	if err != nil {
		return all, nil, err
	}
	slices.SortFunc(all.Troubles, func(a, b source.Trouble) int { return strings.Compare(a.Name, b.Name) })
	if all.Default == "" {
		if _, there := all.Find(all.Meant); there {
			all.Default = all.Meant
		} else if all.Meant == "" && len(all.Sources) == 1 {
			all.Default = all.Sources[0].Name
		}
	}
	return all, kept, nil
}

// configured returns the source of this name that the environment or the file says; nil where there is none.
func (s *Service) configured(name string) *source.Settings {
	for i := range s.Configured.Sources {
		if sameName(s.Configured.Sources[i].Name, name) {
			return &s.Configured.Sources[i]
		}
	}
	return nil
}

// keptSettings are the settings in a document.
func keptSettings(doc registry.Kept) (source.Settings, error) {
	var of source.Settings
	if err := doc.Decode(&of); err != nil {
		return of, err
	}
	if of.Name != doc.Name {
		return of, fault.New(fault.Validation, fault.StructureDamaged, "Remove it, and add it again.", "what is kept of the source %q names another one", doc.Name)
	}
	of.Origin = source.Origin{Kind: source.FromBucket, Changed: doc.Changed.At}
	if doc.Has(secretURL) {
		of.Connection.Stored = &source.Stored{Version: doc.Version, Open: func() (string, error) { return doc.Secret(secretURL) }}
	}
	if doc.Has(secretPing) {
		of.Ping = &source.Ping{Connection: source.Connection{Stored: &source.Stored{Version: doc.Version, Open: func() (string, error) { return doc.Secret(secretPing) }}}}
	}
	return of, of.CheckKept()
}

// rules are what is said of single sources by now.
func (s *Service) rules(ctx context.Context) (Rules, error) {
	all, kept, err := s.said(ctx)
	if err != nil {
		return Rules{}, err
	}
	return s.rulesOf(all, kept), nil
}

// rulesOf are the rules in what is said.
func (s *Service) rulesOf(all source.List, kept []source.Settings) (rules Rules) {
	if s.Rules != nil {
		rules = s.Rules(kept)
	}
	for _, t := range all.Troubles {
		if !t.Elsewhere {
			rules.unread = append(rules.unread, t.Name)
		}
	}
	return rules
}

// policies are those of single sources, given that of all. What is to be kept of a source whose settings are not taken is not known: all of it is.
func (r Rules) policies(p retention.Policy) map[string]retention.Policy {
	sources := map[string]retention.Policy{}
	for _, name := range r.unread {
		if _, said := source.RuleOf(r.Retention, name); !said {
			sources[name], sources[name+"/"] = retention.Policy{}, retention.Policy{}
		}
	}
	for name, own := range r.Retention {
		sources[name] = own.over(p)
	}
	if len(sources) == 0 {
		return nil
	}
	return sources
}

// CheckKept says which sources that are kept in the bucket are not taken.
func CheckKept(all source.List) (checks []Check) {
	for _, t := range all.Troubles {
		c := Failing("source "+t.Name, t.Err)
		c.Source = t.Name
		checks = append(checks, c)
	}
	return checks
}
