package pgdump

import (
	"context"

	"cofre/pkg/archive"
)

// Adaptation says how an archive's table of contents is changed before it is restored. The file itself stays as it is:
// pg_restore gets another head in front of the same data. The zero value changes nothing, and then what the target cannot
// take is refused before anything is touched.
type Adaptation struct {
	// RoleMap puts other roles in the place of those that the archive names: as owners, in grants, default privileges and
	// policies.
	RoleMap map[string]string
	// SkipMissingRoles leaves out what is for roles that the target lacks. Their objects belong to the restoring role.
	SkipMissingRoles bool
	// SkipForbidden leaves out what the restoring role may not do.
	SkipForbidden bool
	// SkipKinds leaves out kinds of entries, in the words of pg_restore --list, and what depends on them.
	SkipKinds []string
}

func (a Adaptation) any() bool {
	return len(a.RoleMap)+len(a.SkipKinds) > 0 || a.SkipMissingRoles || a.SkipForbidden
}

func (a Adaptation) check() error {
	if err := checkRoleMap(a.RoleMap); err != nil {
		return err
	}
	return checkKinds(a.SkipKinds)
}

// adapt changes a head as it was asked for, and refuses what the target cannot take. It touches nothing.
func adapt(ctx context.Context, h *archive.Head, o RestoreOptions, roles []string) ([]LeftOut, error) {
	if err := missingMapped(o.RoleMap, roles); err != nil {
		return nil, err
	}
	renameRoles(h, o.RoleMap)
	l := &leaver{head: h}
	l.removeKinds(o.SkipKinds)
	if o.DataOnly {
		return l.out, nil
	}
	if err := l.missingRoles(roles, o); err != nil {
		return nil, err
	}
	err := l.forbidden(ctx, o)
	return l.out, err
}
