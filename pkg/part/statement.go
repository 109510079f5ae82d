package part

import (
	"cofre/pkg/archive"
	"cofre/pkg/postgres"
)

// statement is one statement of SQL, split into tokens.
type statement []postgres.Token

// statements splits SQL at its semicolons.
func statements(sql string) []statement {
	var out []statement
	tokens := postgres.Tokens(sql)
	from := 0
	for i := range tokens {
		if tokens[i].Is(";") && tokens[i].Depth == 0 {
			out = append(out, tokens[from:i])
			from = i + 1
		}
	}
	if from < len(tokens) {
		out = append(out, tokens[from:])
	}
	return out
}

// begins reports whether the statement begins with words.
func (s statement) begins(words ...string) bool { return s.follow(0, words...) }

// follow reports whether words stand at a place.
func (s statement) follow(at int, words ...string) bool {
	if at < 0 || at+len(words) > len(s) {
		return false
	}
	for i, w := range words {
		if !s[at+i].Is(w) {
			return false
		}
	}
	return true
}

// behind gives the place behind the first occurrence of words outside of parentheses, none where they do not occur.
func (s statement) behind(words ...string) int {
	for i := range s {
		if s[i].Depth == 0 && s.follow(i, words...) && !(i > 0 && s[i-1].Is(".")) {
			return i + len(words)
		}
	}
	return none
}

// qualified reads SCHEMA.NAME at a place.
func (s statement) qualified(at int) (name, bool) {
	if at < 0 || at+3 > len(s) || !s[at].Name() || !s[at+1].Is(".") || !s[at+2].Name() {
		return name{}, false
	}
	return name{s[at].Text, s[at+2].Text}, true
}

// skip passes by words that may be left out.
func (s statement) skip(at int, words ...string) int {
	for at >= 0 && at < len(s) {
		found := false
		for _, w := range words {
			if s[at].Is(w) {
				found = true
			}
		}
		if !found {
			return at
		}
		at++
	}
	return at
}

// tableIn gives the table that the definition of an entry speaks of: that of an index, a constraint, a trigger.
func tableIn(e *archive.Entry) (name, bool) {
	all := statements(e.Defn)
	if len(all) == 0 {
		return name{}, false
	}
	return all[0].table()
}

// table gives the table that a statement is about.
func (s statement) table() (name, bool) {
	switch {
	case s.begins("alter", "table"), s.begins("alter", "foreign", "table"):
		return s.qualified(s.skip(s.behind("table"), "only"))
	case s.begins("create", "statistics"):
		return s.qualified(s.skip(s.behind("from"), "only"))
	case s.begins("create", "rule"):
		return s.qualified(s.behind("to"))
	case s.begins("create"): // an index, a trigger, a policy
		return s.qualified(s.skip(s.behind("on"), "only"))
	}
	return name{}, false
}
