package backup_test

import (
	"testing"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Whoever wrote the result of a proof that was ordered cannot say of a backup what its record knows to be otherwise.
func TestBelievable(t *testing.T) {
	counted := backup.Backup{ID: "01JZ8Q4M9T4Y3V6K2W1X0N5BCD", Encryption: "none", Contents: &registry.Contents{Tables: 2, Rows: 800}}
	older := counted
	older.Contents = nil
	encrypted := backup.Backup{Encryption: "age", Contents: &registry.Contents{}}
	all := registry.Proof{Tables: 2, Rows: 800, Restore: 1000}
	for name, c := range map[string]struct {
		b      backup.Backup
		level  string
		bad    bool
		since  time.Duration
		change func(*registry.Proof)
		ok     bool
	}{
		"all of it":                       {counted, registry.LevelProven, false, time.Hour, func(*registry.Proof) {}, true},
		"an unknown time":                 {counted, registry.LevelProven, false, 0, func(p *registry.Proof) { p.Restore = 1e9 }, true},
		"in no time at all":               {counted, registry.LevelProven, false, time.Second, func(p *registry.Proof) { p.Restore = 1e9 }, false},
		"fewer rows":                      {counted, registry.LevelProven, false, time.Hour, func(p *registry.Proof) { p.Rows = 799 }, false},
		"fewer tables, in part":           {counted, registry.LevelProvenInPart, false, time.Hour, func(p *registry.Proof) { p.Tables = 1 }, false},
		"no rows":                         {counted, registry.LevelProven, false, time.Hour, func(p *registry.Proof) { p.Tables, p.Rows = 0, 0 }, false},
		"a sample":                        {counted, registry.LevelProvenInPart, false, time.Hour, func(p *registry.Proof) { p.Tables, p.Rows, p.OfRows = 1, 300, 800 }, true},
		"a sample of something else":      {counted, registry.LevelProvenInPart, false, time.Hour, func(p *registry.Proof) { p.Tables, p.Rows, p.OfRows = 1, 300, 900 }, false},
		"a sample that is everything":     {counted, registry.LevelProven, false, time.Hour, func(p *registry.Proof) { p.OfRows = 800 }, false},
		"counted again for no reason":     {counted, registry.LevelProven, false, time.Hour, func(p *registry.Proof) { p.Computed, p.Rows = true, 5 }, false},
		"counted in the backup":           {older, registry.LevelProven, false, time.Hour, func(p *registry.Proof) { p.Computed, p.Rows = true, 5 }, true},
		"held against nothing":            {older, registry.LevelProven, false, time.Hour, func(p *registry.Proof) { p.Rows = 5 }, false},
		"bad, and nothing was compared":   {counted, registry.LevelProven, true, time.Hour, func(p *registry.Proof) { p.Tables, p.Rows = 0, 0 }, true},
		"encrypted: nothing is known":     {encrypted, registry.LevelProven, false, time.Hour, func(*registry.Proof) {}, true},
		"bad of an older one, uncounted":  {older, registry.LevelProven, true, time.Hour, func(p *registry.Proof) { p.Rows = 0 }, true},
		"bad, and it took for ever so to": {counted, registry.LevelProven, true, time.Second, func(p *registry.Proof) { p.Restore = 1e9 }, false},
	} {
		p := all
		c.change(&p)
		err := backup.Believable(c.b, &registry.Verification{OK: !c.bad, Level: c.level, Proof: &p}, c.since)
		if (err == nil) != c.ok || err != nil && !fault.HasReason(err, fault.StructureDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
