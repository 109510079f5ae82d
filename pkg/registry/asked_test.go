package registry

import (
	"fmt"
	"strings"
	"testing"

	"cofre/pkg/fault"
)

// Of many checks those stay on record that did not pass, and the order stays.
func TestKeepAsked(t *testing.T) {
	all := make([]CheckResult, 200)
	for i := range all {
		all[i] = CheckResult{Name: fmt.Sprint(i), Outcome: CheckPassed}
	}
	all[3].Outcome, all[150].Outcome, all[199].Outcome = CheckFailed, CheckUnanswered, CheckFailed
	names := ""
	for _, c := range KeepAsked(all) {
		names += c.Name + " "
	}
	if want := "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 150 199 "; names != want {
		t.Errorf("kept are %s", names)
	}
	for i := range all {
		all[i].Outcome = CheckNotAsked
	}
	if got := KeepAsked(all); len(got) != MaxAsked || got[19].Name != "19" || KeepAsked(nil) != nil {
		t.Errorf("kept are %+v", got)
	}
}

// More than all cannot have been read, whatever a record says.
func TestReadOfAnAttempt(t *testing.T) {
	for _, c := range [][4]int64{{5, 10, 5, 10}, {11, 10, 10, 10}, {-1, 10, 0, 10}, {5, -1, 0, 0}} {
		if a := (ProofAttempt{Read: c[0], Total: c[1]}).bounded(); a.Read != c[2] || a.Total != c[3] {
			t.Errorf("%d of %d became %d of %d", c[0], c[1], a.Read, a.Total)
		}
	}
}

// What is on record of checks is bounded, whatever they are called and give.
func TestAskedIsBounded(t *testing.T) {
	long := strings.Repeat("x", fault.MaxText)
	p := Proof{}
	for range 2 * MaxAsked {
		p.Asked = append(p.Asked, CheckResult{Name: long, Outcome: long, Expect: long, Value: &long})
	}
	got := p.bounded()
	if n := len(got.Asked); n != MaxAsked || len(got.Asked[0].Name) > maxAskedText || len(got.Asked[0].Outcome) > maxAskedText || len(got.Asked[0].Expect) > maxAskedText || len(*got.Asked[0].Value) > maxAskedText {
		t.Errorf("%d results, the first is %+v", n, got.Asked[0])
	}
	if len(p.Asked[0].Name) != len(long) || len(*p.Asked[0].Value) != len(long) {
		t.Error("the caller's own was cut")
	}
}
