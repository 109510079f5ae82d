package source

import (
	"strings"
	"testing"
)

// What is typed of retention and locks is in the words of the file; what cannot be is refused by its name, and COMPLIANCE is taken as it stands alone.
func TestTypedWords(t *testing.T) {
	r, err := ParseRetention("days=0, keepDaily=7,keepWithin=36h,keepLabels=release,keepLabels=team=shop,zone=Europe/Lisbon")
	if err != nil || *r.Days != 0 || *r.KeepDaily != 7 || r.Within != "36h" || len(r.KeepLabels) != 2 || r.KeepLabels[1] != "team=shop" || r.Zone != "Europe/Lisbon" || r.MaxBackups != nil {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := ParseRetention(" "); r != nil || err != nil {
		t.Errorf("%+v %v", r, err)
	}
	for text, says := range map[string]string{"days": "none of days, maxBackups", "keep=7": "keepDaily", "days=1,days=2": "twice", "days=x": "not a whole number", "days=-1": "retention.days", "zone=Mars": "retention.zone", "keepWithin=7": "retention.keepWithin"} {
		if _, err := ParseRetention(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]ObjectLock{"none": {Mode: "none"}, "governance=30": {"governance", 30}, "COMPLIANCE=7": {"COMPLIANCE", 7}} {
		if l, err := ParseObjectLock(text); err != nil || *l != want {
			t.Errorf("%q: %+v %v", text, l, err)
		}
	}
	if l, err := ParseObjectLock(""); l != nil || err != nil {
		t.Errorf("%+v %v", l, err)
	}
	for text, says := range map[string]string{"compliance=7": "types COMPLIANCE=7", "Compliance": "types COMPLIANCE", "COMPLIANCE": "none of", "governance=0": "number of days", "none=3": "number of days", "legal=3": "objectLock.mode"} {
		if _, err := ParseObjectLock(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever is typed is refused, or is what a check takes.
func FuzzTypedWords(f *testing.F) {
	f.Add("days=0,keepDaily=7,keepWithin=36h,keepLabels=a=b,zone=UTC")
	f.Add("COMPLIANCE=7")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRetention(text); err == nil && len(r.Faults()) > 0 {
			t.Errorf("%q is taken: %v", text, r.Faults())
		}
		if l, err := ParseObjectLock(text); err == nil && l.check() != nil {
			t.Errorf("%q is taken: %v", text, l.check())
		}
	})
}
