package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// SourceState is a source as it is listed: one that is backed up, one in whose place the databases of its server are, a database that is gone from there, or
// one that is kept in the bucket and not taken.
type SourceState struct {
	source.Settings
	Vanished bool
	Trouble  error // why it is not taken
	NextRuns []time.Time
}

// nextRuns is how many times of a schedule are listed.
const nextRuns = 3

// Editable tells whether the source itself is kept in the bucket. The databases of its server are not.
func (s SourceState) Editable() bool { return s.Origin.Kind == source.FromBucket && s.Database == "" }

// SourceStates lists all sources, by name, and names the one that is meant where nobody says which.
func (s *Service) SourceStates(ctx context.Context) (states []SourceState, meant string, err error) {
	said, err := s.unfollowed(ctx)
	if err != nil {
		return nil, "", err
	}
	all, err := s.expanded(ctx, said)
	if err != nil {
		return nil, "", err
	}
	for _, of := range all.Sources {
		states = append(states, s.stateOf(of))
	}
	for _, of := range said.Sources {
		if len(of.Databases) > 0 {
			states = append(states, s.stateOf(of))
		}
	}
	for _, t := range all.Troubles {
		states = append(states, SourceState{Settings: source.Settings{Name: t.Name, Origin: source.Origin{Kind: source.FromBucket}}, Trouble: t.Err})
	}
	if len(all.Followed) > 0 {
		records, _, err := s.Registry.Sources(ctx)
		if err != nil {
			return nil, "", err
		}
		for name := range vanished(all, records, s.Now()) {
			states = append(states, SourceState{Settings: source.Settings{Name: name, Database: name[strings.Index(name, "/")+1:]}, Vanished: true})
		}
	}
	slices.SortStableFunc(states, func(a, b SourceState) int { return strings.Compare(a.Name, b.Name) })
	return states, all.Default, nil
}

func (s *Service) stateOf(of source.Settings) SourceState {
	state := SourceState{Settings: of}
	if plan, ok, err := of.Plan(); ok && err == nil && !of.Paused {
		for at := plan.Next(s.Now()); !at.IsZero() && len(state.NextRuns) < nextRuns; at = plan.Next(at) {
			state.NextRuns = append(state.NextRuns, at.UTC())
		}
	}
	return state
}

// WrittenSource returns a source as somebody wrote it: in the bucket, in the file or in the environment.
func (s *Service) WrittenSource(ctx context.Context, name string) (KeptSource, error) {
	if of := s.configured(name); of != nil && !s.isKept(ctx, registry.KeptSource, name) {
		return KeptSource{Settings: *of}, nil
	}
	return s.KeptSource(ctx, name)
}

// Written is what somebody wrote of a source, in the words of cofre.yaml: without defaults, and without where its secrets are.
func Written(of source.Settings) (map[string]any, error) {
	data, err := json.Marshal(of)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("the settings of source %q: %w", of.Name, err)
	}
	for _, key := range of.Defaulted {
		if outer, inner, nested := strings.Cut(key, "."); nested {
			if m, ok := out[outer].(map[string]any); ok {
				if delete(m, inner); len(m) == 0 {
					delete(out, outer)
				}
			}
			continue
		}
		delete(out, key)
	}
	for _, key := range []string{"connection", "ping", "checks", "restore"} {
		delete(out, key)
	}
	return out, nil
}
