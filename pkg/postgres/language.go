package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ForPrograms returns the target for programs that print a server's messages without their SQLSTATE, so that only the
// words tell one from another: with messages in English. Only a superuser may choose the language, and a pooler may not
// take the option: then the target stays as it is, and the programs' own words have to do. conn is a connection to its server.
func (t Target) ForPrograms(ctx context.Context, conn *pgx.Conn) (Target, error) {
	var language string
	var super bool
	var pid uint32
	err := conn.QueryRow(ctx, `SELECT current_setting('lc_messages'), current_setting('is_superuser') = 'on', pg_catalog.pg_backend_pid()`).
		Scan(&language, &super, &pid)
	if err != nil || !super || english(language) || pid != conn.PgConn().PID() {
		return t, t.Explain(ctx, err)
	}
	return t.withOption("-c lc_messages=C"), nil
}

// english reports whether messages under a locale are. An empty name is the server's environment: nobody knows.
func english(locale string) bool {
	name, _, _ := strings.Cut(locale, ".")
	return name == "C" || name == "POSIX" || strings.HasPrefix(name, "en_")
}
