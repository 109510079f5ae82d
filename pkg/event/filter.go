package event

import (
	"path"
	"slices"
)

// Filter chooses events. The zero value takes those that are at least warnings.
type Filter struct {
	Kinds   []Kind   // none: all
	Sources []string // names, or patterns with * and ?; none: all
	Least   Severity // "" is Warning
	Digest  string   // daily or weekly; "" is none
}

// Takes tells whether the filter lets an event pass. A recovery passes where what is over did: by how urgent that was, and by its kinds. A digest
// goes to those who want one of its period, a test to everybody.
func (f Filter) Takes(e Event) bool {
	switch e.Kind {
	case Test:
		return true
	case Digest:
		return e.Summary != nil && f.Digest == e.Summary.Period
	}
	least, urgent := f.Least, e.Severity
	if least == "" {
		least = Warning
	}
	if e.Kind == Recovered && e.Was.AtLeast(urgent) {
		urgent = e.Was
	}
	return urgent.AtLeast(least) && f.takesKind(e) && f.takesSource(e.Source)
}

func (f Filter) takesKind(e Event) bool {
	if len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind) {
		return true
	}
	return e.Kind == Recovered && slices.ContainsFunc(e.Over, func(k Kind) bool { return slices.Contains(f.Kinds, k) })
}

// takesSource: what is about everything passes to everybody.
func (f Filter) takesSource(name string) bool {
	if len(f.Sources) == 0 || name == "" {
		return true
	}
	return slices.ContainsFunc(f.Sources, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return pattern == name || err == nil && ok
	})
}
