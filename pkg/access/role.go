// Package access says who a token stands for, and what its role may do.
//
// # Roles
//
// There are four, and one table in this file says what each may do. Whatever is not in the table is denied, so a new
// operation is closed to everybody but administrators until somebody decides otherwise. Roles are written in upper case, and a
// token must carry exactly one of them: a token with two would leave it to chance which counts.
//
// # Tokens
//
// A [Verifier] verifies the tokens of any OpenID provider, for "cofre serve". Behind API Gateway the authorizer has done that,
// and [FromClaims] reads the claims that it hands on. [Development] issues tokens itself, for a server on loopback.
//
// What is wrong with a token is a fault with the code PermissionError, and one of the reasons below. A provider that cannot
// be reached is trouble of ours and never the caller's fault: its code is FileSystemError, and it is transient.
package access

import (
	"maps"
	"slices"
)

// Role is what a caller is here.
type Role string

// The roles, as they are written in tokens.
const (
	SuperAdmin Role = "SUPERADMIN"
	Admin      Role = "ADMIN"
	Supervisor Role = "SUPERVISOR"
	Usuario    Role = "USUARIO" // a user of the system around cofre, with no business here
)

// Roles are all there are, the mightiest first.
func Roles() []Role { return []Role{SuperAdmin, Admin, Supervisor, Usuario} }

// everything is all permissions that operations ask for (x-permission in api/openapi.yaml).
var everything = set("create", "list", "download", "delete", "validate", "cancel", "cleanup", "settings_read", "settings_write",
	"audit", "metrics", "restore", "pin", "sources", "places", "channels")

// permissions is the one table of who may do what.
var permissions = map[Role]map[string]bool{
	SuperAdmin: everything,
	Admin:      everything,
	Supervisor: set("list", "download"),
	Usuario:    {},
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// May tells whether the role has a permission. An unknown role has none, and nobody has an unknown permission.
func (r Role) May(permission string) bool { return permissions[r][permission] }

// Permissions gives what the role may do, sorted.
func (r Role) Permissions() []string { return slices.Sorted(maps.Keys(permissions[r])) }

// Known tells whether r is one of the four.
func (r Role) Known() bool { _, ok := permissions[r]; return ok }
