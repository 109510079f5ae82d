package pgdump

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// LeftOut is an entry of an archive, or a part of one, that a restore did not do because it was told so.
type LeftOut struct {
	Entry  string `json:"entry"` // "EVENT TRIGGER audit", "ACL public.orders"
	Reason string `json:"reason"`
	// Kind, Schema and Name are the entry's own in the table of contents.
	Kind   string `json:"-"`
	Schema string `json:"-"`
	Name   string `json:"-"`
}

// maxListed bounds lists in messages.
const maxListed = 10

// listed joins names for a message.
func listed(names []string) string {
	if n := len(names); n > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), n-maxListed)
	}
	return strings.Join(names, ", ")
}

// leaver takes entries out of a head and keeps account of it.
type leaver struct {
	head *archive.Head
	out  []LeftOut
}

func (l *leaver) note(e *archive.Entry, reason string) {
	l.out = append(l.out, LeftOut{Entry: e.String(), Reason: reason, Kind: e.Desc, Schema: e.Namespace, Name: e.Tag})
}

// remove takes the entries for which reason gives one out of the head, and all that depend on them, in time that grows with the head alone:
// it comes from a bucket.
func (l *leaver) remove(reason func(*archive.Entry) string) {
	why, gone := l.reasons(reason)
	if len(gone) == 0 {
		return
	}
	needs, servers := map[int32]string{}, map[string]string{} // why what depends on them goes, by dump id, and by the name of a foreign server
	for i := range l.head.Entries {
		if e := &l.head.Entries[i]; gone[i] {
			needs[e.DumpID] = "it needs " + e.String()
			if e.Desc == "SERVER" {
				servers[e.Tag] = needs[e.DumpID]
			}
		}
	}
	at := -1
	l.head.Entries = slices.DeleteFunc(l.head.Entries, func(e archive.Entry) bool {
		if at++; !gone[at] {
			return false
		}
		because := why[at]
		for _, d := range e.Dependencies {
			because = cmp.Or(because, needs[d])
		}
		if because == "" {
			because = servers[serverOf(&e)]
		}
		l.note(&e, because)
		return true
	})
}

// reasons returns the entries that have a reason of their own to go, with it, and all that go, by their places.
func (l *leaver) reasons(reason func(*archive.Entry) string) (why map[int]string, gone map[int]bool) {
	why, gone = map[int]string{}, map[int]bool{}
	var next []int
	for i := range l.head.Entries {
		if text := reason(&l.head.Entries[i]); text != "" {
			why[i], gone[i] = text, true
			next = append(next, i)
		}
	}
	if len(next) == 0 {
		return why, gone
	}
	dependents, mappings := map[int32][]int{}, map[string][]int{}
	for i := range l.head.Entries {
		e := &l.head.Entries[i]
		for _, d := range e.Dependencies {
			dependents[d] = append(dependents[d], i)
		}
		if e.Desc == "USER MAPPING" {
			mappings[serverOf(e)] = append(mappings[serverOf(e)], i)
		}
	}
	for len(next) > 0 {
		e := &l.head.Entries[next[len(next)-1]]
		next = next[:len(next)-1]
		more := dependents[e.DumpID]
		delete(dependents, e.DumpID)
		if e.Desc == "SERVER" {
			more = slices.Concat(more, mappings[e.Tag])
		}
		for _, i := range more {
			if !gone[i] {
				gone[i] = true
				next = append(next, i)
			}
		}
	}
	return why, gone
}

// serverOf is the foreign server of a user mapping: no archive says what that depends on. "" of other entries.
func serverOf(e *archive.Entry) string {
	if e.Desc != "USER MAPPING" {
		return ""
	}
	return behind(postgres.Tokens(e.Defn), "server")
}

// removeExtensions leaves out extensions that the target does not have, and what is said of them.
func (l *leaver) removeExtensions(names []string) {
	lacks := setOf(names)
	l.remove(func(e *archive.Entry) string {
		name := e.Tag
		if e.About() {
			name, _ = strings.CutPrefix(e.Tag, "EXTENSION ")
		}
		if (e.Desc == "EXTENSION" || name != e.Tag) && lacks[strings.Trim(name, `"`)] {
			return "the server does not have the extension"
		}
		return ""
	})
}

// passOver takes the entries of schemas that are there already out of the head. What lies in them stays.
func (l *leaver) passOver(schemas []string) {
	l.head.Entries = slices.DeleteFunc(l.head.Entries, func(e archive.Entry) bool { return e.Desc == "SCHEMA" && slices.Contains(schemas, e.Tag) })
}

// removeKinds leaves out the kinds that the caller names: "EVENT TRIGGER", or "COMMENT ON EXTENSION".
func (l *leaver) removeKinds(kinds []string) {
	l.remove(func(e *archive.Entry) string {
		for _, k := range kinds {
			if ofKind(e, k) {
				return skipped
			}
		}
		return ""
	})
}

// removeRows takes the rows that are not wanted out of the head, with foreign keys and what is computed from rows. Whoever asked for it knows.
func (l *leaver) removeRows(takes func(*archive.Entry) bool) {
	before := len(l.out)
	l.remove(func(e *archive.Entry) string {
		switch e.Desc {
		case "TABLE DATA", "BLOBS":
			if takes(e) {
				return ""
			}
		case "FK CONSTRAINT", "MATERIALIZED VIEW DATA":
		default:
			return ""
		}
		return "its rows were to be left out"
	})
	l.out = l.out[:before]
}

// skipped is why an entry of a kind is not restored that the caller named.
const skipped = "its kind was to be left out"

func ofKind(e *archive.Entry, kind string) bool {
	if strings.EqualFold(e.Desc, kind) {
		return true
	}
	// The tag of what belongs to another object begins with that one's kind.
	on, ok := strings.CutPrefix(strings.ToUpper(kind), e.Desc+" ON ")
	return ok && e.About() && strings.HasPrefix(strings.ToUpper(e.Tag), on+" ")
}

// checkKinds refuses what cannot be a kind.
func checkKinds(kinds []string) error {
	for _, k := range kinds {
		if strings.TrimSpace(k) == "" || strings.ContainsFunc(k, func(r rune) bool { return r != ' ' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }) {
			return fault.New(fault.Validation, fault.InvalidInput, `Use the words of pg_restore --list, such as "EVENT TRIGGER", PUBLICATION or "COMMENT ON EXTENSION".`,
				"%q is not a kind of object", k)
		}
	}
	return nil
}

// missingRoles refuses an archive that names roles which the target lacks, or takes what is theirs out of it.
func (l *leaver) missingRoles(roles []string, o RestoreOptions) error {
	there, seen := setOf(roles), map[string]bool{}
	lacks := func(role string) bool { return role != "" && !there[role] }
	var missing, uses []string
	see := func(role, use string) {
		if !seen[role] {
			seen[role], missing = true, append(missing, role)
		}
		uses = append(uses, use)
	}
	for i := range l.head.Entries {
		e := &l.head.Entries[i]
		if strings.HasPrefix(e.Desc, "DATABASE") || aboutDatabase(e) && !o.Create || o.NoPrivileges && strings.HasSuffix(e.Desc, "ACL") {
			continue
		}
		var named []string
		twice := map[string]bool{}
		for _, m := range roleMentions(e) {
			if lacks(m.name) && !twice[m.name] {
				twice[m.name], named = true, append(named, m.name)
			}
		}
		owner := ownable(e) && lacks(e.Owner) && !o.NoOwner
		if owner && !o.SkipMissingRoles {
			see(e.Owner, "owner of "+e.String())
		}
		if !o.SkipMissingRoles {
			for _, name := range named {
				see(name, e.String())
			}
			continue
		}
		if owner {
			l.note(e, fmt.Sprintf("owner %q, which the target lacks: it belongs to the restoring role", e.Owner))
			e.Owner = ""
		}
		if len(named) > 0 {
			withoutRoles(e, lacks)
			l.note(e, "for the missing role "+listed(named))
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.Validation, fault.TargetLacks,
			"Create them (CREATE ROLE ...), give what is theirs to others (--role-map old=new), or restore with --skip-missing-roles or --no-owner --no-privileges.",
			"roles missing on the target server: %s (%s); nothing was changed", listed(missing), listed(uses))
	}
	l.head.Entries = slices.DeleteFunc(l.head.Entries, func(e archive.Entry) bool {
		return e.Defn == "" && slices.Contains([]string{"ACL", "DEFAULT ACL", "POLICY", "USER MAPPING"}, e.Desc)
	})
	return nil
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// checkRoleMap refuses what cannot be meant.
func checkRoleMap(names map[string]string) error {
	for from, to := range names {
		if from == "" || to == "" || strings.ContainsRune(from+to, 0) {
			return fault.New(fault.Validation, fault.InvalidInput, "Use --role-map old=new, once for each role.", "a role's name is empty")
		}
	}
	return nil
}

// missingMapped refuses a map onto roles that do not exist.
func missingMapped(names map[string]string, roles []string) error {
	var missing []string
	for _, to := range names {
		if !slices.Contains(roles, to) {
			missing = append(missing, postgres.QuoteIdent(to))
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		return fault.New(fault.Validation, fault.TargetLacks, "Create them, or map to roles that exist.", "the target server does not have the roles to map to: %s; nothing was changed",
			listed(slices.Compact(missing)))
	}
	return nil
}
