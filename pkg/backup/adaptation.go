package backup

import "cofre/pkg/archive"

// Adaptation says what of a backup is restored differently, or not at all. Without it, what the target cannot take is
// refused before anything is touched.
type Adaptation struct {
	RoleMap          map[string]string // roles of the target in the place of the backup's
	SkipMissingRoles bool              // leave out what is for roles that the target lacks
	SkipForbidden    bool              // leave out what the restoring role may not do
	SkipKinds        []string          // leave out these kinds: "EVENT TRIGGER", "COMMENT ON EXTENSION"
	// SkipMissingExtensions leaves out extensions that the target does not have.
	SkipMissingExtensions bool
	// Schemas are there already, made for extensions.
	Schemas []string
	// Omit leaves out Omissions, by their names.
	Omit []string
	// Role restores as another role, which the one that connects is a member of; Superuser disables triggers in its place.
	Role, Superuser string
	// TransactionSize restores in transactions of so many objects; 0 leaves the choice to the way of the restore.
	TransactionSize int
	// Rows restores the rows of the entries that it takes alone, TABLE DATA and BLOBS, and neither foreign keys nor what is computed from rows;
	// nil takes all.
	Rows func(*archive.Entry) bool
}

// Omission is what may be left out under pg_restore's name for it.
type Omission struct{ Name, Help string }

// Omissions are all.
var Omissions = []Omission{
	{"comments", "restore no comments"}, {"publications", "restore no publications"}, {"subscriptions", "restore no subscriptions"},
	{"policies", "restore no policies of row security"}, {"security-labels", "restore no security labels"},
	{"tablespaces", "put everything into the default tablespace"}, {"table-access-method", "give tables the default access method"},
}

// LeftOut is a part of a backup that a restore left out.
type LeftOut struct {
	Entry  string `json:"entry"` // "EVENT TRIGGER audit"
	Reason string `json:"reason"`
	// Kind, Schema and Name are what the archive's table of contents has of it.
	Kind   string `json:"-"`
	Schema string `json:"-"`
	Name   string `json:"-"`
}

// Failed is an object that could not be restored while the others were.
type Failed struct {
	Entry     string `json:"entry"`
	Reason    string `json:"reason"`
	Statement string `json:"statement"` // that is left to be executed
}

// Partial reports whether the target holds less than the backup.
func (r RestoreReport) Partial() bool { return r.Part != "" || len(r.LeftOut)+len(r.Failed) > 0 }
