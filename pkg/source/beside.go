package source

import (
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // zones work also where the system has none
)

// Retention says what is kept, and for how long. What is nil is not said.
type Retention struct {
	Days        *int     `json:"days,omitempty"`       // 0 keeps for ever
	MaxBackups  *int     `json:"maxBackups,omitempty"` // of each kind; 0 is no limit
	KeepLast    *int     `json:"keepLast,omitempty"`
	Within      string   `json:"keepWithin,omitempty"`
	KeepHourly  *int     `json:"keepHourly,omitempty"`
	KeepDaily   *int     `json:"keepDaily,omitempty"`
	KeepWeekly  *int     `json:"keepWeekly,omitempty"`
	KeepMonthly *int     `json:"keepMonthly,omitempty"`
	KeepYearly  *int     `json:"keepYearly,omitempty"`
	KeepLabels  []string `json:"keepLabels,omitzero"` // KEY, or KEY=VALUE
	Zone        string   `json:"zone,omitempty"`
}

// Keeps reports whether it says anything of what is kept whatever the rest says, be it that nothing is.
func (r Retention) Keeps() bool {
	for _, n := range []*int{r.KeepLast, r.KeepHourly, r.KeepDaily, r.KeepWeekly, r.KeepMonthly, r.KeepYearly} {
		if n != nil {
			return true
		}
	}
	return r.Within != "" || r.KeepLabels != nil
}

// WithinHours is keepWithin.
func (r Retention) WithinHours() int {
	age, _ := parseAge(r.Within)
	return int(age / time.Hour)
}

// Location is the zone; nil where none is said.
func (r Retention) Location() *time.Location {
	if r.Zone == "" || r.Zone == "Local" {
		return nil
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return nil // Check has refused that
	}
	return zone
}

// Faults are what cannot be, in words that name the key.
func (r *Retention) Faults() []error { return r.faults("") }

func (r *Retention) faults(under string) (all []error) {
	if r == nil {
		return nil
	}
	for _, n := range []struct {
		key  string
		n    *int
		most int
	}{{"days", r.Days, 36_500}, {"maxBackups", r.MaxBackups, 1_000_000}, {"keepLast", r.KeepLast, maxKeep}, {"keepHourly", r.KeepHourly, maxKeep}, {"keepDaily", r.KeepDaily, maxKeep},
		{"keepWeekly", r.KeepWeekly, maxKeep}, {"keepMonthly", r.KeepMonthly, maxKeep}, {"keepYearly", r.KeepYearly, maxKeep}} {
		if n.n != nil && (*n.n < 0 || *n.n > n.most) {
			all = append(all, refused("%s%s: want a number from 0 to %d", under, n.key, n.most))
		}
	}
	if _, ok := parseAge(r.Within); !ok {
		all = append(all, refused("%skeepWithin: %.40q is no age: want a number of hours or days, such as 26h or 7d", under, r.Within))
	}
	if len(r.KeepLabels) > 20 || slices.ContainsFunc(r.KeepLabels, func(l string) bool { return l == "" || len(l) > 4*128 }) {
		all = append(all, refused("%skeepLabels: want at most 20, each of 1 to 128 characters", under))
	}
	if r.Zone != "" && r.Location() == nil {
		all = append(all, refused("%szone: there is no time zone %.64q; they are called like Europe/Lisbon", under, r.Zone))
	}
	return all
}

const maxKeep = 10_000

// ObjectLock says for how long new backups are locked by the storage, and how.
type ObjectLock struct {
	Mode string `json:"mode"` // none, governance, or COMPLIANCE
	Days int    `json:"days,omitempty"`
}

func (l *ObjectLock) check() error {
	switch {
	case l == nil:
	case !slices.Contains([]string{"none", "governance", "COMPLIANCE"}, l.Mode):
		return refused("objectLock.mode: %.40q is none of none, governance, COMPLIANCE", l.Mode)
	case (l.Mode == "none") != (l.Days == 0):
		return refused("objectLock: want a number of days with a mode, and none without")
	case l.Days < 0 || l.Days > 36_500:
		return refused("objectLock.days: want a number from 1 to 36,500")
	}
	return nil
}

// Ping is where a service that watches jobs hears of each backup of a source.
type Ping struct {
	Connection      // its address, which is a secret
	AllowLocal bool `json:"allowLocal,omitempty"` // it may lead to this machine; only a file says that
}

// whole tells whether it says in one way where its address is to be had.
func (p Ping) whole() bool { return p.ways() == 1 }

// Question is asked of a restored backup.
type Question struct {
	Name   string `yaml:"name"`
	Query  string `yaml:"query"`
	Expect string `yaml:"expect"` // the answer's first value, as text; left out: true
}

// ProofTime is how long a proof of it may take; 0 where nothing is said.
func (s Settings) ProofTime() time.Duration {
	d, _ := parseTimeout(s.ProofTimeout)
	return d
}

func parseTimeout(text string) (time.Duration, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour}[text[len(text)-1]]
	return time.Duration(n) * unit, err == nil && unit > 0 && n > 0 && n < 1_000_000 && text[0] != '+'
}

// MaxBytes is MaxSizeGB in bytes; 0 is no limit.
func (s Settings) MaxBytes() int64 { return int64(s.MaxSizeGB * (1 << 30)) }
