package app

import (
	"cmp"
	"fmt"
	"time"

	"cofre/pkg/overview"
	"cofre/pkg/schedule"
	"cofre/pkg/source"
)

// Sources lists what the environment and the file say is backed up. The environment's database is a source as well, unless the file has one
// of its name: what the file says of that holds then, its connection too. The default is the environment's database, or the file's source
// that BACKUP_SOURCE names, or the only one there is.
func (c Config) Sources() source.List {
	l := source.List{Defaults: c.sourceDefaults()}
	for _, s := range c.File.Sources {
		l.Sources = append(l.Sources, s.Settings.Or(l.Defaults))
	}
	if c.HasDatabase {
		own := source.Settings{Name: cmp.Or(c.Source, c.Database.Database())}
		if _, listed := l.Find(own.Name); !listed {
			l.Sources = append([]source.Settings{own.Or(l.Defaults)}, l.Sources...)
		}
		l.Default = own.Name
	} else if _, listed := l.Find(c.Source); listed {
		l.Default = c.Source
	} else if len(l.Sources) == 1 && c.Source == "" {
		l.Default = l.Sources[0].Name
	}
	return l
}

// sourceDefaults are what holds for a source that says nothing itself.
func (c Config) sourceDefaults() source.Settings {
	d := source.Settings{Schedule: c.Schedule, Jobs: c.Jobs, Rows: c.Rows, Copies: c.Copies}
	if c.MaxAge > 0 {
		d.MaxAge = fmt.Sprintf("%dh", c.MaxAge/time.Hour)
	}
	percent := c.RowsLostPercent
	d.Thresholds = source.Thresholds{RowsLostPercent: &percent, RowsLostMinimum: c.RowsLostMinimum}
	return d
}

// proofTimes are when somebody else makes the proofs of the default source; nil where nobody does.
func (c Config) proofTimes() overview.Schedule {
	plan, err := schedule.Parse(c.ProofSchedule)
	if err != nil { // refused at start where it is given and wrong
		return nil
	}
	return plan
}
