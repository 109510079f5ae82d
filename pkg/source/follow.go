package source

import (
	"cmp"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"
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
		if _, err := path.Match(bare, ""); err != nil || bare == "" || len(bare) > 200 {
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
		if ok, _ := path.Match(bare, database); ok {
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
	Err     error     `json:"-"`       // why the server could not be asked: what was there before is taken to be there still
}

// LeftOut is a database that is not backed up, and why.
type LeftOut struct {
	Database string `json:"database"`
	Why      string `json:"why"`
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

// Of is the name of the source that a database of a followed one has.
func (f Followed) Of(database string) string { return f.Source + "/" + database }

// Owns reports whether a source of this name is, or was, one of its databases.
func (f Followed) Owns(name string) bool { return strings.HasPrefix(name, f.Source+"/") }

// Follow returns the sources that a server's databases are, in order, and what is left out. taken tells names that others have.
func (s Settings) Follow(seen []Seen, taken func(name string) bool) ([]Settings, []LeftOut) {
	var out []Settings
	left := []LeftOut{}
	folded := map[string]string{}
	slices.SortFunc(seen, func(a, b Seen) int { return strings.Compare(a.Name, b.Name) })
	for _, db := range seen {
		if !s.Databases.Match(db.Name) {
			continue
		}
		one := s
		one.Name, one.Database, one.Databases, one.Restore = Followed{Source: s.Name}.Of(db.Name), db.Name, nil, nil
		other := folded[strings.ToLower(db.Name)]
		why := db.Why
		switch {
		case why != "":
		case CheckName(one.Name) != nil:
			why = "its name behind that of the source is too long for a source's"
		case taken(one.Name):
			why = "another source is named " + one.Name
		case other != "":
			why = "its name differs from that of " + other + " by case alone"
		}
		if why != "" {
			left = append(left, LeftOut{db.Name, why})
			continue
		}
		folded[strings.ToLower(db.Name)] = cmp.Or(other, db.Name)
		out = append(out, one)
	}
	return out, left
}
