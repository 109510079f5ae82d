package api

import (
	"testing"

	"cofre/pkg/api/contract"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
)

// What a proof compared is within the contract, whatever its record says, and what a check gave stays inside.
func TestComparison(t *testing.T) {
	value := "from a row"
	got := comparison(&registry.Proof{Tables: -1, Rows: -1, OfRows: -1, Restore: -1, LeftOut: -1, AskedCount: -1, Target: "staging",
		Asked: registry.Asked{{Name: "a", Outcome: registry.CheckFailed, Expect: "1", Value: &value}, {Name: "b", Outcome: "wonderful"}}})
	if got.Tables != 0 || got.Rows != 0 || got.OfRows != 0 || got.RestoreDuration != 0 || got.LeftOut != 0 || got.ChecksAsked != 0 || got.Without == nil || got.Target != "staging" {
		t.Errorf("%+v", got)
	}
	want := []contract.CheckResult{{Name: "a", Outcome: "failed", Expect: "1"}, {Name: "b", Outcome: "unanswered"}}
	if len(got.Checks) != 2 || got.Checks[0] != want[0] || got.Checks[1] != want[1] {
		t.Errorf("checks are %+v", got.Checks)
	}
}

// Whatever the domain finds, the contract has a code for.
func TestCodesOfFindings(t *testing.T) {
	for _, code := range overview.Codes() {
		if !contract.FindingCode(code).Valid() || !contract.SentenceCode(code).Valid() {
			t.Errorf("the contract does not know %s", code)
		}
	}
	for _, step := range overview.Steps() {
		if !contract.NextStep(step).Valid() {
			t.Errorf("the contract does not know the step %s", step)
		}
	}
	for _, code := range []overview.Code{overview.AllGood, overview.NothingYet} {
		if !contract.SentenceCode(code).Valid() {
			t.Errorf("the contract does not know %s", code)
		}
	}
}
