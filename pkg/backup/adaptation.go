package backup

// Adaptation says what of a backup is restored differently, or not at all. Without it, what the target cannot take is
// refused before anything is touched.
type Adaptation struct {
	RoleMap          map[string]string // roles of the target in the place of the backup's
	SkipMissingRoles bool              // leave out what is for roles that the target lacks
	SkipForbidden    bool              // leave out what the restoring role may not do
	SkipKinds        []string          // leave out these kinds: "EVENT TRIGGER", "COMMENT ON EXTENSION"
}

// LeftOut is a part of a backup that a restore left out.
type LeftOut struct {
	Entry  string `json:"entry"` // "EVENT TRIGGER audit"
	Reason string `json:"reason"`
}

// Failed is an object that could not be restored while the others were.
type Failed struct {
	Entry     string `json:"entry"`
	Reason    string `json:"reason"`
	Statement string `json:"statement"` // that is left to be executed
}

// Partial reports whether the target holds less than the backup.
func (r RestoreReport) Partial() bool { return len(r.LeftOut)+len(r.Failed) > 0 }
