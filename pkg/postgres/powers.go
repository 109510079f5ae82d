package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// powers says by what the session's role can do on the server what a superuser can: it is one, or is a member of one, so that whatever it runs
// can become it with SET ROLE; it may run programs on the server's machine, or read and write files there, with which superusers are made; or it can
// make itself a member of a role that may, as CREATEROLE allows before version 16. "" is none of these.
const powers = `coalesce((SELECT CASE WHEN r.rolname = current_user THEN 'is a superuser' WHEN r.rolsuper THEN 'is a member of ' || pg_catalog.quote_ident(r.rolname) || ', a superuser'
		ELSE 'is a member of ' || r.rolname END
	FROM pg_catalog.pg_roles r WHERE (r.rolsuper OR r.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
		AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER') ORDER BY r.rolname = current_user DESC, r.rolsuper DESC, r.rolname LIMIT 1),
	(SELECT 'has CREATEROLE, and so may run programs on the server''s machine before PostgreSQL 16' FROM pg_catalog.pg_roles
		WHERE rolname = current_user AND rolcreaterole AND pg_catalog.current_setting('server_version_num')::int < 160000), '')`

// Powers says by what the session's role can do on the server what a superuser can, as in "the role …"; "" where it cannot.
func Powers(ctx context.Context, conn *pgx.Conn) (by string, err error) {
	err = conn.QueryRow(ctx, "SELECT "+powers).Scan(&by)
	return by, err
}
