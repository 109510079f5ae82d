package pgdump

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// An archive that holds rows only is loaded into tables that exist, in one transaction: what has to happen before and
// after the rows is put around them as entries of our own.

// rowsOnly reports whether an archive holds no definitions.
func rowsOnly(h *archive.Head) bool {
	rows := false
	for i := range h.Entries {
		switch e := &h.Entries[i]; {
		case e.Desc == "TABLE DATA" || e.Desc == "SEQUENCE SET" || strings.HasPrefix(e.Desc, "BLOB"):
			rows = true
		case slices.Contains(settingEntries, e.Desc), strings.HasPrefix(e.Desc, "DATABASE"), e.About(), e.Desc == "MATERIALIZED VIEW DATA", e.Section == archive.SectionData,
			e.Desc == "STATISTICS DATA":
		default:
			return false
		}
	}
	return rows
}

// prepareLoad looks at the tables, refuses what cannot work, and puts around the rows what they need.
func prepareLoad(ctx context.Context, h *archive.Head, o RestoreOptions) error {
	refuse := func(reason fault.Reason, hint, what string, args ...any) error {
		return fault.New(fault.Validation, reason, hint, what+"; nothing was changed", args...)
	}
	switch {
	case o.Create:
		return refuse(fault.TargetLacks, "Restore its definitions first, from another backup, or give a database that has the tables.", "the backup holds rows only, and a new database has no tables for them")
	case o.KeepGoing || o.Cascade:
		return refuse(fault.InvalidInput, "Leave --keep-going out, and cascade.", "rows are loaded in one transaction and nothing is dropped for them")
	}
	tables, objects := loaded(h)
	found, err := postgres.LookAtLoad(ctx, o.Target, tables, objects)
	if err != nil {
		return err
	}
	if o.DisableTriggers {
		denied, err := postgres.Try(ctx, o.Target, []string{as(o.Superuser, "SET LOCAL ROLE %s; ") + "SET LOCAL session_replication_role = replica"})
		if err != nil {
			return err
		}
		if denied[0] != "" {
			return fault.New(fault.Permission, fault.MissingPrivilege,
				"Leave --disable-triggers out: an owner's restore drops and creates the foreign keys that are in the way. Or restore as a superuser.",
				"role %q may not disable triggers: those of foreign keys are not even their owner's to disable (%s); nothing was changed", o.Target.User(), denied[0])
		}
		found.Keys = nil
	}
	filled := slices.Clone(found.Filled)
	for _, id := range found.Objects {
		filled = append(filled, fmt.Sprintf("large object %d", id))
	}
	switch {
	case len(found.Missing) > 0:
		return refuse(fault.TargetLacks, "Create them first: the backup holds rows only.", "database %q lacks tables of the backup: %s", o.Target.Database(), listed(found.Missing))
	case len(found.NoInsert) > 0:
		return fault.New(fault.Permission, fault.MissingPrivilege, "Grant INSERT on them.", "role %q may not fill %s; nothing was changed", o.Target.User(), listed(found.NoInsert))
	case len(filled) > 0 && !o.Clean:
		return refuse(fault.NotEmpty, "Empty them first. Or have exactly these tables emptied with --clean.", "tables of the backup hold rows already, which would then be there twice: %s", listed(filled))
	case o.Clean && len(found.NoTruncate) > 0:
		return fault.New(fault.Permission, fault.MissingPrivilege, "Grant TRUNCATE on them.", "role %q may not empty %s; nothing was changed", o.Target.User(), listed(found.NoTruncate))
	case o.Clean && len(found.Outside) > 0:
		return refuse(fault.NotEmpty, "Drop those foreign keys first and create them again afterwards, or take a backup that holds these tables too.",
			"tables that the backup does not hold refer to tables that would be emptied: %s", listed(found.Outside))
	}
	for _, k := range found.Keys {
		if !k.Deferrable && !k.Owner {
			return fault.New(fault.Permission, fault.MissingPrivilege, "Restore as the owner of these tables, or as a superuser with --disable-triggers.",
				"tables refer to each other in a circle (foreign key %s of %s), and role %q may not drop and create that; nothing was changed", k.Name, k.Table, o.Target.User())
		}
	}
	surround(h, found, o)
	return nil
}

// as writes SQL about a role, where there is one.
func as(role, sql string) string {
	if role == "" {
		return ""
	}
	return strings.ReplaceAll(sql, "%s", postgres.QuoteIdent(role))
}

// loaded gives the tables and large objects of an archive, in its order.
func loaded(h *archive.Head) (tables []postgres.Table, objects []uint32) {
	for i := range h.Entries {
		switch e := &h.Entries[i]; {
		case e.Desc == "TABLE DATA":
			tables = append(tables, postgres.Table{Schema: e.Namespace, Name: e.Tag})
		case e.Desc == "BLOB METADATA": // a list of them, one a line
			for line := range strings.Lines(e.Defn) {
				if id, err := strconv.ParseUint(strings.TrimSpace(line), 10, 32); err == nil {
					objects = append(objects, uint32(id))
				}
			}
		case e.Desc == "BLOB":
			objects = append(objects, e.OID)
		}
	}
	return tables, objects
}

// surround puts statements before and behind the rows.
func surround(h *archive.Head, found postgres.Load, o RestoreOptions) {
	var before, after []string
	if o.DisableTriggers {
		become, back := as(o.Superuser, "SET ROLE %s; "), as(o.Superuser, " RESET ROLE;")
		before, after = append(before, become+"SET session_replication_role = replica;"+back), append(after, become+"RESET session_replication_role;"+back)
	}
	if o.Clean && len(found.Truncate) > 0 {
		before = append(before, "TRUNCATE TABLE "+strings.Join(found.Truncate, ", ")+";")
	}
	if o.Clean {
		for _, id := range found.Objects {
			before = append(before, fmt.Sprintf("SELECT pg_catalog.lo_unlink(%d);", id))
		}
	}
	deferred := false
	for _, k := range found.Keys {
		if k.Deferrable {
			deferred = true
			continue
		}
		before = append(before, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;", k.Table, k.Name))
		after = append(after, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s;", k.Table, k.Name, k.Definition))
		if k.Comment != "" {
			after = append(after, fmt.Sprintf("COMMENT ON CONSTRAINT %s ON %s IS %s;", k.Name, k.Table, postgres.QuoteLiteral(k.Comment)))
		}
	}
	if deferred {
		before = append(before, "SET CONSTRAINTS ALL DEFERRED;")
	}
	// Settings come first: what follows needs encoding and search path.
	first := 0
	for i := range h.Entries {
		if slices.Contains(settingEntries, h.Entries[i].Desc) {
			first = i + 1
		}
	}
	id := h.FreeID()
	command := func(section archive.Section, sql string) archive.Entry {
		e := archive.Command(id, "COMMAND", "around the rows", section, sql+"\n")
		id++
		return e
	}
	entries := slices.Clone(h.Entries[:first])
	for _, sql := range before {
		entries = append(entries, command(archive.SectionPreData, sql))
	}
	entries = append(entries, h.Entries[first:]...)
	for _, sql := range after {
		entries = append(entries, command(archive.SectionPostData, sql))
	}
	h.Entries = entries
}
