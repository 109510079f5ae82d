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

// WantedExtension is one that a backup's database had.
type WantedExtension struct {
	Name        string
	Schema      string // that it lies in
	SchemaOwner string // "" where the backup does not make that schema
	Owner       string // who may say something about it and change it; "" is the superuser
}

// Prepare makes a server ready, as its superuser, for somebody without rights to restore a backup into the target's database:
// the roles that the backup names, which cannot log in, and its extensions. role, which must exist, may give objects to those
// roles. The server is to be one that nobody else uses.
//
// A new owner of an object must be allowed to create in its schema, which the backup's own grants allow at the end only, if at
// all: until Settle everybody may.
//
// It returns the schemas that were made for extensions. Extensions that the server does not have, or cannot make, are left out.
func Prepare(ctx context.Context, t Target, role string, roles []string, extensions []WantedExtension) (schemas []string, err error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return schemas, err
	}
	defer Close(conn)
	run := func(sql string) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return t.Explain(ctx, err)
	}
	var known, available []string
	err = conn.QueryRow(ctx, `SELECT ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles), ARRAY(SELECT name::text FROM pg_catalog.pg_available_extensions)`).Scan(&known, &available)
	if err != nil {
		return schemas, t.Explain(ctx, err)
	}
	for _, name := range roles {
		if name == "" || strings.ContainsRune(name, 0) {
			continue
		}
		if !slices.Contains(known, name) {
			if strings.HasPrefix(name, "pg_") {
				continue // reserved; what is for it is left out
			}
			if err := run("CREATE ROLE " + QuoteIdent(name) + " NOLOGIN"); err != nil {
				return schemas, err
			}
		}
		if !strings.HasPrefix(name, "pg_") && name != t.User() && name != role {
			if err := run("GRANT " + QuoteIdent(name) + " TO " + QuoteIdent(role)); err != nil {
				return schemas, err
			}
		}
	}
	if err := run(openSchemas); err != nil {
		return schemas, err
	}
	for _, x := range extensions {
		if !slices.Contains(available, x.Name) {
			continue
		}
		if x.SchemaOwner != "" && x.Schema != "public" && !slices.Contains(schemas, x.Schema) {
			if err := run("CREATE SCHEMA " + QuoteIdent(x.Schema) + " AUTHORIZATION " + QuoteIdent(x.SchemaOwner)); err != nil {
				return schemas, err
			}
			schemas = append(schemas, x.Schema)
		}
		in := ""
		if x.Schema != "" && x.Schema != "pg_catalog" {
			in = " SCHEMA " + QuoteIdent(x.Schema)
		}
		err := run("CREATE EXTENSION IF NOT EXISTS " + QuoteIdent(x.Name) + in + " CASCADE")
		if err != nil && !errors.As(err, new(*pgconn.PgError)) { // refused: it needs a library that is loaded at the start, for example
			return schemas, err
		}
		if err == nil && x.Owner != "" { // there is no ALTER EXTENSION ... OWNER TO
			if err := run("UPDATE pg_catalog.pg_extension SET extowner = " + quoteLiteral(QuoteIdent(x.Owner)) + "::pg_catalog.regrole WHERE extname = " + quoteLiteral(x.Name)); err != nil {
				return schemas, err
			}
		}
	}
	return schemas, nil
}

// openSchemas lets everybody create in public, and in every schema from its beginning. The function runs with the superuser's rights in sessions
// of whoever restores: without pg_temp at its end, the search path would begin there, with types of theirs.
const openSchemas = `GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;
CREATE SCHEMA cofre_proof;
CREATE FUNCTION cofre_proof.open() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	DECLARE made record;
	BEGIN
		FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands() WHERE object_type = 'schema' LOOP
			EXECUTE 'GRANT CREATE, USAGE ON SCHEMA ' || made.object_identity || ' TO PUBLIC';
		END LOOP;
	END $$;
CREATE EVENT TRIGGER cofre_proof_open ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION cofre_proof.open()`

// Settle takes back what Prepare did for the time of the restore, but for the grants on schemas.
func Settle(ctx context.Context, t Target) error {
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer Close(conn)
	_, err = conn.Exec(ctx, "DROP EVENT TRIGGER IF EXISTS cofre_proof_open; DROP SCHEMA IF EXISTS cofre_proof CASCADE", pgx.QueryExecModeSimpleProtocol)
	return t.Explain(ctx, err)
}

// CreateOwner makes a role that can log in and do nothing else, and gives it a database.
func CreateOwner(ctx context.Context, t Target, role, password, database string) error {
	conn, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer Close(conn)
	// Owners of publications must be allowed to create in the database.
	_, err = conn.Exec(ctx, fmt.Sprintf("CREATE ROLE %[1]s LOGIN PASSWORD %[2]s; ALTER DATABASE %[3]s OWNER TO %[1]s; GRANT ALL ON DATABASE %[3]s TO PUBLIC", QuoteIdent(role), QuoteLiteral(password), QuoteIdent(database)),
		pgx.QueryExecModeSimpleProtocol)
	return t.Explain(ctx, err)
}

// maxValue bounds what FirstValue returns, in bytes.
const maxValue = 4 << 10

// FirstValue gives the first value of the first row of a query, as text of at most 4 KiB. found is false where there is no row, or the value is null.
// The query is executed in a transaction that can change nothing, and finds names of
// public without a schema. What the server does not accept is a fault with its own words.
func FirstValue(ctx context.Context, t Target, query string) (value string, found bool, err error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return "", false, err
	}
	defer Close(conn)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return "", false, t.Explain(ctx, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, `SET LOCAL search_path = "$user", public`); err != nil {
		return "", false, t.Explain(ctx, err)
	}
	// The extended protocol takes one statement, so that nothing can end the transaction first.
	result := tx.Conn().PgConn().ExecParams(ctx, query, nil, nil, nil, nil)
	for result.NextRow() {
		if values := result.Values(); !found && len(values) > 0 && values[0] != nil {
			value, found = string(values[0][:min(len(values[0]), maxValue)]), true
		}
	}
	_, err = result.Close()
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return "", false, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Correct the query.", "%s (SQLSTATE %s)", fault.Shorten(said.Message, maxValue), said.Code)
	}
	return value, found, t.Explain(ctx, err)
}
