package cli

import (
	"bytes"
	"testing"

	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
)

// A record may hold a verdict without its reasons: no sentence ends in the air.
func TestDamagedWithoutAText(t *testing.T) {
	for want, problems := range map[string][]registry.Problem{
		"damaged (its record does not say how)": nil,
		"damaged: size_mismatch; too short":     {{Reason: "size_mismatch"}, {Detail: "too short"}, {}},
	} {
		if got := verifiedAs(registry.Verification{Problems: problems}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The ladder shows each step that was taken, what was left out of it, and damage, and nothing where there are no dots.
func TestLadder(t *testing.T) {
	look := func(level string, ok bool) registry.Verification { return registry.Verification{OK: ok, Level: level} }
	for want, list := range map[string]registry.Verifications{
		" ●●○○○": {look(registry.LevelStream, true)},
		" ●●●●●": {look(registry.LevelProven, true), look(registry.LevelProvenInPart, true), look(registry.LevelFull, true), look(registry.LevelStream, true)},
		" ●●○◐◐": {look(registry.LevelProvenInPart, true), look(registry.LevelStream, true)},
		" ●○○●●": {look(registry.LevelProven, true), look(registry.LevelRestoredInPart, true)},
		" ●○○×●": {look(registry.LevelProven, true), look(registry.LevelRestored, false)},
		" ●○○○×": {look(registry.LevelProven, false)},
		" ●●●◐◐": {look(registry.LevelProvenInPart, true), look(registry.LevelRestoredInPart, true), look(registry.LevelChecksum, true), look(registry.LevelStream, true)},
		" ●●×○×": {look(registry.LevelProven, true), look(registry.LevelProvenInPart, false), look(registry.LevelFull, false), look(registry.LevelStream, true)},
		" ●○○○○": {look("of a newer version", true)},
	} {
		b := registry.Backup{Status: registry.Success, Verification: &list[0], Verifications: list}
		if got := ladder(b, term.Look{Unicode: true}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := ladder(b, term.Look{}); got != "" {
			t.Errorf("%q for who sees no dots", got)
		}
	}
	if got := ladder(registry.Backup{Status: registry.Failed}, term.Look{Unicode: true}); got != "" {
		t.Errorf("%q of a failure", got)
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
