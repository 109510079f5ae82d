package pgdump

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/postgres"
)

// prepareClean makes the drops of an archive such that pg_restore --clean can execute them, and looks at what of the
// target they would meet. With cascade it is dropped too, and is the answer; without, it is refused.
func prepareClean(ctx context.Context, h *archive.Head, o RestoreOptions) (dropped []postgres.Obstacle, err error) {
	dropWithTheirOwners(h)
	objects := toBeDropped(h)
	theirs, err := postgres.OfOthers(ctx, o.Target, objects)
	if err != nil {
		return nil, err
	}
	if len(theirs) > 0 {
		return nil, fault.New(fault.Permission, fault.MissingPrivilege,
			"Restore as their owner or a superuser. Or leave kinds such as EXTENSION as they are with --skip KIND, or restore into a database beside this one: another name with --create.",
			"role %q may not drop what belongs to others in database %q: %s; nothing was changed", o.Target.User(), o.Target.Database(), listed(theirs))
	}
	found, err := postgres.Obstacles(ctx, o.Target, objects)
	if err != nil {
		return nil, err
	}
	var others []string
	for _, f := range found {
		if f.Other {
			others = append(others, fmt.Sprintf("%s (the backup has %s)", f.Object, f.On))
		}
	}
	what, whose := "objects that the backup does not hold depend on what it replaces", "they are not in the backup"
	if o.Part.Any() {
		what, whose = "objects that are not part of what is restored depend on what it replaces", "the restore does not bring them back"
	}
	switch {
	case len(others) > 0:
		return nil, fault.New(fault.Validation, fault.NotEmpty, "Drop or rename them. Or restore into a database beside this one: another name with --create.",
			"database %q has objects of other kinds in the place of the backup's: %s; nothing was changed", o.Target.Database(), listed(others))
	case len(found) > 0 && !o.Cascade:
		return nil, fault.New(fault.Validation, fault.NotEmpty,
			"Drop them first: "+whose+". Or let them be dropped too with --clean=cascade. Or restore into a database beside this one: another name with --create.",
			"in database %q %s: %s; nothing was changed", o.Target.Database(), what, listed(obstacleNames(found)))
	}
	if o.Cascade {
		cascade(h)
	}
	return found, nil
}

// obstacleNames names what depends on what is replaced, for people.
func obstacleNames(found []postgres.Obstacle) []string {
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s (on %s)", f.Object, f.On))
	}
	return out
}

// missed names in the report what was dropped with what was replaced and is not there again.
func (report *RestoreReport) missed(ctx context.Context, t postgres.Target, dropped []postgres.Obstacle) {
	if len(dropped) == 0 {
		return
	}
	gone, err := postgres.Gone(ctx, t, dropped)
	if err != nil {
		gone = dropped // none of them is in what was restored
	}
	report.Dropped = obstacleNames(gone)
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
		if at(postgres.Tokens(e.DropStmt), "drop") != 0 {
			continue
		}
		o, known := part.ObjectOf(e)
		if !known {
			continue
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
