package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cofre/pkg/fault"
)

// MadeGlobals says what became of globals on another server.
type MadeGlobals struct {
	Roles       []string // made, or, where it was only looked, would be
	Tablespaces []string
	Memberships int
	Settings    int
	Privileges  int // on parameters and tablespaces
	Comments    int // and security labels
	There       int // roles and tablespaces that were there, and left alone
	// NotMade says what the server did not take, and why: `role "a": permission denied to create role`.
	NotMade []string
	// Lesser are roles that were made without what the restoring role may not give: `role "a" without SUPERUSER`.
	Lesser []string
	// NoPassword are roles that were made and may log in, without a password.
	NoPassword []string
}

// Make makes the roles and tablespaces that the target's server lacks, and leaves alone those that it has: memberships and settings
// are given to roles that are made alone, and what everybody gets only where nobody else has a role yet. Roles and what is theirs come in
// one transaction; what the server refuses of them is named and does not keep the others from being made. look undoes all of it, and
// makes no tablespaces. The target's database need not exist.
func (g Globals) Make(ctx context.Context, t Target, p Policy, look bool) (made MadeGlobals, err error) {
	conn, err := ConnectRetry(ctx, t, p)
	if fault.HasReason(err, fault.DatabaseMissing) {
		conn, t, err = t.ConnectMaintenance(ctx, "make roles", p)
	}
	if err != nil {
		return made, err
	}
	defer Close(conn)
	m := maker{g: g, t: t, out: &made}
	for _, what := range g.Unread {
		made.NotMade = append(made.NotMade, "they were not kept, "+what)
	}
	if err := m.roles(ctx, conn, look); err != nil {
		return made, t.Explain(ctx, err)
	}
	return made, t.Explain(ctx, m.tablespaces(ctx, conn, look))
}

// maker makes globals.
type maker struct {
	g   Globals
	t   Target
	out *MadeGlobals

	super, replication, bypassRLS, createDB bool // the restoring role
	version                                 int  // major
	known                                   map[string]bool
	spaces                                  []string
	strangers                               int               // roles that are neither this one, nor the server's first one, nor a service's
	forAll                                  map[string]string // what everybody has already, as it is called here: its statement
	made                                    map[string]bool
}

func (m *maker) look(ctx context.Context, tx pgx.Tx) error {
	var roles, own []string
	err := tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000, current_setting('is_superuser') = 'on', r.rolreplication, r.rolbypassrls, r.rolcreatedb,
			ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles), ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles WHERE oid = 10 OR rolname IN (current_user, session_user)),
			ARRAY(SELECT spcname::text FROM pg_catalog.pg_tablespace)
		FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`).
		Scan(&m.version, &m.super, &m.replication, &m.bypassRLS, &m.createDB, &roles, &own, &m.spaces)
	m.known, m.made = make(map[string]bool, len(roles)), map[string]bool{}
	for _, r := range roles {
		m.known[r] = true
		if kept(r) && !slices.Contains(own, r) {
			m.strangers++
		}
	}
	if err != nil {
		return err
	}
	return m.lookForAll(ctx, tx)
}

// lookForAll looks what everybody has on the server, where the globals have such things.
func (m *maker) lookForAll(ctx context.Context, tx pgx.Tx) error {
	there, all := Globals{Server: m.version}, []func(context.Context, pgx.Tx) error{}
	if slices.ContainsFunc(m.g.Settings, RoleSetting.all) {
		all = append(all, there.readSettings)
	}
	if slices.ContainsFunc(m.g.Parameters, ParameterGrant.all) {
		all = append(all, there.readParameters)
	}
	for _, read := range all {
		if err := there.readAllowed(ctx, tx, "", read); err != nil {
			return err
		}
	}
	m.forAll = map[string]string{}
	for _, s := range there.Settings {
		m.forAll[s.String()] = s.set()
	}
	for _, p := range there.Parameters {
		m.forAll[p.String()] = p.grant()
	}
	return nil
}

// roles makes roles, memberships and settings.
func (m *maker) roles(ctx context.Context, conn *pgx.Conn, look bool) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := m.look(ctx, tx); err != nil {
		return err
	}
	session := "SET LOCAL lock_timeout = '30s'; SET LOCAL client_min_messages = error; SET LOCAL search_path = pg_catalog, pg_temp"
	if m.super { // nor should hashes of passwords be in the server's log
		session += "; SET LOCAL log_statement = 'none'; SET LOCAL log_min_duration_statement = -1; SET LOCAL log_min_error_statement = 'panic'"
	}
	if !m.super && m.version >= 16 { // so that it can give objects to the roles that it makes, as before
		session += "; SET LOCAL createrole_self_grant = 'set, inherit'"
	}
	if _, err := tx.Exec(ctx, session, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	for _, step := range []func(context.Context, pgx.Tx) error{m.makeRoles, m.makeMemberships, m.makeSettings, m.makeParameters} {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	if look {
		return nil
	}
	return tx.Commit(ctx)
}

func (m *maker) makeRoles(ctx context.Context, tx pgx.Tx) error {
	for _, r := range m.g.Roles {
		if m.known[r.Name] {
			m.out.There++
			continue
		}
		lesser := m.lessen(&r)
		ok, err := m.run(ctx, tx, "role "+QuoteIdent(r.Name), r.create())
		if err != nil {
			return err
		}
		if ok {
			m.made[r.Name], m.known[r.Name] = true, true
			m.out.Roles = append(m.out.Roles, r.Name)
			if r.Login && r.Password == "" {
				m.out.NoPassword = append(m.out.NoPassword, r.Name)
			}
			if len(lesser) > 0 {
				m.out.Lesser = append(m.out.Lesser, "role "+QuoteIdent(r.Name)+" without "+strings.Join(lesser, ", "))
			}
			if err := m.note(ctx, tx, "role "+QuoteIdent(r.Name), r.object(), r.Remarks); err != nil {
				return err
			}
		}
	}
	return nil
}

// lessen takes from a role what only superusers may give, and from version 16 on those that have it.
func (m *maker) lessen(r *GlobalRole) (without []string) {
	if m.super {
		return nil
	}
	for _, a := range []struct {
		word string
		has  *bool
		may  bool
	}{
		{"SUPERUSER", &r.Superuser, false}, {"REPLICATION", &r.Replication, m.version >= 16 && m.replication},
		{"BYPASSRLS", &r.BypassRLS, m.version >= 16 && m.bypassRLS}, {"CREATEDB", &r.CreateDB, m.version < 16 || m.createDB},
	} {
		if *a.has && !a.may {
			*a.has = false
			without = append(without, a.word)
		}
	}
	return without
}

// run executes statements one by one, all or none; what the server refuses is noted. The extended protocol takes no second one in one.
func (m *maker) run(ctx context.Context, tx pgx.Tx, what string, statements ...string) (ok bool, err error) {
	step, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return false, err
	}
	for _, sql := range statements {
		if sql == "" {
			continue
		}
		result := step.Conn().PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Read()
		if said := refusal(result.Err); said != "" {
			m.refuse(what, said)
			return false, step.Rollback(ctx)
		}
		if result.Err != nil {
			return false, result.Err
		}
	}
	return true, step.Commit(ctx)
}

func (m *maker) refuse(what, why string) {
	m.out.NotMade = append(m.out.NotMade, fmt.Sprintf("%s: %s", what, fault.Shorten(why, 200)))
}

// refusal is what the server said to a statement that it does not take; "" for other errors. Its message quotes no values of passwords.
func refusal(err error) string {
	var said *pgconn.PgError
	if !errors.As(err, &said) || strings.HasPrefix(said.Code, "57") || strings.HasPrefix(said.Code, "08") || strings.HasPrefix(said.Code, "XX") || strings.HasPrefix(said.Code, "25") {
		return ""
	}
	return said.Message
}
