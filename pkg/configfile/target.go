package configfile

import (
	"slices"

	"cofre/pkg/source"
)

// What a target may allow.
const (
	AllowNew     = "new"     // restores into databases that are made for them
	AllowReplace = "replace" // restores that replace what a database holds
	AllowPart    = "part"    // restores of tables and schemas into databases that are there, beside what they hold
	AllowSwitch  = "switch"  // renaming databases, so that a restored one takes another's place, which ends the sessions of both
	AllowProof   = "proof"   // proofs, each in a database of its own that is dropped at its end
)

// Target is a server into which the API may restore. Its connection's database is of no account: a request names one.
type Target struct {
	Name       string            `json:"name"`
	Connection source.Connection `json:"connection"`
	Allow      []string          `json:"allow"` // nil, where the file does not say, allows new databases alone
	Line       int               `json:"-"`     // in the file, from 1
}

// Allows reports whether something may be done there.
func (t Target) Allows(what string) bool {
	if t.Allow == nil {
		return what == AllowNew
	}
	return slices.Contains(t.Allow, what)
}

// Target returns the target of this name, or nil.
func (f File) Target(name string) *Target {
	for i := range f.Targets {
		if f.Targets[i].Name == name {
			return &f.Targets[i]
		}
	}
	return nil
}
