package access_test

import (
	"slices"
	"testing"

	"cofre/pkg/access"
	"cofre/pkg/api/contract"
)

// TestContractPermissions guards against an operation that asks for a permission which no role has, because it is not in the
// table under that name.
func TestContractPermissions(t *testing.T) {
	c, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := access.Admin.Permissions()
	for _, op := range c.Operations() {
		for _, p := range []string{op.Permission, op.DetailPermission} {
			if p != "" && !slices.Contains(all, p) {
				t.Errorf("%s asks for %q, which is not in the table of roles", op.ID, p)
			}
		}
	}
}
