package app

import (
	"encoding/json"
	"strings"
	"testing"

	"cofre/pkg/backup"
	"cofre/pkg/configfile"
)

// What counts for a source is what the file says of it, then of all, then the environment.
func TestRetentionOfTheConfiguration(t *testing.T) {
	const file = `
retention: {keepDaily: 7, days: 30, zone: America/Sao_Paulo}
sources:
  - name: shop
    connection: {env: A}
    retention: {keepWithin: 2d, keepWeekly: 5, keepLabels: [release]}
  - name: wiki
    connection: {env: B}
    retention: {maxBackups: 3}
  - name: logs
    connection: {env: C}
    retention: {keepLast: 0, zone: Europe/Lisbon}
  - name: blog
    connection: {env: D}
  - name: far
    connection: {env: E}
    zone: Australia/Lord_Howe
`
	f, err := configfile.Parse("cofre.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{File: f, Schedule: "CRON_TZ=Europe/Lisbon 0 2 * * *"}
	got, err := json.Marshal([]any{c.retention(), c.rules(nil).Retention})
	const want = `[{"Days":30,"MaxBackups":null,"Keep":{"daily":7}},{"far":{"Days":null,"MaxBackups":null,"Keep":{"daily":7}},"logs":{"Days":null,"MaxBackups":null,"Keep":{}},` +
		`"shop":{"Days":null,"MaxBackups":null,"Keep":{"withinHours":48,"weekly":5,"labels":["release"]}},"wiki":{"Days":null,"MaxBackups":3,"Keep":null}}]`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	for name, zone := range map[string]string{"shop": "America/Sao_Paulo", "logs": "Europe/Lisbon", "far": "Australia/Lord_Howe"} {
		if is := c.rules(nil).Retention[name].Keep.Zone.String(); is != zone {
			t.Errorf("%s is kept by the calendar of %s", name, is)
		}
	}
	c = Config{Schedule: c.Schedule}
	if err := setKeep(&c, "daily=7, within=30d,label=release,label=audit=yes"); err != nil {
		t.Fatal(err)
	}
	got, err = json.Marshal(c.retention().Keep)
	if err != nil || string(got) != `{"withinHours":720,"daily":7,"labels":["release","audit=yes"]}` || c.retention().Keep.Zone.String() != "Europe/Lisbon" {
		t.Errorf("BACKUP_KEEP: %s, %v", got, err)
	}
	if err := setKeep(&c, "daily=7,within=1d,daily=8"); err == nil || !strings.Contains(err.Error(), `"daily" stands there twice`) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"7", "daily", "daily=-1", "daily=x", "dayly=3", "within=3", "within=d", "within=0h", "label=", "daily=10001"} {
		if err := setKeep(&c, bad); err == nil || !strings.Contains(err.Error(), "within") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// COMPLIANCE, which nobody can lift, is taken where its word stands in capital letters.
func TestObjectLockOfTheConfiguration(t *testing.T) {
	for text, want := range map[string]backup.LockRule{"governance=30": {Mode: "GOVERNANCE", Days: 30}, "GOVERNANCE=1": {Mode: "GOVERNANCE", Days: 1}, "COMPLIANCE=7": {Mode: "COMPLIANCE", Days: 7}} {
		var c Config
		if err := setObjectLock(&c, text); err != nil || c.ObjectLock != want {
			t.Errorf("%q: %+v, %v", text, c.ObjectLock, err)
		}
	}
	f, err := configfile.Parse("cofre.yaml", []byte("sources:\n  - {name: shop, connection: {env: A}, objectLock: {mode: COMPLIANCE, days: 3}}\n  - {name: wiki, connection: {env: B}, objectLock: {mode: none}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if all := (Config{File: f}).rules(nil).ObjectLocks; all["shop"] != (backup.LockRule{Mode: "COMPLIANCE", Days: 3}) || all["wiki"].Mode != "" || len(all) != 2 {
		t.Errorf("by the file: %+v", all)
	}
	for text, says := range map[string]string{"compliance=7": "COMPLIANCE=7", "governance": "number of days", "governance=0": "number of days", "governance=99999": "number of days", "GOVERNANCE=-1": "number of days", "legal=3": "no mode"} {
		var c Config
		if err := setObjectLock(&c, text); err == nil || !strings.Contains(err.Error(), says) || c.ObjectLock.Mode != "" {
			t.Errorf("%q: %+v, %v", text, c.ObjectLock, err)
		}
	}
}
