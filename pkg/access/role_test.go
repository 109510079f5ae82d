package access

import (
	"slices"
	"testing"
)

// TestMatrix is the table of roles written a second time, by hand: whoever changes one has to change the other.
func TestMatrix(t *testing.T) {
	all := []string{"audit", "cancel", "channels", "cleanup", "create", "delete", "download", "list", "metrics", "pin", "places", "restore", "settings_read", "settings_write", "sources", "validate"}
	want := map[Role][]string{
		"SUPERADMIN": all, "ADMIN": all, "SUPERVISOR": {"download", "list"}, "USUARIO": nil,
		"": nil, "admin": nil, "ROOT": nil, "ADMIN ": nil,
	}
	for role, may := range want {
		if got := role.Permissions(); !slices.Equal(got, may) {
			t.Errorf("%q may %v, want %v", role, got, may)
		}
		for _, p := range append(all, "", "CREATE", "everything", "*") {
			if got := role.May(p); got != slices.Contains(may, p) {
				t.Errorf("%q may %q: %v", role, p, got)
			}
		}
	}
	for _, r := range Roles() {
		if !r.Known() {
			t.Errorf("%s is not known", r)
		}
	}
}
