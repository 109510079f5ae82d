package pgdump

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// prepareClean makes the drops of an archive such that pg_restore --clean can execute them, and looks at what of the
// target they would meet. With cascade it is dropped too, and named in the answer; without, it is refused.
func prepareClean(ctx context.Context, h *archive.Head, o RestoreOptions) (dropped []string, err error) {
	dropWithTheirOwners(h)
	found, err := postgres.Obstacles(ctx, o.Target, toBeDropped(h))
	if err != nil {
		return nil, err
	}
	var names, others []string
	for _, f := range found {
		name := fmt.Sprintf("%s (on %s)", f.Object, f.On)
		if f.Other {
			name = fmt.Sprintf("%s (the backup has %s)", f.Object, f.On)
			others = append(others, name)
		}
		names = append(names, name)
	}
	switch {
	case len(others) > 0:
		return nil, fault.New(fault.Validation, fault.NotEmpty, "Drop or rename them, or restore into a database beside this one: another name with --create.",
			"database %q has objects of other kinds in the place of the backup's: %s; nothing was changed", o.Target.Database(), listed(others))
	case len(names) > 0 && !o.Cascade:
		return nil, fault.New(fault.Validation, fault.NotEmpty,
			"Drop them first, or let them be dropped too with --clean=cascade: they are not in the backup. Or restore into a database beside this one: another name with --create.",
			"in database %q objects that the backup does not hold depend on what it replaces: %s; nothing was changed", o.Target.Database(), listed(names))
	}
	if o.Cascade {
		cascade(h)
	}
	return names, nil
}

// dropWithTheirOwners takes away the drops that fail although nothing is in the way: of a partition's index or key that is
// attached to its parent's, which goes with that one, and of a constraint of a domain, which goes with the domain and
// whose drop knows no IF EXISTS for it.
func dropWithTheirOwners(h *archive.Head) {
	attached := map[[2]string]bool{}
	for i := range h.Entries {
		if e := &h.Entries[i]; e.Desc == "INDEX ATTACH" {
			attached[[2]string{e.Namespace, e.Tag}] = true
		}
	}
	for i := range h.Entries {
		e := &h.Entries[i]
		t := postgres.Tokens(e.DropStmt)
		switch e.Desc {
		case "INDEX":
			if attached[[2]string{e.Namespace, e.Tag}] {
				e.DropStmt = ""
			}
		case "CONSTRAINT":
			if attached[[2]string{e.Namespace, behind(t, "drop", "constraint")}] {
				e.DropStmt = ""
			}
		case "CHECK CONSTRAINT":
			if at(t, "alter", "domain") == 0 {
				e.DropStmt = ""
			}
		}
	}
}

// toBeDropped gives the objects that an archive's drops name.
func toBeDropped(h *archive.Head) []postgres.Object {
	var out []postgres.Object
	for i := range h.Entries {
		e := &h.Entries[i]
		o := postgres.Object{Kind: e.Desc, Schema: e.Namespace, Name: e.Tag}
		t := postgres.Tokens(e.DropStmt)
		if at(t, "drop") != 0 {
			continue
		}
		if slices.Contains([]string{"FUNCTION", "PROCEDURE", "AGGREGATE"}, e.Desc) {
			// DROP FUNCTION schema.name(arguments); the tag has the arguments' types only.
			open, end := at(t, "("), len(t)-1
			for end > open && !t[end].Is(")") {
				end--
			}
			if open < 1 || end <= open {
				continue
			}
			o.Name, o.Args = t[open-1].Text, e.DropStmt[t[open].End:t[end].Start]
		}
		out = append(out, o)
	}
	return out
}

// cascade makes the drops take along what depends.
func cascade(h *archive.Head) {
	id := h.FreeID()
	var entries []archive.Entry
	for _, e := range h.Entries {
		t := postgres.Tokens(e.DropStmt)
		drops := at(t, "drop") == 0 && e.Desc != "USER MAPPING" && !strings.HasPrefix(e.Desc, "DATABASE")
		last := len(t) - 1
		if last < 1 || !t[last].Is(";") || !drops && !follows(t, "drop", "constraint") {
			entries = append(entries, e)
			continue
		}
		drop := e.DropStmt[:t[last].Start] + " CASCADE" + e.DropStmt[t[last].Start:]
		if !slices.Contains(ownedByDrop, e.Desc) {
			e.DropStmt = drop
			entries = append(entries, e)
			continue
		}
		first := archive.Command(id, e.Desc, e.Tag, e.Section, "-- replaced\n")
		first.DropStmt = drop
		entries = append(entries, e, first) // drops go backwards
		id++
	}
	h.Entries = entries
}

// ownedByDrop are the kinds for which pg_restore makes ALTER ... OWNER TO of the drop, which must stay as it is.
var ownedByDrop = []string{"AGGREGATE", "FUNCTION", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE"}
