package source

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/glob"
)

// Patterns choose databases of a server by name: * stands for any text, ? for one character. One behind a ! leaves out. In JSON it is one text or a
// list of them.
type Patterns []string

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Patterns) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*p = Patterns{one}
		return nil
	}
	var list []string
	err := json.Unmarshal(data, &list)
	*p = list
	return err
}

// maxPatterns bounds them.
const maxPatterns = 100

func (p Patterns) check() error {
	if len(p) > maxPatterns {
		return refused("databases: want at most %d patterns, not %d", maxPatterns, len(p))
	}
	for _, pattern := range p {
		bare := strings.TrimPrefix(pattern, "!")
		if bare == "" || len(bare) > 200 {
			return refused("databases: %.80q is no pattern, such as * or shop_*", pattern)
		}
	}
	if len(p) > 0 && !slices.ContainsFunc(p, func(pattern string) bool { return !strings.HasPrefix(pattern, "!") }) {
		return refused("databases: nothing is left of nothing; name what to back up in front of what to leave out, such as \"*\"")
	}
	return nil
}

// Match reports whether a database is chosen.
func (p Patterns) Match(database string) bool {
	chosen := false
	for _, pattern := range p {
		bare, not := strings.CutPrefix(pattern, "!")
		if glob.Match(bare, database) {
			if not {
				return false
			}
			chosen = true
		}
	}
	return chosen
}

// Seen is a database of a server, and why none can be backed up from there; "" where it can.
type Seen struct {
	Name string
	Why  string
}

// Followed is a source whose databases are sources of their own, each as NAME/DATABASE.
type Followed struct {
	Source  string    `json:"source"`
	At      time.Time `json:"at"`      // when the server was asked
	LeftOut []LeftOut `json:"leftOut"` // databases that match, and are not backed up
	Paused  bool      `json:"-"`
	Has     []string  `json:"-"` // what its server said that it has, also what does not match, by name; of one that could not be asked what it said before
	Since   time.Time `json:"-"` // since when the server cannot be asked, as far as this process knows; zero where it can
	Err     error     `json:"-"` // why the server could not be asked: what was there before is taken to be there still
}

// LeftOut is a database that is not backed up, and why.
type LeftOut struct {
	Database string `json:"database"`
	Why      string `json:"why"`
	// Conflict: it could be backed up, but for its name. Somebody has to decide, or nobody backs it up.
	Conflict bool `json:"conflict,omitempty"`
}

// RuleKey is where a rule stands for which settings name the source: one of a followed source is for all its databases.
func (s Settings) RuleKey() string {
	if len(s.Databases) > 0 {
		return s.Name + "/"
	}
	return s.Name
}

// RuleOf finds what is said of a source among rules by [Settings.RuleKey]: what is said of it by name, or of the followed source that its
// database belongs to.
func RuleOf[T any](rules map[string]T, name string) (rule T, said bool) {
	if rule, said = rules[name]; said {
		return rule, true
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '/' {
			if rule, said = rules[name[:i+1]]; said {
				return rule, true
			}
		}
	}
	return rule, false
}

// NotBackedUp says what this process does not back up although somebody should see to that: databases whose names do not fit, and what a server has
// that could not be asked for as long as patience; "" where there is nothing of that.
func (f Followed) NotBackedUp(now time.Time, patience time.Duration) string {
	if f.Paused {
		return ""
	}
	if f.Err != nil {
		if now.Sub(f.Since) < patience {
			return ""
		}
		return f.Missing().Error()
	}
	var names []string
	for _, l := range f.LeftOut {
		if l.Conflict {
			names = append(names, l.Database+" ("+l.Why+")")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "databases that are not backed up because of their names: " + strings.Join(names, ", ")
}

// Missing is the error of who wants something of the followed source itself, or of its databases where none is known.
func (f Followed) Missing() error {
	if f.Err != nil {
		e := *fault.From(f.Err)
		e.Message = fmt.Sprintf("the server of source %q cannot be asked which databases it has: %s", f.Source, e.Message)
		return &e
	}
	return fault.New(fault.Validation, fault.InvalidInput, "Name one of them, or see what is left out with: cofre doctor",
		"each database of the server of source %q is a source of its own, called %s", f.Source, f.Of("DATABASE"))
}

// Of is the name of the source that a database of a followed one has.
func (f Followed) Of(database string) string { return f.Source + "/" + database }

// Owns reports whether a source of this name is, or was, one of its databases.
func (f Followed) Owns(name string) bool { return strings.HasPrefix(name, f.Source+"/") }

// Follow returns the sources that a server's databases are, by name, and what is left out. taken tells names that others have, and whether a source
// that was given such a name is meant to stand for the database. Of names that
// differ by case alone the first one of seen counts: who makes another database takes the source of the one that was there from nobody.
func (s Settings) Follow(seen []Seen, taken func(name string) (taken, meant bool)) ([]Settings, []LeftOut) {
	var out []Settings
	left := []LeftOut{}
	folded := map[string]string{}
	for _, db := range seen {
		if !s.Databases.Match(db.Name) {
			continue
		}
		one := s
		one.Name, one.Database, one.Databases, one.Restore = Followed{Source: s.Name}.Of(db.Name), db.Name, nil, nil
		other := folded[strings.ToLower(db.Name)]
		why, unfit := db.Why, CheckName(one.Name)
		has, meant := taken(one.Name)
		conflict := why == "" && !(has && meant)
		switch {
		case why != "":
		case unfit != nil:
			why = "it cannot be a source: " + fault.From(unfit).Message
		case has:
			why = "another source is named " + one.Name
		case other != "":
			why = "its name differs from that of " + other + " by case alone"
		}
		if why != "" {
			left = append(left, LeftOut{db.Name, why, conflict})
			continue
		}
		folded[strings.ToLower(db.Name)] = db.Name
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Settings) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(left, func(a, b LeftOut) int { return strings.Compare(a.Database, b.Database) })
	return out, left
}
