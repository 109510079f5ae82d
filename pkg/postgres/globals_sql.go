package postgres

import (
	"slices"
	"strconv"
	"strings"
)

// create writes CREATE ROLE.
func (r GlobalRole) create() string {
	var b strings.Builder
	b.WriteString("CREATE ROLE " + QuoteIdent(r.Name) + " WITH")
	for _, a := range []struct {
		word string
		has  bool
	}{{"SUPERUSER", r.Superuser}, {"INHERIT", !r.NoInherit}, {"CREATEROLE", r.CreateRole}, {"CREATEDB", r.CreateDB}, {"LOGIN", r.Login}, {"REPLICATION", r.Replication}, {"BYPASSRLS", r.BypassRLS}} {
		b.WriteByte(' ')
		if !a.has {
			b.WriteString("NO")
		}
		b.WriteString(a.word)
	}
	if r.Connections >= 0 {
		b.WriteString(" CONNECTION LIMIT " + strconv.Itoa(r.Connections))
	}
	if r.Password != "" {
		b.WriteString(" PASSWORD " + QuoteLiteral(r.Password))
	}
	if r.ValidUntil != "" {
		b.WriteString(" VALID UNTIL " + QuoteLiteral(r.ValidUntil))
	}
	return b.String()
}

// grant writes GRANT, with the options that version 16 brought, where they are known.
func (m Membership) grant(options, grantor bool) string {
	sql := "GRANT " + QuoteIdent(m.Role) + " TO " + QuoteIdent(m.Member)
	var with []string
	if m.Admin {
		with = append(with, "ADMIN OPTION")
	}
	if options && m.Inherit != nil && m.Set != nil {
		with = append(with, "INHERIT "+yes(*m.Inherit), "SET "+yes(*m.Set))
	}
	if len(with) > 0 {
		sql += " WITH " + strings.Join(with, ", ")
	}
	if grantor && m.Grantor != "" {
		sql += " GRANTED BY " + QuoteIdent(m.Grantor)
	}
	return sql
}

func yes(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// set writes ALTER ROLE … SET.
func (s RoleSetting) set() string {
	values := []string{s.Value}
	if listSettings[strings.ToLower(s.Name)] && s.Value != "" {
		values = splitNames(s.Value)
	}
	for i := range values {
		values[i] = QuoteLiteral(values[i])
	}
	return "ALTER ROLE " + s.of() + " SET " + QuoteIdent(s.Name) + " TO " + strings.Join(values, ", ")
}

// all reports whether everybody has it.
func (s RoleSetting) all() bool { return s.Role == "" }
func (g Grant) all() bool       { return g.To == "" }

// String names it for people.
func (s RoleSetting) String() string { return "setting " + QuoteIdent(s.Name) + " of role " + s.of() }
func (p ParameterGrant) String() string {
	return "privilege " + p.Privilege + " on parameter " + QuoteIdent(p.Name) + p.to()
}

// of is whose it is.
func (s RoleSetting) of() string {
	if s.all() {
		return "ALL"
	}
	return QuoteIdent(s.Role)
}

// grant writes GRANT ON PARAMETER.
func (p ParameterGrant) grant() string {
	return "GRANT " + p.Privilege + " ON PARAMETER " + QuoteIdent(p.Name) + p.Grant.to()
}

// to is the end of GRANT, behind what is granted.
func (g Grant) to() string {
	to := " TO PUBLIC"
	if g.To != "" {
		to = " TO " + QuoteIdent(g.To)
	}
	if g.Option {
		to += " WITH GRANT OPTION"
	}
	return to
}

// by puts SET ROLE around a GRANT, for a script: whoever executes it is the grantor.
func (g Grant) by(sql string) string {
	if g.Grantor == "" {
		return sql
	}
	return "SET ROLE " + QuoteIdent(g.Grantor) + "; " + sql + "; RESET ROLE"
}

// notes writes COMMENT and SECURITY LABEL on the object that is named, such as ROLE "a".
func (r Remarks) notes(object string) (out []string) {
	if r.Comment != "" {
		out = append(out, "COMMENT ON "+object+" IS "+QuoteLiteral(r.Comment))
	}
	for _, l := range r.Labels {
		out = append(out, "SECURITY LABEL FOR "+QuoteIdent(l.Provider)+" ON "+object+" IS "+QuoteLiteral(l.Label))
	}
	return out
}

// object names it as statements do.
func (r GlobalRole) object() string { return "ROLE " + QuoteIdent(r.Name) }
func (t Tablespace) object() string { return "TABLESPACE " + QuoteIdent(t.Name) }

// ownerLacks writes REVOKE where the owner of a tablespace has taken the right to use it from himself; "" otherwise.
func (t Tablespace) ownerLacks() string {
	if t.Grants == nil || slices.ContainsFunc(t.Grants, func(g Grant) bool { return g.To == t.Owner }) {
		return ""
	}
	return "REVOKE ALL ON " + t.object() + " FROM " + QuoteIdent(t.Owner)
}

// others are the grants to others than the owner, who has it from the beginning.
func (t Tablespace) others() []Grant {
	return slices.DeleteFunc(slices.Clone([]Grant(t.Grants)), func(g Grant) bool { return g.To == t.Owner })
}

// grant writes GRANT ON TABLESPACE.
func (t Tablespace) grant(g Grant) string { return "GRANT CREATE ON " + t.object() + g.to() }

// create writes CREATE TABLESPACE.
func (t Tablespace) create() string {
	sql := "CREATE TABLESPACE " + QuoteIdent(t.Name) + " OWNER " + QuoteIdent(t.Owner) + " LOCATION " + QuoteLiteral(t.Location)
	var options []string
	for _, o := range t.Options {
		name, value, _ := strings.Cut(o, "=")
		options = append(options, QuoteIdent(name)+" = "+QuoteLiteral(value))
	}
	if len(options) > 0 {
		sql += " WITH (" + strings.Join(options, ", ") + ")"
	}
	return sql
}
