package pgdump

import (
	"context"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
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
	// SkipMissingExtensions leaves out extensions that the target server does not have. What needs them fails.
	SkipMissingExtensions bool
	// Schemas were made before the restore, for extensions that are there already: these entries are passed over.
	Schemas []string
	// Omit leaves out what pg_restore's options of these names do: comments for --no-comments; see omissions.
	Omit []string
	// Role restores as another role, which the one that connects is a member of.
	Role string
	// Superuser disables triggers, in the place of the role that restores.
	Superuser string
	// TransactionSize restores in transactions of so many objects; 0 is as Transaction says.
	TransactionSize int
	// Rows restores the rows of the entries that it takes alone, TABLE DATA and BLOBS, and neither foreign keys nor what is computed from rows;
	// nil takes all.
	Rows func(*archive.Entry) bool
}

func (a Adaptation) any() bool {
	return len(a.RoleMap)+len(a.SkipKinds)+len(a.Schemas)+len(a.Omit)+a.TransactionSize > 0 || a.Role+a.Superuser != "" || a.SkipMissingRoles || a.SkipForbidden || a.SkipMissingExtensions || a.Rows != nil
}

func (a Adaptation) check() error {
	if err := checkRoleMap(a.RoleMap); err != nil {
		return err
	}
	if a.TransactionSize < 0 || strings.ContainsRune(a.Role+a.Superuser, 0) {
		return fault.New(fault.Validation, fault.InvalidInput, "Use a number such as 500, and the names of roles.", "the size of transactions, or the name of a role, is not valid")
	}
	if err := checkOmissions(a.Omit); err != nil {
		return err
	}
	return checkKinds(a.SkipKinds)
}

// checkOwner refuses to create a database whose owner the target lacks.
func (p *plan) checkOwner() error {
	o := p.options
	switch owner := p.input.origin.owner; {
	case !o.Create || owner == "" || slices.Contains(p.to.Roles, owner):
	case o.NoOwner || o.SkipMissingRoles:
		p.input.origin.owner = ""
	default:
		return fault.New(fault.Validation, fault.TargetLacks,
			"Create it on the target server (CREATE ROLE ...), give the database to another (--role-map old=new), or to the restoring role: --skip-missing-roles or --no-owner.",
			"the target server does not have the role %q, which owns the backup's database; nothing was changed", owner)
	}
	return nil
}

// checkRoles changes the archive's head as it was asked for, and refuses roles that the target lacks. The owner of the
// database itself matters only where the database is created.
func (p *plan) checkRoles() error {
	o := p.options
	if p.input.archive != nil {
		h, from := p.input.archive.head, p.input.origin
		if err := missingMapped(o.RoleMap, p.to.Roles); err != nil {
			return err
		}
		renameRoles(h, o.RoleMap)
		p.input.origin = originOf(h)
		if err := p.refuse(p.checkOwner()); err != nil {
			return err
		}
		p.leaver.removeKinds(o.SkipKinds)
		if o.Rows != nil {
			p.leaver.removeRows(o.Rows)
		}
		if !o.Part.DataOnly {
			if err := p.refuse(p.leaver.missingRoles(p.to.Roles, o)); err != nil {
				return err
			}
		}
		owner := p.input.origin.owner
		p.input.origin = originOf(h)
		p.input.origin.owner = owner
		if !p.input.origin.described { // a part has no entry about the database any more
			p.input.origin.locale, p.input.origin.described = from.locale, from.described
		}
		return nil
	}
	return p.checkOwner()
}

// tryForbidden asks the server for what the restoring role may not do. What it may depends on whose the database is,
// so that one to create is asked when it is there.
func (p *plan) tryForbidden(ctx context.Context) error {
	if p.input.archive == nil || p.options.Part.DataOnly {
		return nil
	}
	o := p.options
	if p.to.ReadOnly {
		o.Target = o.Target.Writable()
	}
	return p.leaver.forbidden(ctx, o)
}
