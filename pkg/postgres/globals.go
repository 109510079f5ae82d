package postgres

import (
	"slices"
	"strings"
)

// Globals are what a server has beside its databases, and a dump of one of them lacks: roles, who is a member of which, their
// settings, privileges on parameters, and tablespaces. Settings of roles in one database are in its dump.
type Globals struct {
	Server      int              `json:"server"` // major version
	Roles       []GlobalRole     `json:"roles"`
	Memberships []Membership     `json:"memberships"` // each behind those that its grantor needs
	Settings    []RoleSetting    `json:"settings"`
	Parameters  []ParameterGrant `json:"parameters,omitempty"` // each behind those that its grantor needs
	Tablespaces []Tablespace     `json:"tablespaces"`
	// Unread is what the role that read them was not allowed to: "comments: permission denied for table pg_shdescription".
	Unread []string `json:"unread,omitempty"`
}

// GlobalRole is a role with its attributes.
type GlobalRole struct {
	Name        string `json:"name"`
	Superuser   bool   `json:"superuser,omitempty"`
	NoInherit   bool   `json:"noInherit,omitempty"`
	CreateRole  bool   `json:"createRole,omitempty"`
	CreateDB    bool   `json:"createDB,omitempty"`
	Login       bool   `json:"login,omitempty"`
	Replication bool   `json:"replication,omitempty"`
	BypassRLS   bool   `json:"bypassRLS,omitempty"`
	Connections int    `json:"connections"` // -1 is no limit
	ValidUntil  string `json:"validUntil,omitempty"`
	Password    string `json:"password,omitempty"` // its hash, as the server keeps it
	Remarks
}

// Remarks are what somebody noted of a role or a tablespace.
type Remarks struct {
	Comment string         `json:"comment,omitempty"`
	Labels  SecurityLabels `json:"labels,omitempty"`
}

// SecurityLabels are those of one object.
type SecurityLabels []SecurityLabel

// SecurityLabel is what an extension such as sepgsql keeps of an object.
type SecurityLabel struct {
	Provider string `json:"provider"`
	Label    string `json:"label"`
}

// Membership is that Member is a member of Role. Inherit and Set are nil of servers before 16, which do not have them.
type Membership struct {
	Role    string `json:"role"`
	Member  string `json:"member"`
	Admin   bool   `json:"admin,omitempty"`
	Inherit *bool  `json:"inherit,omitempty"`
	Set     *bool  `json:"set,omitempty"`
	Grantor string `json:"grantor,omitempty"` // "" is the superuser that the server was made with
}

// RoleSetting is a parameter that a role begins its sessions with, in every database.
type RoleSetting struct {
	Role  string `json:"role,omitempty"` // "" is every role (ALTER ROLE ALL)
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Grant is a privilege that somebody has.
type Grant struct {
	To      string `json:"to"`                // "" is everybody (PUBLIC)
	Option  bool   `json:"option,omitempty"`  // with the right to grant it
	Grantor string `json:"grantor,omitempty"` // "" is the owner
}

// Grants are those of one object.
type Grants []Grant

// ParameterGrant is a privilege on a parameter of the server: "SET" or "ALTER SYSTEM".
type ParameterGrant struct {
	Name      string `json:"name"`
	Privilege string `json:"privilege"`
	Grant
}

// Tablespace is a directory of the server's that objects may lie in.
type Tablespace struct {
	Name     string   `json:"name"`
	Owner    string   `json:"owner"`
	Location string   `json:"location"`          // "" is inside the server's own directory (allow_in_place_tablespaces)
	Options  []string `json:"options,omitempty"` // "random_page_cost=1.1"
	Grants   Grants   `json:"grants"`            // of CREATE; nil is the owner's alone, as of a new tablespace
	Remarks
}

// providersRoles are roles that a service made for itself, by the beginning of their names, or by their whole names: another service
// lacks them, and the same one has its own. They are those that the manuals of Amazon RDS and Aurora, Google Cloud SQL and AlloyDB, Azure
// Database, Supabase, Neon and DigitalOcean describe as reserved or made by the service, and no names that users may have chosen.
var (
	providersPrefixes = []string{"rds_", "cloudsql", "alloydb", "azure_", "supabase_", "google-", "_doadmin"}
	providersRoles    = []string{"rdsadmin", "rdsrepladmin", "rdstopmgr", "rdsproxyadmin", "rdswriteforwarduser", "azuresu", "neon_superuser", "cloud_admin"}
)

// kept reports whether a role belongs to the globals: PostgreSQL's own do not, nor do a service's.
func kept(role string) bool {
	return !strings.HasPrefix(role, "pg_") && !slices.Contains(providersRoles, role) &&
		!slices.ContainsFunc(providersPrefixes, func(p string) bool { return strings.HasPrefix(role, p) })
}

// granted is what memberships and privileges have in common: somebody who may has given what to whom.
type granted struct {
	what, to string
	option   bool
	grantor  *string // "" is who always may
}

// inOrder puts each behind those by which its grantor may grant it.
func inOrder[T any](waiting []T, of func(*T) granted) []T {
	type pair struct{ what, to string }
	may, out := map[pair]bool{}, make([]T, 0, len(waiting))
	for len(waiting) > 0 {
		var later []T
		for _, x := range waiting {
			g := of(&x)
			if *g.grantor != "" && !may[pair{g.what, *g.grantor}] {
				later = append(later, x)
				continue
			}
			out = append(out, x)
			if g.option {
				may[pair{g.what, g.to}] = true
			}
		}
		if len(later) == len(waiting) { // nobody may grant these, so nobody did
			for _, x := range later {
				*of(&x).grantor = ""
				out = append(out, x)
			}
			break
		}
		waiting = later
	}
	return out
}
