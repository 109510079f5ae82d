package postgres_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/postgres"
)

func schemaVersion(t *testing.T, db postgres.Target) string {
	t.Helper()
	ctx := context.Background()
	conn, err := db.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	v, err := postgres.SchemaVersion(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaVersionOfMigrationTools(t *testing.T) {
	const hash = "sha256"
	s := testenv.Postgres(t, 18)
	for _, c := range []struct{ name, sql, want string }{
		{"prisma", `CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64), finished_at timestamptz, migration_name varchar(255), logs text, rolled_back_at timestamptz, started_at timestamptz, applied_steps_count int);
			INSERT INTO _prisma_migrations (id, migration_name, finished_at, rolled_back_at) VALUES ('1', '20240101_init', '2024-01-01', NULL), ('2', '20250109_orders', '2025-01-09', NULL), ('3', '20250201_bad', '2025-02-01', '2025-02-02'), ('4', '20250301_running', NULL, NULL)`, "prisma:20250109_orders"},
		{"golang-migrate", "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (42, false)", "golang-migrate:42"},
		{"golang-migrate dirty", "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (42, true)", "golang-migrate:42 (dirty)"},
		{"goose", `CREATE TABLE goose_db_version (id serial, version_id bigint, is_applied boolean, tstamp timestamp); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (3, true), (3, false)`, "goose:2"},
		{"flyway", `CREATE TABLE flyway_schema_history (installed_rank int, version varchar(50), description text, success boolean); INSERT INTO flyway_schema_history VALUES (1, '1', 'a', true), (2, '1.10', 'b', true), (3, NULL, 'repeatable', true), (4, '2', 'c', false)`, "flyway:1.10"},
		{"liquibase", `CREATE TABLE databasechangelog (id varchar(255), author varchar(255), filename varchar(255), dateexecuted timestamp, orderexecuted int); INSERT INTO databasechangelog VALUES ('one', 'me', 'f', now(), 1), ('two', 'me', 'f', now(), 2)`, "liquibase:two"},
		{"alembic", `CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('b2'), ('a1')`, "alembic:a1,b2"},
		{"django", `CREATE TABLE django_migrations (id serial, app varchar(255), name varchar(255), applied timestamptz); INSERT INTO django_migrations (app, name, applied) VALUES ('auth', '0001_initial', now()), ('shop', '0007_x', now())`, "django:shop.0007_x"},
		{"rails", `CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('20240101000000'), ('20250101000000')`, "rails:20250101000000"},
		{"knex", `CREATE TABLE knex_migrations (id serial, name varchar(255), batch int, migration_time timestamptz); INSERT INTO knex_migrations (name, batch) VALUES ('2024_a.js', 1), ('2025_b.js', 2)`, "knex:2025_b.js"},
		{"empty table of a tool", "CREATE TABLE alembic_version (version_num varchar(32))", hash},
		{"another table of the same name", "CREATE TABLE schema_migrations (when_run date)", hash},
		{"first on the search path", `CREATE SCHEMA app; CREATE TABLE app.alembic_version (version_num text); INSERT INTO app.alembic_version VALUES ('app'); CREATE TABLE knex_migrations (id serial, name text, batch int);
			INSERT INTO knex_migrations (name) VALUES ('public'); DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public', current_database()); END $$`, "alembic:app"},
		{"not on the search path", `CREATE SCHEMA app; CREATE TABLE app.alembic_version (version_num text); INSERT INTO app.alembic_version VALUES ('app')`, hash},
		{"nothing", "", hash},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := target(t, s.NewDatabase(t))
			testenv.LoadSQL(t, s.URL(db.Database()), c.sql)
			got := schemaVersion(t, db)
			if c.want == hash && !regexp.MustCompile(`^sha256:[0-9a-f]{12}$`).MatchString(got) || c.want != hash && got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The hash is of the definitions: the same in another database whatever its object ids, another after any change.
func TestSchemaVersionOfTheCatalog(t *testing.T) {
	const sql = `CREATE TABLE t (id serial PRIMARY KEY, v text DEFAULT 'x'); CREATE VIEW w AS SELECT v FROM t; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';`
	for _, major := range testenv.InitialMajors() {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			one, two := target(t, s.NewDatabase(t)), target(t, s.NewDatabase(t))
			testenv.LoadSQL(t, s.URL(one.Database()), sql)
			testenv.LoadSQL(t, s.URL(two.Database()), "CREATE TABLE gone (); DROP TABLE gone; SELECT lo_create(0);"+sql+"INSERT INTO t (v) VALUES ('data does not matter')")
			v := schemaVersion(t, one)
			if other := schemaVersion(t, two); other != v {
				t.Errorf("%s and %s", v, other)
			}
			seen := map[string]string{v: "the beginning"}
			for _, change := range []string{"ALTER TABLE t ADD COLUMN c int", "ALTER TABLE t ALTER COLUMN c SET DEFAULT 3", "ALTER TABLE t ALTER COLUMN c SET NOT NULL", "CREATE INDEX ON t (c)",
				"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'", "CREATE OR REPLACE VIEW w AS SELECT v || 'x' AS v FROM t", "CREATE TYPE e AS ENUM ('a')",
				"ALTER TYPE e ADD VALUE 'b'", "CREATE SCHEMA s", "ALTER TABLE t RENAME COLUMN c TO d", "CREATE EXTENSION hstore", "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON t USING (true)"} {
				s.Exec(t, one.Database(), change)
				now := schemaVersion(t, one)
				if before, taken := seen[now]; taken {
					t.Errorf("after %q it is as after %q", change, before)
				}
				seen[now] = change
			}
		})
	}
}
