package pgdump

import (
	"maps"
	"slices"

	"cofre/pkg/archive"
	"cofre/pkg/postgres"
)

// Needs are what an archive expects of the server that it is restored into, besides room.
type Needs struct {
	Roles      []string // that own something, or are named in it
	Extensions []postgres.WantedExtension
}

// NeedsOf reads an archive's table of contents.
func NeedsOf(h *archive.Head) Needs {
	roles, owners := map[string]bool{}, map[string]string{} // of schemas
	var n Needs
	for i := range h.Entries {
		e := &h.Entries[i]
		if ownable(e) {
			roles[e.Owner] = true
		}
		for _, m := range roleMentions(e) {
			roles[m.name] = true
		}
		switch e.Desc {
		case "SCHEMA":
			owners[e.Tag] = e.Owner
		case "EXTENSION":
			n.Extensions = append(n.Extensions, postgres.WantedExtension{Name: e.Tag, Schema: behind(postgres.Tokens(e.Defn), "with", "schema")})
		}
	}
	for i, x := range n.Extensions {
		n.Extensions[i].SchemaOwner = owners[x.Schema]
	}
	n.Roles = slices.Sorted(maps.Keys(roles))
	return n
}
