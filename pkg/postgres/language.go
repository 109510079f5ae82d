package postgres

import (
	"context"
	"maps"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ForPrograms returns the target for programs that are to reach the server that conn, a connection to the target, has reached. They print
// a server's messages without their SQLSTATE, so that only the words tell one from another: they get messages in English, which only
// a superuser may choose. And what they ask before they have switched timeouts off is not ended by the role's. A pooler may take none
// of that: then the programs' own words have to do.
func (t Target) ForPrograms(ctx context.Context, conn *pgx.Conn) (Target, error) {
	var language string
	var super bool
	var pid uint32
	err := conn.QueryRow(ctx, `SELECT current_setting('lc_messages'), current_setting('is_superuser') = 'on', pg_catalog.pg_backend_pid()`).
		Scan(&language, &super, &pid)
	if err != nil {
		return t, t.Explain(ctx, err)
	}
	t = t.pinned(ctx, conn)
	if pid != conn.PgConn().PID() {
		return t, nil
	}
	for _, name := range timeouts(serverMajor(conn)) {
		t = t.withOption("-c " + name + "=0")
	}
	if super && !english(language) {
		t = t.withOption("-c lc_messages=C")
	}
	return t, nil
}

// pinned is a connection for programs to the very address that conn has reached, since a name may stand for several servers, and to no
// other host of a list. The host's name stays: certificates are checked and passwords looked up by it.
func (t Target) pinned(ctx context.Context, conn *pgx.Conn) Target {
	host, port, known := t.reached(ctx, conn)
	if !known {
		return t
	}
	t.settings = maps.Clone(t.settings)
	t.settings["host"], t.settings["port"] = host, port
	delete(t.settings, "hostaddr")
	if at, ok := conn.PgConn().Conn().RemoteAddr().(*net.TCPAddr); ok {
		t.settings["hostaddr"] = at.AddrPort().Addr().Unmap().String()
	}
	return t
}

// english reports whether messages under a locale are. An empty name is the server's environment: nobody knows.
func english(locale string) bool {
	name, _, _ := strings.Cut(locale, ".")
	return name == "C" || name == "POSIX" || strings.HasPrefix(name, "en_")
}
