package postgres_test

import (
	"context"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/postgres"
)

func TestFragile(t *testing.T) {
	s := testenv.Postgres(t, 15)
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, `CREATE SCHEMA app; SET search_path = app; CREATE TABLE factor (n int); INSERT INTO factor VALUES (2); CREATE TABLE plain (id int, factor int);
		CREATE FUNCTION base(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
		CREATE FUNCTION times(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * (SELECT max(n) FROM factor); END';
		CREATE FUNCTION calls(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN base($1); END';
		CREATE FUNCTION careful(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = app AS 'BEGIN RETURN base($1); END';
		CREATE FUNCTION qualified(factor int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN -- from factor
			RETURN app.base(factor) + length('' from factor ''); END';
		CREATE FUNCTION known(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN EXISTS (SELECT FROM app.factor WHERE n = $1); END';
		CREATE INDEX i_times ON plain (times(id)); CREATE INDEX i_careful ON plain (careful(id)); CREATE INDEX i_qualified ON plain (qualified(id));
		CREATE TABLE gen (id int, twice int GENERATED ALWAYS AS (calls(id)) STORED, fine int DEFAULT times(1)); CREATE TABLE checked (id int CHECK (known(id)));
		CREATE MATERIALIZED VIEW summed AS SELECT sum(times(id)) FROM plain`)
	conn, err := target(t, url).Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer postgres.Close(conn)
	got, err := postgres.Fragile(context.Background(), conn)
	if err != nil || len(got) != 4 {
		t.Fatalf("%v %q", err, got)
	}
	for i, want := range []string{"table app.gen uses function app.calls(integer), which names base", "constraint checked_id_check on table app.checked uses function app.known(integer), which reads table factor",
		"index app.i_times uses function app.times(integer), which names factor", "materialized view app.summed uses"} {
		if !strings.HasPrefix(got[i], want) {
			t.Errorf("%q, want %q", got[i], want)
		}
	}
}
