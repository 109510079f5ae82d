package app

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/registry"
	"cofre/pkg/retention"
	"cofre/pkg/schedule"
	"cofre/pkg/source"
)

// retention is what the file says of it for all sources, and BACKUP_KEEP where it says nothing.
func (c Config) retention() backup.OwnRetention {
	all, _ := c.retentionOfAll()
	return all
}

// retentionOfAll returns also the zone of the calendar.
func (c Config) retentionOfAll() (all backup.OwnRetention, zone *time.Location) {
	zone = time.UTC
	if plan, err := schedule.Parse(c.Schedule); err == nil { // refused at start where it is given and wrong
		zone = plan.Zone()
	}
	if f := c.File.Retention; f != nil {
		all = ownRetention(*f, zone)
		zone = cmp.Or(f.Location(), zone)
	}
	if all.Keep == nil && !c.Keep.Empty() {
		keep := c.Keep
		keep.Zone = zone
		all.Keep = &keep
	}
	return all, zone
}

// retentions is what is said of it for some sources.
func (c Config) retentions(sources []source.Settings) map[string]backup.OwnRetention {
	all, zone := c.retentionOfAll()
	some := map[string]backup.OwnRetention{}
	for _, s := range sources {
		var own backup.OwnRetention
		calendar := calendarOf(s, zone)
		if s.Retention != nil {
			own = ownRetention(*s.Retention, calendar)
		}
		if own.Keep == nil && all.Keep != nil && calendar.String() != all.Keep.Zone.String() { // the keepers of all, by its own calendar
			keep := *all.Keep
			keep.Zone = calendar
			own.Keep = &keep
		}
		if s.Retention != nil || own.Keep != nil {
			some[s.RuleKey()] = own
		}
	}
	return some
}

// calendarOf is the zone of a source: its own, or that of its schedule; else the one of all.
func calendarOf(s source.Settings, all *time.Location) *time.Location {
	if plan, ok, _ := s.Plan(); ok && plan.Zone() != time.UTC {
		return plan.Zone()
	}
	if zone, err := time.LoadLocation(s.Zone); err == nil && s.Zone != "" {
		return zone
	}
	return all
}

// ownRetention is what the file says in one place. Where that says anything of what is kept, it says all of it.
func ownRetention(f source.Retention, zone *time.Location) backup.OwnRetention {
	own := backup.OwnRetention{Days: f.Days, MaxBackups: f.MaxBackups}
	if !f.Keeps() {
		return own
	}
	n := func(count *int) int {
		if count == nil {
			return 0
		}
		return *count
	}
	own.Keep = &retention.Keepers{Last: n(f.KeepLast), WithinHours: f.WithinHours(), Hourly: n(f.KeepHourly), Daily: n(f.KeepDaily), Weekly: n(f.KeepWeekly),
		Monthly: n(f.KeepMonthly), Yearly: n(f.KeepYearly), Labels: f.KeepLabels, Zone: cmp.Or(f.Location(), zone)}
	return own
}

// setKeep reads BACKUP_KEEP: daily=7,weekly=5.
func setKeep(c *Config, v string) error {
	var k retention.Keepers
	counts := map[string]*int{"last": &k.Last, "hourly": &k.Hourly, "daily": &k.Daily, "weekly": &k.Weekly, "monthly": &k.Monthly, "yearly": &k.Yearly}
	said := map[string]bool{}
	for _, word := range commas(v) {
		name, value, _ := strings.Cut(word, "=")
		if said[name] && name != "label" {
			return fmt.Errorf("%.20q stands there twice", name)
		}
		said[name] = true
		n, err := strconv.Atoi(value)
		switch count, unit := counts[name], value[max(0, len(value)-1):]; {
		case count != nil && err == nil && n >= 0 && n <= 10_000:
			*count = n
		case name == "within" && (unit == "h" || unit == "d"):
			n, err = strconv.Atoi(value[:len(value)-1])
			if err != nil || n < 1 || n > 999_999 {
				return fmt.Errorf("within is a number of hours or days: 36h, 30d")
			}
			if k.WithinHours = n; unit == "d" {
				k.WithinHours = 24 * n
			}
		case name == "label" && value != "":
			k.Labels = append(k.Labels, value)
		default:
			return fmt.Errorf("%.60q is none of last=N, hourly=N, daily=N, weekly=N, monthly=N, yearly=N, within=30d, label=KEY", word)
		}
	}
	c.Keep = k
	return nil
}

// maxLockDays is what S3 takes.
const maxLockDays = 36500

// setObjectLock reads BACKUP_OBJECT_LOCK: governance=30, or COMPLIANCE=30. The latter cannot be lifted by anybody, the account's owner included, so
// that its word has to be written in capital letters.
func setObjectLock(c *Config, v string) error {
	mode, days, _ := strings.Cut(v, "=")
	n, err := strconv.Atoi(days)
	if err != nil || n < 1 || n > maxLockDays {
		return fmt.Errorf("say a mode and a number of days: governance=30")
	}
	switch mode {
	case "governance", registry.LockGovernance:
		c.ObjectLock = backup.LockRule{Mode: registry.LockGovernance, Days: n}
	case registry.LockCompliance:
		c.ObjectLock = backup.LockRule{Mode: registry.LockCompliance, Days: n}
	case "compliance":
		return fmt.Errorf("nobody can lift such a lock before its time, not even the account's owner: who wants that writes COMPLIANCE=%d", n)
	default:
		return fmt.Errorf("%.40q is no mode: governance, or COMPLIANCE", mode)
	}
	return nil
}

// rules is what is said of single sources, those of the file and these, beyond what a list of sources says.
func (c Config) rules(kept []source.Settings) backup.Rules {
	sources := slices.Concat(c.File.Sources, kept)
	rules := backup.Rules{Retention: c.retentions(sources), ObjectLocks: objectLocks(sources), Proofs: map[string]backup.ProofRule{}}
	for _, s := range sources {
		rules.Proofs[s.RuleKey()] = backup.ProofRule{Checks: proofChecks(s.Asked), Timeout: s.ProofTime()}
	}
	return rules
}

// lockModes are the modes by their words in cofre.yaml.
var lockModes = map[string]string{"governance": registry.LockGovernance, "COMPLIANCE": registry.LockCompliance}

// objectLocks are the rules of sources for which one is said.
func objectLocks(sources []source.Settings) map[string]backup.LockRule {
	all := map[string]backup.LockRule{}
	for _, s := range sources {
		if l := s.ObjectLock; l != nil {
			all[s.RuleKey()] = backup.LockRule{Mode: lockModes[l.Mode], Days: l.Days}
		}
	}
	return all
}
