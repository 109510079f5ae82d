package cli

import (
	"bytes"
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

// What a row holds draws over nothing on a terminal, and turns no other text around.
func TestHarmless(t *testing.T) {
	var b bytes.Buffer
	if n, err := (harmless{&b}).Write([]byte("a\x1b[2J\u009b1m\r\u202etxt\u2066 שלום 👩\u200d🚀\tx\n")); err != nil || n == 0 {
		t.Error(n, err)
	}
	if want := "a\ufffd[2J\ufffd1m\ufffd\ufffdtxt\ufffd שלום 👩\u200d🚀\tx\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
