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

// What an ordinary role may not do is found out before anything is touched: for each entry of a kind that takes more
// than ownership, the server is asked to do the like of it, in a transaction that is rolled back. Catalogs do not answer
// that, because managed services let their administrators do what PostgreSQL keeps for superusers.

// likes are scripts that need the same privilege as any entry of a kind.
var likes = map[string]string{
	"EVENT TRIGGER": `CREATE FUNCTION pg_temp.cofre_trial() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
		CREATE EVENT TRIGGER cofre_trial ON ddl_command_end EXECUTE FUNCTION pg_temp.cofre_trial()`,
	"PUBLICATION TABLES IN SCHEMA": `CREATE PUBLICATION cofre_trial FOR TABLES IN SCHEMA public`,
	"SUBSCRIPTION":                 `CREATE SUBSCRIPTION cofre_trial CONNECTION 'dbname=x password=x' PUBLICATION x WITH (connect = false)`,
	"FOREIGN DATA WRAPPER":         `CREATE FOREIGN DATA WRAPPER cofre_trial`,
	"ACCESS METHOD":                `CREATE ACCESS METHOD cofre_trial TYPE TABLE HANDLER heap_tableam_handler`,
	"OPERATOR FAMILY":              `CREATE OPERATOR FAMILY pg_temp.cofre_trial USING btree`,
	"TEXT SEARCH TEMPLATE":         `CREATE TEXT SEARCH TEMPLATE pg_temp.cofre_trial (LEXIZE = dsimple_lexize)`,
	"TEXT SEARCH PARSER":           `CREATE TEXT SEARCH PARSER pg_temp.cofre_trial (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)`,
	"SHELL TYPE":                   `CREATE TYPE pg_temp.cofre_trial`,
}

// schemaTrial makes no schema, which event triggers would hear of.
const schemaTrial = `DO 'BEGIN IF NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), ''CREATE'') THEN
	RAISE insufficient_privilege USING MESSAGE = ''it lacks the CREATE privilege on the database''; END IF; END'`

// trial is a script that the server is asked to try, and what of the archive it decides about. Nothing of an archive but names is in
// it, quoted: its own statements could end the transaction that is to be rolled back.
type trial struct {
	script string
	// role is set when it is about giving objects to that owner, or about statements in its name.
	role string
	// local reports that the answer depends on the database.
	local bool
}

// trialsOf gives what has to be tried for an entry; most need nothing but what a database's owner may do.
func trialsOf(e *archive.Entry, o RestoreOptions) (out []trial) {
	add := func(script string) { out = append(out, trial{script: script}) }
	here := func(script string) { out = append(out, trial{script: script, local: true}) }
	if !o.NoOwner && ownable(e) {
		out = append(out, trial{script: mayCreate(e, o, postgres.QuoteLiteral(e.Owner)) + "SET LOCAL ROLE " + postgres.QuoteIdent(e.Owner), role: e.Owner})
	}
	if slices.Contains(owned, e.Desc) && !o.Create { // who creates a database may create in it
		if script := mayCreate(e, o, "current_user"); script != "" {
			add(script)
		}
	}
	if script, ok := likes[e.Desc]; ok {
		add(script)
		return out
	}
	t := postgres.Tokens(e.Defn)
	switch e.Desc {
	case "SCHEMA":
		if follows(t, "create", "schema") && !o.Create { // of public there is a comment alone
			add(schemaTrial)
		}
	case "EXTENSION":
		body := fmt.Sprintf(`BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = %s) THEN
			CREATE SCHEMA cofre_trial; SET LOCAL search_path = cofre_trial; CREATE EXTENSION %s CASCADE; END IF; END`, postgres.QuoteLiteral(e.Tag), postgres.QuoteIdent(e.Tag))
		here("DO " + postgres.QuoteLiteral(body))
	case "COMMENT":
		if name := behind(t, "on", "extension"); name != "" && strings.HasPrefix(e.Tag, "EXTENSION ") {
			here("COMMENT ON EXTENSION " + postgres.QuoteIdent(name) + " IS ''")
		}
		if e.Tag == "SCHEMA public" {
			here("COMMENT ON SCHEMA public IS ''")
		}
	case "ACL":
		if o.NoPrivileges {
			return out
		}
		for _, m := range roleMentions(e) {
			if m.list == 0 {
				out = append(out, trial{script: "SET LOCAL SESSION AUTHORIZATION " + postgres.QuoteIdent(m.name), role: m.name})
			}
		}
		if e.Tag == "SCHEMA public" {
			here("GRANT USAGE ON SCHEMA public TO PUBLIC")
		}
	case "DEFAULT ACL":
		if o.NoPrivileges {
			return out
		}
		for _, m := range roleMentions(e) {
			if m.list == 0 {
				add(fmt.Sprintf(`ALTER DEFAULT PRIVILEGES FOR ROLE %[1]s GRANT SELECT ON TABLES TO %[1]s`, postgres.QuoteIdent(m.name)))
			}
		}
	case "PUBLICATION":
		if follows(t, "for", "all", "tables") {
			add(`CREATE PUBLICATION cofre_trial FOR ALL TABLES`)
		}
	case "SERVER":
		if name := behind(t, "foreign", "data", "wrapper"); name != "" {
			add(`CREATE SERVER cofre_trial FOREIGN DATA WRAPPER ` + postgres.QuoteIdent(name))
		}
	case "FUNCTION", "PROCEDURE":
		if name := behind(t, "language"); name != "" && !strings.EqualFold(name, "sql") {
			add(`CREATE FUNCTION pg_temp.cofre_trial() RETURNS int LANGUAGE ` + postgres.QuoteIdent(name) + ` AS '-'`)
		}
		if follows(t, "leakproof") && !follows(t, "not", "leakproof") {
			add(`CREATE FUNCTION pg_temp.cofre_trial() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'`)
		}
	case "TYPE":
		// Not an enum, a range, a composite type: those say AS. One without anything is a shell that was never filled.
		if i := slices.IndexFunc(t, func(t postgres.Token) bool { return t.Depth == 1 }); i >= 0 && t[i].Is("internallength") || i < 0 && !follows(t, "as") {
			add(likes["SHELL TYPE"])
		}
	}
	return out
}

// mayCreate is what asks whether a role, an expression, may create objects in an entry's schema where that is there already, as whoever
// restores has to, and a new owner (ALTER ... OWNER TO): since version 15 that is so of public for hardly anybody. A schema that is dropped
// first, or in a new database, is made anew.
func mayCreate(e *archive.Entry, o RestoreOptions, role string) string {
	if e.Namespace == "" || (o.Clean || o.Create) && e.Namespace != "public" {
		return ""
	}
	body := fmt.Sprintf(`BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.pg_roles r WHERE n.nspname = %[1]s AND r.rolname = %[2]s
		AND NOT pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE')) THEN
		RAISE insufficient_privilege USING MESSAGE = %[3]s; END IF; END`, postgres.QuoteLiteral(e.Namespace), role,
		postgres.QuoteLiteral(fmt.Sprintf("it lacks the CREATE privilege on schema %q", e.Namespace)))
	return "DO " + postgres.QuoteLiteral(body) + "; "
}

// owned are the kinds of entries that pg_restore gives to their owners (pg_backup_archiver.c _getObjectDescription).
var owned = []string{"AGGREGATE", "BLOB", "BLOB METADATA", "COLLATION", "CONVERSION", "DOMAIN", "EVENT TRIGGER", "FOREIGN DATA WRAPPER", "FOREIGN TABLE", "FUNCTION",
	"MATERIALIZED VIEW", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURAL LANGUAGE", "PROCEDURE", "PUBLICATION", "SCHEMA", "SEQUENCE",
	"SERVER", "STATISTICS", "SUBSCRIPTION", "TABLE", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TYPE", "VIEW"}

func ownable(e *archive.Entry) bool { return e.Owner != "" && slices.Contains(owned, e.Desc) }

// at gives the place of keywords in sequence outside of parentheses, or -1.
func at(t []postgres.Token, words ...string) int {
	for i := range t {
		n := 0
		for n < len(words) && i+n < len(t) && t[i+n].Is(words[n]) && t[i+n].Depth == 0 && !(i > 0 && t[i-1].Is(".")) {
			n++
		}
		if n == len(words) {
			return i
		}
	}
	return -1
}

func follows(t []postgres.Token, words ...string) bool { return at(t, words...) >= 0 }

// behind gives the name behind keywords; "" when there is none.
func behind(t []postgres.Token, words ...string) string {
	if i := at(t, words...); i >= 0 && i+len(words) < len(t) && t[i+len(words)].Name() {
		return t[i+len(words)].Text
	}
	return ""
}

// forbidden refuses what the restoring role may not do, or leaves it out.
func (l *leaver) forbidden(ctx context.Context, o RestoreOptions) error {
	var scripts []string
	places := map[string]int{}
	for i := range l.head.Entries {
		for _, t := range trialsOf(&l.head.Entries[i], o) {
			if _, known := places[t.script]; !known {
				places[t.script] = len(scripts)
				scripts = append(scripts, t.script)
			}
		}
	}
	denied, err := postgres.Try(ctx, o.Target, scripts)
	if err != nil {
		return err
	}
	says := func(t trial) string { return denied[places[t.script]] }
	if !o.SkipForbidden {
		return l.refuseForbidden(o, says)
	}
	l.remove(func(e *archive.Entry) string {
		for _, t := range trialsOf(e, o) {
			if said := says(t); said != "" && t.role == "" {
				return said
			}
		}
		return ""
	})
	for i := range l.head.Entries {
		e := &l.head.Entries[i]
		for _, t := range trialsOf(e, o) {
			switch said := says(t); {
			case said == "" || t.role == "":
			case e.Desc == "ACL":
				l.note(e, fmt.Sprintf("what role %q granted: %s", t.role, said))
				withoutAuthorization(e, t.role)
			default:
				l.note(e, fmt.Sprintf("owner %q: %s; it belongs to the restoring role", t.role, said))
				e.Owner = ""
			}
		}
	}
	return nil
}

func (l *leaver) refuseForbidden(o RestoreOptions, says func(trial) string) error {
	var found, roles []string
	theirs := map[string][]string{} // entries by the role that they cannot be given to
	reasons := map[string]string{}
	n := 0
	for i := range l.head.Entries {
		e := &l.head.Entries[i]
		for _, t := range trialsOf(e, o) {
			said := says(t)
			if said == "" {
				continue
			}
			if n++; t.role == "" {
				found = append(found, fmt.Sprintf("%s (%s)", e.String(), said))
				break // once is enough
			}
			if theirs[t.role] == nil {
				roles = append(roles, t.role)
			}
			theirs[t.role], reasons[t.role] = append(theirs[t.role], e.String()), said
		}
	}
	if n == 0 {
		return nil
	}
	for _, role := range roles {
		found = append(found, fmt.Sprintf("what belongs to role %q: %s (%s)", role, listed(theirs[role]), reasons[role]))
	}
	return fault.New(fault.Permission, fault.MissingPrivilege,
		"Restore as a role that may. Or leave exactly these out with --skip-forbidden; --skip KIND leaves out one kind (\"EVENT TRIGGER\"), --no-owner all owners.",
		"role %q may not restore %s of the backup: %s; nothing was changed", o.Target.User(), count(n, "entry", "entries"), strings.Join(found, ", "))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// withoutAuthorization takes the statements in the name of a role out of an ACL.
func withoutAuthorization(e *archive.Entry, role string) {
	var out strings.Builder
	done := 0
	for _, m := range roleMentions(e) {
		if m.list == 0 && m.name == role && m.from >= done {
			out.WriteString(e.Defn[done:m.from])
			done = endOfAuthorization(e.Defn, m.to)
		}
	}
	out.WriteString(e.Defn[done:])
	e.Defn = out.String()
}
