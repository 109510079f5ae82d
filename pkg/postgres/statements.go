package postgres

import (
	"strings"
)

// Statements about a database as pg_dump writes them (CREATE DATABASE and what follows it) name the database that was
// dumped. They are read here by their tokens, so that they can be held against another server and executed under
// another name. https://www.postgresql.org/docs/current/sql-syntax-lexical.html

// valueOf is what a token stands for: a name, or a literal's text.
func valueOf(t Token) string {
	if t.Kind != String {
		return t.Text
	}
	if s, ok := strings.CutPrefix(strings.ToUpper(t.Text[:1])+t.Text[1:], "E'"); ok {
		return strings.NewReplacer(`\\`, `\`, "''", "'", `\'`, "'").Replace(strings.TrimSuffix(s, "'"))
	}
	if len(t.Text) < 2 {
		return t.Text
	}
	return strings.ReplaceAll(t.Text[1:len(t.Text)-1], "''", "'")
}

// ParseCreateDatabase reads pg_dump's CREATE DATABASE. ok is false when it is something else.
func ParseCreateDatabase(sql string) (l Locale, tablespace string, ok bool) {
	list := Tokens(sql)
	if len(list) < 4 || !list[0].Is("create") || !list[1].Is("database") {
		return l, "", false
	}
	for i := 3; i+2 < len(list); i++ {
		if !list[i+1].Is("=") {
			continue
		}
		v := valueOf(list[i+2])
		switch strings.ToUpper(list[i].Text) {
		case "ENCODING":
			l.Encoding = v
		case "LC_COLLATE":
			l.Collate = v
		case "LC_CTYPE":
			l.CharType = v
		case "LOCALE":
			l.Collate, l.CharType = v, v
		case "LOCALE_PROVIDER":
			l.Provider = strings.ToLower(v)
		case "ICU_LOCALE", "BUILTIN_LOCALE":
			l.Name = v
		case "ICU_RULES":
			l.ICURules = v
		case "TABLESPACE":
			tablespace = v
		}
		i += 2
	}
	return l, tablespace, true
}

// DatabaseStatement is a statement about a database, under any name.
type DatabaseStatement struct {
	before, after string // around the database's name
}

// Named writes the statement for a database.
func (s DatabaseStatement) Named(name string) string {
	if s.after == "" && !strings.HasSuffix(s.before, " ") {
		return s.before
	}
	return s.before + QuoteIdent(name) + s.after
}

// Setting reports whether the statement sets a parameter for the database's sessions.
func (s DatabaseStatement) Setting() bool {
	return (strings.HasPrefix(s.before, "ALTER DATABASE ") || strings.HasPrefix(s.before, "ALTER ROLE ")) && strings.HasPrefix(s.after, " SET ")
}

// Sets reports whether the statement sets this parameter for the sessions.
func (s DatabaseStatement) Sets(parameter string) bool {
	list := Tokens(s.after)
	return s.Setting() && len(list) > 1 && strings.EqualFold(valueOf(list[1]), parameter)
}

// Grants reports whether the statement is about privileges.
func (s DatabaseStatement) Grants() bool {
	return strings.HasPrefix(s.before, "GRANT ") || strings.HasPrefix(s.before, "REVOKE ") || strings.Contains(s.before, "SESSION AUTHORIZATION")
}

// ParseDatabaseStatements splits what pg_dump writes about a database and finds the database's name in each statement. What
// is none of the statements that pg_dump writes there is left out: the text comes from a bucket.
func ParseDatabaseStatements(sql string) []DatabaseStatement {
	var out []DatabaseStatement
	var statement []Token
	for _, t := range Tokens(sql) {
		if !t.Is(";") {
			statement = append(statement, t)
			continue
		}
		if s, ok := databaseStatement(sql, statement); ok {
			out = append(out, s)
		}
		statement = nil
	}
	return out
}

func databaseStatement(sql string, list []Token) (DatabaseStatement, bool) {
	if len(list) < 3 {
		return DatabaseStatement{}, false
	}
	text := sql[list[0].Start:list[len(list)-1].End]
	if list[1].Is("session") && (list[0].Is("set") || list[0].Is("reset")) && list[2].Is("authorization") {
		return DatabaseStatement{before: text}, true // around grants of another grantor
	}
	if !list[0].Is("alter") && !list[0].Is("comment") && !list[0].Is("grant") && !list[0].Is("revoke") && !list[0].Is("security") {
		return DatabaseStatement{}, false
	}
	for i, t := range list[:len(list)-1] {
		if t.Is("database") && i > 0 && (i == 1 && list[0].Is("alter") || list[i-1].Is("on") || list[i-1].Is("in")) {
			name := list[i+1]
			return DatabaseStatement{before: sql[list[0].Start:name.Start], after: sql[name.End:list[len(list)-1].End]}, true
		}
	}
	return DatabaseStatement{}, false
}
