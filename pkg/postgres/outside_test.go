package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/postgres"
)

func TestNeeds(t *testing.T) {
	for _, major := range []int{15, 18} {
		s := testenv.Postgres(t, major)
		url := s.NewDatabase(t)
		testenv.LoadSQL(t, url, `CREATE SCHEMA app; CREATE SCHEMA "Common.1"; CREATE SCHEMA far; CREATE EXTENSION hstore;
			CREATE TYPE "Common.1".mood AS ENUM ('a'); CREATE DOMAIN far.deep AS int; CREATE TABLE "Common.1".country (id far.deep PRIMARY KEY, own serial); CREATE TABLE "Common.1".unneeded (id int);
			CREATE FUNCTION "Common.1".f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TABLE far.alone (id int);
			CREATE TABLE app.t (id int DEFAULT "Common.1".f(), m "Common.1".mood, h hstore, country int REFERENCES "Common.1".country, ms "Common.1".mood[]); CREATE TABLE app.own (id serial PRIMARY KEY, t int REFERENCES app.own)`)
		conn, err := target(t, url).Connect(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer postgres.Close(conn)
		sel := postgres.Selection{Schemas: []string{"app"}}
		list, err := postgres.Needs(context.Background(), conn, sel)
		if err != nil {
			t.Fatal(err)
		}
		got := postgres.DescribeNeeds(list)
		for _, want := range []string{`function "Common.1".f() (for table app.t)`, `table "Common.1".country (for table app.t)`, `type "Common.1".mood (for table app.t)`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s, without %s", got, want)
			}
		}
		if strings.Contains(got, "hstore") || strings.Contains(got, "app.own (") {
			t.Error(got)
		}
		wide, err := postgres.WithNeeds(context.Background(), conn, sel)
		if err != nil {
			t.Fatal(err)
		}
		if list, err = postgres.Needs(context.Background(), conn, wide); err != nil || len(list) > 0 {
			t.Errorf("%v, %q", err, list)
		}
		slices.Sort(wide.Schemas)
		if !slices.Equal(wide.Schemas, []string{`"Common.1"`, `"far"`, "app"}) || !slices.Equal(wide.ExcludeTables, []string{`"Common.1"."unneeded"`, `"far"."alone"`}) && !slices.Equal(wide.ExcludeTables, []string{`"far"."alone"`, `"Common.1"."unneeded"`}) {
			t.Errorf("%+v", wide)
		}
		if list, err = postgres.Needs(context.Background(), conn, postgres.Selection{Tables: []string{"app.own"}}); err != nil || len(list) > 0 {
			t.Errorf("%v, %q", err, list)
		}
		if list, err = postgres.Needs(context.Background(), conn, postgres.Selection{}); err != nil || len(list) > 0 {
			t.Errorf("%v, %q", err, list)
		}
	}
}
