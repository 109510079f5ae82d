package source

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// ParseRetention reads what is kept in the words of cofre.yaml: days=30,keepDaily=7,keepWithin=36h. A label for keepLabels each may be said several times; "" says
// nothing: nil.
func ParseRetention(text string) (*Retention, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	said := map[string]any{}
	for _, word := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(word), "=")
		n, err := strconv.Atoi(value)
		switch _, twice := said[key]; {
		case !ok || value == "" || !slices.Contains(retentionKeys(), key):
			return nil, refused("retention: %.60q is none of %s with a value, such as days=30", word, strings.Join(retentionKeys(), ", "))
		case key == "keepLabels":
			labels, _ := said[key].([]string)
			said[key] = append(labels, value)
		case twice:
			return nil, refused("retention: %.40q stands there twice", key)
		case key == "keepWithin" || key == "zone":
			said[key] = value
		case err != nil:
			return nil, refused("retention.%s: %.40q is not a whole number", key, value)
		default:
			said[key] = n
		}
	}
	var r Retention
	data, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if all := r.faults("retention."); err == nil && len(all) > 0 {
		err = all[0]
	}
	return &r, err
}

// retentionKeys are its keys.
func retentionKeys() []string {
	n := 1
	full := Retention{Days: &n, MaxBackups: &n, KeepLast: &n, Within: "1d", KeepHourly: &n, KeepDaily: &n, KeepWeekly: &n, KeepMonthly: &n, KeepYearly: &n, KeepLabels: []string{}, Zone: "UTC"}
	var keys []string
	for _, v := range Flat(full) {
		keys = append(keys, v.Key)
	}
	return keys
}

// ParseObjectLock reads how new backups are locked: governance=30, COMPLIANCE=30 or none. The word COMPLIANCE has to be typed as it stands, since nobody can lift
// such a lock. "" says nothing: nil.
func ParseObjectLock(text string) (*ObjectLock, error) {
	if text == "" {
		return nil, nil
	}
	mode, days, timed := strings.Cut(text, "=")
	n, err := strconv.Atoi(days)
	switch {
	case mode == "none" && !timed:
		return &ObjectLock{Mode: mode}, nil
	case mode != "COMPLIANCE" && strings.EqualFold(mode, "COMPLIANCE"):
		return nil, refused("objectLock: nobody can lift such a lock before its time, not even the account's owner: who wants that types COMPLIANCE=%.20s", days)
	case err != nil || !timed:
		return nil, refused("objectLock: %.40q is none of governance=DAYS, COMPLIANCE=DAYS, none", text)
	}
	l := &ObjectLock{Mode: mode, Days: n}
	return l, l.check()
}
