package cli

import (
	"testing"

	"cofre/pkg/registry"
)

// A record may hold a verdict without its reasons: no sentence ends in the air.
func TestDamagedWithoutAText(t *testing.T) {
	for want, problems := range map[string][]registry.Problem{
		"DAMAGED (its record does not say how)": nil,
		"DAMAGED: size_mismatch; too short":     {{Reason: "size_mismatch"}, {Detail: "too short"}, {}},
	} {
		if got := verifiedAs(registry.Verification{Problems: problems}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
