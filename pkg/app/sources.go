package app

import (
	"cmp"
	"fmt"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/overview"
	"cofre/pkg/schedule"
	"cofre/pkg/source"
)

// Sources lists what the environment and the file say is backed up. The environment's database is a source as well, unless the file has one
// of its name: what the file says of that holds then, its connection too. The default is the environment's database, or the file's source
// that BACKUP_SOURCE names, or the only one there is.
func (c Config) Sources() source.List {
	l := source.List{Defaults: c.sourceDefaults(), Meant: c.Source, Said: c.said()}
	for _, s := range c.File.Sources {
		l.Sources = append(l.Sources, s.Or(l.Defaults))
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
	d := source.Settings{Schedule: c.Schedule, Jobs: c.Jobs, Rows: c.Rows, Copies: c.Copies, MaxSizeGB: c.MaxSizeGB, ObjectLock: lockOf(c.ObjectLock)}
	if c.ProofTimeout > 0 {
		d.ProofTimeout = fmt.Sprintf("%dm", c.ProofTimeout/time.Minute)
	}
	if c.MaxAge > 0 {
		d.MaxAge = fmt.Sprintf("%dh", c.MaxAge/time.Hour)
	}
	percent := c.RowsLostPercent
	d.Thresholds = source.Thresholds{RowsLostPercent: &percent, RowsLostMinimum: c.RowsLostMinimum}
	return d
}

// variablesOf are the variables that say the defaults of keys.
var variablesOf = map[string]string{
	"schedule": "BACKUP_SCHEDULE", "jobs": "BACKUP_JOBS", "rows": "BACKUP_ROWS", "copies": "BACKUP_COPIES", "maxSizeGB": "BACKUP_MAX_SIZE_GB", "maxAge": "BACKUP_MAX_AGE_HOURS",
	"objectLock": "BACKUP_OBJECT_LOCK", "proofTimeout": "BACKUP_PROOF_TIMEOUT_MINUTES", "thresholds.rowsLostPercent": "BACKUP_ROWS_LOST_PERCENT", "thresholds.rowsLostMinimum": "BACKUP_ROWS_LOST_MINIMUM",
	"retention.days": "BACKUP_RETENTION_DAYS", "retention.maxBackups": "BACKUP_MAX_BACKUPS_TO_KEEP", "retention.keepLast": keepVariable, "retention.keepWithin": keepVariable, "retention.keepHourly": keepVariable,
	"retention.keepDaily": keepVariable, "retention.keepWeekly": keepVariable, "retention.keepMonthly": keepVariable, "retention.keepYearly": keepVariable, "retention.keepLabels": keepVariable,
	"connection": "DATABASE_URL", "name": "BACKUP_SOURCE",
}

const keepVariable = "BACKUP_KEEP"

// said is where what holds for a source comes from that says nothing itself.
func (c Config) said() map[string]source.From {
	all := map[string]source.From{}
	for key, variable := range variablesOf {
		if c.getenv(variable) != "" {
			all[key] = source.From{Kind: source.ByEnvironment, Variable: variable}
		}
	}
	for key, line := range c.File.RetentionLines {
		all["retention."+key] = source.From{Kind: source.ByFile, File: c.FileName, Line: line}
	}
	return all
}

// lockOf is a rule in the words of cofre.yaml; nil of none.
func lockOf(r backup.LockRule) *source.ObjectLock {
	for word, mode := range lockModes {
		if mode == r.Mode && r.Mode != "" {
			return &source.ObjectLock{Mode: word, Days: r.Days}
		}
	}
	return nil
}

// proofTimes are when somebody else makes the proofs of the default source; nil where nobody does.
func (c Config) proofTimes() overview.Schedule {
	plan, err := schedule.Parse(c.ProofSchedule)
	if err != nil { // refused at start where it is given and wrong
		return nil
	}
	return plan
}
