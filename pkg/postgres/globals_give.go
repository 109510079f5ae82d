package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

func (m *maker) makeMemberships(ctx context.Context, tx pgx.Tx) error {
	for _, is := range m.g.Memberships {
		if !m.made[is.Member] {
			continue
		}
		what := "membership of " + QuoteIdent(is.Member) + " in " + QuoteIdent(is.Role)
		if !m.known[is.Role] {
			m.refuse(what, "there is no such role")
			continue
		}
		if m.version < 16 && (is.Set != nil && !*is.Set || is.Inherit != nil && !*is.Inherit) {
			m.refuse(what, "without SET or INHERIT it takes PostgreSQL 16")
			continue
		}
		// Others than superusers grant in their own name only. A grantor that was there may lack the right to.
		grantor := m.super && m.version >= 16 && m.made[is.Grantor]
		ok, err := m.run(ctx, tx, what, is.grant(m.version >= 16, grantor))
		if err != nil {
			return err
		}
		if ok {
			m.out.Memberships++
		}
	}
	return nil
}

func (m *maker) makeSettings(ctx context.Context, tx pgx.Tx) error {
	for _, s := range m.g.Settings {
		what := s.String()
		if s.all() && !m.everybody(what, s.set()) || !s.all() && !m.made[s.Role] {
			continue
		}
		ok, err := m.run(ctx, tx, what, s.set())
		if err != nil {
			return err
		}
		if ok {
			m.out.Settings++
		}
	}
	return nil
}

// everybody reports whether everybody may get what is not theirs yet: only where there is nobody who did without it so far.
func (m *maker) everybody(what, sql string) bool {
	if there, ok := m.forAll[what]; ok {
		if there != sql {
			m.refuse(what, "another one is there: "+there)
		}
		return false
	}
	if m.strangers > 0 {
		m.refuse(what, fmt.Sprintf("others are on this server, and would get it, too (%d roles). Execute it yourself if they should: %s", m.strangers, sql))
		return false
	}
	return true
}

func (m *maker) makeParameters(ctx context.Context, tx pgx.Tx) error {
	for _, p := range m.g.Parameters {
		what := p.String()
		switch {
		case p.all() && !m.everybody(what, p.grant()) || !p.all() && !m.made[p.To]:
			continue
		case m.version < 15:
			m.refuse(what, "it takes PostgreSQL 15")
			continue
		}
		if err := m.grantAs(ctx, tx, what, p.grant(), p.Grant); err != nil {
			return err
		}
	}
	return nil
}

// grantAs executes GRANT as its grantor, where that is a role that was made, which has just what it may grant.
func (m *maker) grantAs(ctx context.Context, tx pgx.Tx, what, sql string, g Grant) error {
	before, after := "", ""
	if m.super && m.made[g.Grantor] {
		before, after = "SET LOCAL ROLE "+QuoteIdent(g.Grantor), "RESET ROLE"
	}
	ok, err := m.run(ctx, tx, what, before, sql, after)
	if ok {
		m.out.Privileges++
	}
	return err
}

// note executes COMMENT and SECURITY LABEL.
func (m *maker) note(ctx context.Context, tx pgx.Tx, what, object string, r Remarks) error {
	for i, sql := range r.notes(object) {
		kind := "comment on "
		if i > 0 || r.Comment == "" {
			kind = "security label on "
		}
		ok, err := m.run(ctx, tx, kind+what, sql)
		if err != nil {
			return err
		}
		if ok {
			m.out.Comments++
		}
	}
	return nil
}

// tablespaces makes those outside of a transaction, which the server insists on.
func (m *maker) tablespaces(ctx context.Context, conn *pgx.Conn, look bool) error {
	for _, s := range m.g.Tablespaces {
		what := "tablespace " + QuoteIdent(s.Name)
		switch {
		case slices.Contains(m.spaces, s.Name):
			m.out.There++
		case !m.super:
			m.refuse(what, "only superusers make tablespaces")
		case !m.known[s.Owner]:
			m.refuse(what, "there is no role "+QuoteIdent(s.Owner))
		case look:
			m.out.Tablespaces = append(m.out.Tablespaces, s.Name)
		default:
			_, err := conn.Exec(ctx, s.create())
			if said := refusal(err); said != "" {
				m.refuse(what, said)
				continue
			} else if err != nil {
				return err
			}
			m.out.Tablespaces = append(m.out.Tablespaces, s.Name)
			if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return m.furnish(ctx, tx, what, s) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// furnish gives a tablespace what is its own beside its place.
func (m *maker) furnish(ctx context.Context, tx pgx.Tx, what string, s Tablespace) error {
	if sql := s.ownerLacks(); sql != "" {
		if _, err := m.run(ctx, tx, "privileges on "+what, sql); err != nil {
			return err
		}
	}
	for _, g := range s.others() {
		grant := "privilege CREATE on " + what + g.to()
		if g.To != "" && !m.known[g.To] {
			m.refuse(grant, "there is no such role")
			continue
		}
		if err := m.grantAs(ctx, tx, grant, s.grant(g), g); err != nil {
			return err
		}
	}
	return m.note(ctx, tx, what, s.object(), s.Remarks)
}
