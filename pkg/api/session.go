package api

import (
	"context"
	"maps"
	"slices"

	"cofre/pkg/api/contract"
)

// session tells callers who they are and what they may do, so that a user interface shows just that.
func (a *API) session(_ context.Context, c *call) (answer, error) {
	may := map[string]bool{}
	for _, op := range a.contract.Operations() {
		for _, p := range []string{op.Permission, op.DetailPermission} {
			if p != "" && c.may(p) {
				may[p] = true
			}
		}
	}
	return ok(contract.Session{
		Subject: c.caller.Subject, Name: c.caller.Name, Role: c.caller.Role, Permissions: list(slices.Sorted(maps.Keys(may))),
	}), nil
}
