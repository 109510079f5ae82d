package pgdump

import (
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/postgres"
)

// roleMention is a place in the definition of an entry where a role's name stands.
type roleMention struct {
	name       string
	start, end int // of the name, in bytes
	// list is the number of the list of roles that the name is in, from 1; 0 when the statement is about this role alone.
	list int
	// from and to are the ends of the statement.
	from, to int
}

// roleMentions gives the roles that the SQL of an entry names, in their order. Only kinds that can name any are parsed.
func roleMentions(e *archive.Entry) []roleMention {
	switch e.Desc {
	case "ACL", "DEFAULT ACL", "POLICY", "USER MAPPING", "DATABASE PROPERTIES":
	default:
		return nil
	}
	var out []roleMention
	tokens := postgres.Tokens(e.Defn)
	for from, list := 0, 1; from < len(tokens); list++ {
		to := from
		for to < len(tokens) && !tokens[to].Is(";") {
			to++
		}
		statement := tokens[from:to]
		begin, end := tokens[from].Start, len(e.Defn)
		if to < len(tokens) {
			end = tokens[to].End
		}
		for _, m := range mentionsIn(statement, list) {
			m.from, m.to = begin, end
			out = append(out, m)
		}
		from = to + 1
	}
	return out
}

// mentionsIn finds roles where pg_dump writes them: behind SET SESSION AUTHORIZATION, FOR ROLE and USER MAPPING FOR, and
// in the list behind TO or FROM. Both words are reserved, so that outside of parentheses they are nothing else.
func mentionsIn(s []postgres.Token, list int) []roleMention {
	one := func(i, list int) []roleMention {
		if i >= len(s) || !s[i].Name() || s[i].Kind == postgres.Word && (s[i].Text == "public" || s[i].Text == "default") {
			return nil
		}
		return []roleMention{{name: s[i].Text, start: s[i].Start, end: s[i].End, list: list}}
	}
	var out []roleMention
	for i := range s {
		switch {
		case s[i].Depth > 0 || s[i].Kind != postgres.Word || i == 0:
		case s[0].Is("alter") && s[1].Is("role"): // of a database's settings
			return one(2, 0)
		case s[i].Text == "authorization" && i == 2 && s[0].Is("set"):
			return one(3, 0)
		case s[i].Text == "role" && s[i-1].Is("for") && s[0].Is("alter"), s[i].Text == "for" && s[i-1].Is("mapping"):
			out = append(out, one(i+1, 0)...)
		case s[i].Text == "to" || s[i].Text == "from":
			out = append(out, one(i+1, list)...)
			for i += 2; i < len(s) && s[i].Is(","); i += 2 {
				out = append(out, one(i+1, list)...)
			}
			return out
		}
	}
	return out
}

// renameRoles replaces roles in the owners and the SQL of all entries.
func renameRoles(h *archive.Head, names map[string]string) {
	if len(names) == 0 {
		return
	}
	for i := range h.Entries {
		e := &h.Entries[i]
		if to, ok := names[e.Owner]; ok {
			e.Owner = to
		}
		mentions := roleMentions(e)
		for _, m := range slices.Backward(mentions) {
			if to, ok := names[m.name]; ok {
				e.Defn = e.Defn[:m.start] + postgres.QuoteIdent(to) + e.Defn[m.end:]
			}
		}
		if e.Desc == "USER MAPPING" {
			drop := archive.Entry{Desc: e.Desc, Defn: e.DropStmt}
			for _, m := range slices.Backward(roleMentions(&drop)) {
				if to, ok := names[m.name]; ok {
					e.DropStmt = e.DropStmt[:m.start] + postgres.QuoteIdent(to) + e.DropStmt[m.end:]
				}
			}
		}
	}
}

// withoutRoles takes roles out of an entry's SQL: out of lists that name others too, and whole statements elsewhere. What
// stands under SET SESSION AUTHORIZATION goes with it. Nothing is left of an entry that is about such a role.
func withoutRoles(e *archive.Entry, gone func(role string) bool) {
	mentions := roleMentions(e)
	var out strings.Builder
	at := 0
	cut := func(from, to int, instead string) {
		if from >= at {
			out.WriteString(e.Defn[at:from] + instead)
			at = to
		}
	}
	for i := 0; i < len(mentions); i++ {
		m := mentions[i]
		if m.list == 0 {
			switch {
			case !gone(m.name):
			case e.Desc != "ACL": // about this role alone
				e.Defn = ""
				return
			default:
				cut(m.from, endOfAuthorization(e.Defn, m.to), "")
			}
			continue
		}
		last := i
		for last+1 < len(mentions) && mentions[last+1].list == m.list {
			last++
		}
		var kept []string
		for _, each := range mentions[i : last+1] {
			if !gone(each.name) {
				kept = append(kept, e.Defn[each.start:each.end])
			}
		}
		switch {
		case len(kept) == 0:
			cut(m.from, m.to, "")
		case len(kept) <= last-i:
			cut(m.start, mentions[last].end, strings.Join(kept, ", "))
		}
		i = last
	}
	out.WriteString(e.Defn[at:])
	if e.Defn = out.String(); len(postgres.Tokens(e.Defn)) == 0 {
		e.Defn = ""
	}
}

// endOfAuthorization gives the end of the RESET SESSION AUTHORIZATION behind a place, or of everything.
func endOfAuthorization(sql string, from int) int {
	for _, t := range postgres.Tokens(sql[from:]) {
		if t.Is("reset") {
			if i := strings.IndexByte(sql[from+t.Start:], ';'); i >= 0 {
				return from + t.Start + i + 1
			}
		}
	}
	return len(sql)
}
