package configfile

import (
	"time"
	_ "time/tzdata" // zones work also where the system has none
)

// Retention says what is kept, and for how long. What is nil is not said.
type Retention struct {
	Days        *int     `json:"days"`       // 0 keeps for ever
	MaxBackups  *int     `json:"maxBackups"` // of each kind; 0 is no limit
	KeepLast    *int     `json:"keepLast"`
	Within      string   `json:"keepWithin"`
	KeepHourly  *int     `json:"keepHourly"`
	KeepDaily   *int     `json:"keepDaily"`
	KeepWeekly  *int     `json:"keepWeekly"`
	KeepMonthly *int     `json:"keepMonthly"`
	KeepYearly  *int     `json:"keepYearly"`
	KeepLabels  []string `json:"keepLabels"` // KEY, or KEY=VALUE
	Zone        string   `json:"zone"`
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
func (r Retention) WithinHours() int { return hours(r.Within) }

// Location is the zone; nil where none is said.
func (r Retention) Location() *time.Location {
	if r.Zone == "" || r.Zone == "Local" {
		return nil
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return nil // check has refused that
	}
	return zone
}

func (r *Retention) check(name string, line int) error {
	if r == nil || r.Zone == "" || r.Location() != nil {
		return nil
	}
	return wrong(name, line, "there is no time zone %.64q; they are called like Europe/Lisbon", r.Zone)
}
