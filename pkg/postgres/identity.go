package postgres

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Identity is which database of which server a connection reached.
type Identity struct {
	// SystemIdentifier is the cluster's, in decimal; "" where the role may not read it. A standby has its primary's.
	SystemIdentifier string
	Database         string
	DatabaseOID      uint32
	InRecovery       bool
	// Host and Port are the reached one of Addresses, as configured.
	Host, Port string
	// Addresses are all of the connection string's hosts with their ports, in its order.
	Addresses [][2]string
}

// Identify asks an open connection of t that is in no transaction. It answers the driver's errors.
func (t Target) Identify(ctx context.Context, conn *pgx.Conn) (Identity, error) {
	i := Identity{Addresses: t.addresses()}
	i.Host, i.Port, _ = t.reached(ctx, conn)
	err := conn.QueryRow(ctx, `SELECT d.datname::text, d.oid, pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_database d
		WHERE d.datname = pg_catalog.current_database()`).Scan(&i.Database, &i.DatabaseOID, &i.InRecovery)
	if err != nil {
		return i, err
	}
	// Since PostgreSQL 9.6; services may have taken the right to call it away. That is an answer, and nothing is lost with it.
	err = conn.QueryRow(ctx, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()").Scan(&i.SystemIdentifier)
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		err = nil
	}
	return i, err
}

// addresses pairs the hosts with their ports.
func (t Target) addresses() (out [][2]string) {
	ports := strings.Split(t.Port(), ",")
	for i, host := range strings.Split(t.Host(), ",") {
		port := ports[min(i, len(ports)-1)]
		if port == "" {
			port = "5432"
		}
		out = append(out, [2]string{host, port})
	}
	return out
}

// reached tells which of several hosts a connection leads to: the driver does not say, so that it is found by the address. It is the
// first one where it cannot be known.
func (t Target) reached(ctx context.Context, conn *pgx.Conn) (host, port string, known bool) {
	all := t.addresses()
	if len(all) == 1 {
		return all[0][0], all[0][1], true
	}
	for _, a := range all {
		switch at := conn.PgConn().Conn().RemoteAddr().(type) {
		case *net.UnixAddr:
			if at.Name == a[0]+"/.s.PGSQL."+a[1] {
				return a[0], a[1], true
			}
		case *net.TCPAddr:
			if a[1] != strconv.Itoa(at.Port) || strings.HasPrefix(a[0], "/") {
				continue
			}
			found, err := t.config.LookupFunc(ctx, a[0])
			for _, ip := range found {
				if err == nil && net.ParseIP(ip).Equal(at.IP) {
					return a[0], a[1], true
				}
			}
		}
	}
	return all[0][0], all[0][1], false
}

// ServerDatabase is one of a server's databases.
type ServerDatabase struct {
	Name        string
	Template    bool
	Connections bool // it takes any
	Allowed     bool // the role may connect to it
}

// maxDatabases is one more than are looked at of a server.
const maxDatabases = 10_001

// AllDatabases lists the databases of a server, the oldest first.
func AllDatabases(ctx context.Context, conn *pgx.Conn) ([]ServerDatabase, error) {
	rows, err := conn.Query(ctx, `SELECT datname::text, datistemplate, datallowconn AND datconnlimit <> -2, pg_catalog.has_database_privilege(oid, 'CONNECT')
		FROM pg_catalog.pg_database ORDER BY oid LIMIT $1`, maxDatabases)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ServerDatabase])
	return all[:min(len(all), maxDatabases)], err // whatever the server makes of the limit
}
