package backup_test

import (
	"testing"

	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// The record of a restore says what its database is called after any switch, and none that is about others is taken for one of it.
func TestSwitchedTo(t *testing.T) {
	for what, c := range map[string]struct {
		now  *registry.SwitchedTo
		done backup.Switched
		want string // "" is the name that it was restored under
		of   bool
	}{
		"it takes another's place":            {nil, backup.Switched{From: "restored", Database: "shop", Kept: "broken"}, "shop", true},
		"and back":                            {&registry.SwitchedTo{Database: "shop", Kept: "broken"}, backup.Switched{From: "broken", Database: "shop", Kept: "restored"}, "", true},
		"and back, under another name":        {&registry.SwitchedTo{Database: "shop", Kept: "broken"}, backup.Switched{From: "broken", Database: "shop", Kept: "aside"}, "aside", true},
		"back where nothing had been":         {&registry.SwitchedTo{Database: "shop"}, backup.Switched{From: "shop", Database: "restored"}, "", true},
		"another takes its place":             {nil, backup.Switched{From: "newer", Database: "restored", Kept: "older"}, "older", true},
		"others":                              {nil, backup.Switched{From: "a", Database: "b", Kept: "c"}, "", false},
		"its old name, which another has now": {&registry.SwitchedTo{Database: "shop"}, backup.Switched{From: "restored", Database: "x"}, "", false},
	} {
		to, of := backup.SwitchedTo(registry.Restore{Database: "restored", Switched: c.now}, c.done)
		got := ""
		if to != nil {
			got = to.Database
		}
		if got != c.want || of != c.of {
			t.Errorf("%s: %q, %v", what, got, of)
		}
	}
}
