package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/fault"
)

// List is everything that a deployment looks after, each source with the deployment's defaults in what it leaves out.
type List struct {
	Sources []Settings
	// Default names the one that is meant where nobody says which; "" where there is none, or several and no one of them.
	Default string
	// Followed are those in whose place the databases of their servers stand among Sources.
	Followed []Followed
	// Troubles are those that are kept in the bucket, and are not taken.
	Troubles []Trouble
	// Meant is the name that Default is to be, where there is a source of that name; "" where nothing is said.
	Meant string
	// Defaults hold for sources that are not in the list: what is only known by its backups.
	Defaults Settings
	// Said is where defaults come from, by key, those of retention among them: what is not in it is cofre's own.
	Said map[string]From
}

// Find returns the source of this name.
func (l List) Find(name string) (Settings, bool) {
	for _, s := range l.Sources {
		if s.Name == name {
			return s, true
		}
	}
	return Settings{}, false
}

// Of returns the settings of the source of this name; where it is not in the list, the defaults under its name. Such a source has no
// connection of its own.
func (l List) Of(name string) Settings {
	if s, ok := l.Find(name); ok {
		return s
	}
	s := l.Defaults
	s.Name = name
	return s
}

// Choose returns what a request means that names a source, a database on its server, both or neither: the source's settings, with the name
// under which the backup goes, and the database.
//
// A name that is not in the list is for the environment's database, and another database of its server is a source of that name: so a
// deployment of one source, in variables alone, needs no list. own tells the database that a connection leads to. What it returns is
// returned again for the name and the database of that.
func (l List) Choose(name, database string, own func(Settings) string) (Settings, error) {
	s, listed := l.Find(cmp.Or(name, l.Default))
	if !listed {
		if err := l.Trouble(cmp.Or(name, l.Meant)); err != nil { // it is that one, and not the environment's database under its name
			return s, err
		}
		if s, listed = l.Find(l.Default); !listed || s.Origin.Kind != FromEnvironment {
			return s, l.unknown(name)
		}
		s.Name = name
	}
	if database == "" || database == own(s) {
		return s, nil
	}
	s.Database = database
	if name != "" || s.Origin.Kind != FromEnvironment {
		return s, nil
	}
	if other, taken := l.Find(database); taken {
		return s, fault.New(fault.Validation, fault.InvalidInput, "Name the source, or name the backup's source apart from the database.",
			"the database %.80q on the server of source %q would be backed up as the source %q, which is another one (%s)", database, s.Name, other.Name, other.Origin)
	}
	if err := l.Trouble(database); err != nil {
		return s, err
	}
	s.Name = database
	return s, CheckName(database)
}

// Trouble is why the source of this name, or that whose database it may be, is kept in the bucket and not taken; nil where nothing of that is known.
func (l List) Trouble(name string) error {
	for _, t := range l.Troubles {
		if t.Name == name || strings.HasPrefix(name, t.Name+"/") {
			return t.Err
		}
	}
	return nil
}

// Untaken are those that are kept in the bucket and that nobody backs up, because they are not taken.
func (l List) Untaken() []Trouble {
	return slices.DeleteFunc(slices.Clone(l.Troubles), func(t Trouble) bool { return t.Elsewhere })
}

// Active lists the sources that are not paused.
func (l List) Active() []Settings {
	return slices.DeleteFunc(slices.Clone(l.Sources), func(s Settings) bool { return s.Paused })
}

// Unanswered are the followed sources that are not paused and whose server could not be asked: what it has that is not known yet is not in the list.
func (l List) Unanswered() []Followed {
	return slices.DeleteFunc(slices.Clone(l.Followed), func(f Followed) bool { return f.Paused || f.Err == nil })
}

// Names lists the sources.
func (l List) Names() []string {
	names := make([]string, len(l.Sources))
	for i, s := range l.Sources {
		names[i] = s.Name
	}
	return names
}

// unknown says that there is no such source, and which there are. It is no record's worth.
func (l List) unknown(name string) error {
	const none = "DATABASE_URL is not set (which database to back up)"
	n := len(l.Sources)
	for _, f := range l.Followed {
		if f.Source == name || n == 0 {
			return f.Missing()
		}
	}
	if n == 0 {
		return fault.New(fault.Validation, fault.InvalidInput, "For example: export DATABASE_URL=postgresql://user:password@host:5432/shop", none)
	}
	names := l.Names()[:min(n, 20)]
	if n > len(names) {
		names = append(names, fmt.Sprintf("and %d more", n-len(names)))
	}
	hint := "Say which: " + strings.Join(names, ", ") + "."
	if name != "" {
		return fault.New(fault.Validation, fault.InvalidInput, hint, "there is no source %.80q to back up, and DATABASE_URL is not set", name)
	}
	return fault.New(fault.Validation, fault.InvalidInput, hint, "there are %d sources, and none of them was named", n)
}
