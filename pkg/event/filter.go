package event

import (
	"slices"
	"strings"

	"cofre/pkg/glob"
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
	return urgent.AtLeast(least) && f.takesKind(e) && f.takesSources(e)
}

func (f Filter) takesKind(e Event) bool {
	if len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind) {
		return true
	}
	return e.Kind == Recovered && slices.ContainsFunc(e.Over, func(k Kind) bool { return slices.Contains(f.Kinds, k) })
}

// takesSources: what is about several is for whoever is told of one of them. Of those that are not named nobody knows whose they are.
func (f Filter) takesSources(e Event) bool {
	if f.takesSource(e.Source) || slices.ContainsFunc(e.Sources, f.takesSource) {
		return true
	}
	return e.Others > 0 && slices.ContainsFunc(f.Sources, func(pattern string) bool { return strings.HasPrefix(pattern, e.Source+"/") })
}

// takesSource: what is about everything passes to everybody. Who names a source whose databases are followed (main) means those (main/shop).
func (f Filter) takesSource(name string) bool {
	if len(f.Sources) == 0 || name == "" {
		return true
	}
	return slices.ContainsFunc(f.Sources, func(pattern string) bool {
		for i, r := range name {
			if r == '/' && glob.Match(pattern, name[:i]) {
				return true
			}
		}
		return glob.Match(pattern, name)
	})
}
