package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// propertiesQuery reads what belongs to a database as a whole, without its name.
const propertiesQuery = `SELECT jsonb_build_object('owner', pg_get_userbyid(d.datdba), 'limit', d.datconnlimit, 'template', d.datistemplate, 'acl', d.datacl::text,
	'comment', shobj_description(d.oid, 'pg_database'), 'settings', (SELECT jsonb_agg(jsonb_build_array(s.setrole::regrole, (SELECT array_agg(c ORDER BY c) FROM unnest(s.setconfig) c)) ORDER BY s.setrole)
		FROM pg_db_role_setting s WHERE s.setdatabase = d.oid))::text FROM pg_database d WHERE datname = current_database()`

// What belongs to a database as a whole comes back with one that is created, under another name; of one that is there it
// is listed. A CHECK that depends on the database's settings finds them, and a default of read-only is not in the way.
func TestDatabaseProperties(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		s := testenv.Postgres(t, major)
		owner, _ := s.NewRole(t, "")
		other, _ := s.NewRole(t, "")
		db := sourceDatabase(t, s, "ENCODING 'UTF8'", "SELECT 1")
		s.Exec(t, "postgres", fmt.Sprintf(`ALTER DATABASE %[1]s OWNER TO %[2]s; ALTER DATABASE %[1]s CONNECTION LIMIT 7;
			ALTER DATABASE %[1]s SET search_path TO app, "Odd, ""Name", public; ALTER DATABASE %[1]s SET "app.region" TO 'ALTER DATABASE %[1]s; it''s \ here';
			ALTER DATABASE %[1]s SET TimeZone TO 'Asia/Tokyo'; ALTER DATABASE %[1]s SET default_transaction_read_only TO on;
			ALTER ROLE %[3]s IN DATABASE %[1]s SET statement_timeout TO '5s'; COMMENT ON DATABASE %[1]s IS 'Lagerbestände, it''s \ %[1]s';
			REVOKE CONNECT ON DATABASE %[1]s FROM PUBLIC; GRANT CONNECT ON DATABASE %[1]s TO %[3]s WITH GRANT OPTION;
			REVOKE TEMPORARY ON DATABASE %[1]s FROM %[2]s`, db.Database(), owner, other))
		testenv.LoadSQL(t, s.URL(db.Database()), `SET default_transaction_read_only = off; CREATE SCHEMA app; CREATE TABLE app.t (at timestamptz CHECK (extract(hour FROM at) = 9));
			INSERT INTO app.t VALUES ('2026-01-01 09:00')`)
		// As pg_dump writes it, the rights may stand in another order.
		sorted := func(db postgres.Target) string {
			return query(t, db, strings.Replace(propertiesQuery, "d.datacl::text", "(SELECT array_agg(a::text ORDER BY a::text) FROM unnest(d.datacl) a)", 1))
		}
		for _, w := range ways[1:] {
			t.Run(fmt.Sprintf("%d/%s", major, w.name), func(t *testing.T) {
				data := dumpOf(t, db, w.options.Format)
				o := w.options
				o.Target, o.Create = newName(t, s), true
				report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
				if err != nil || len(report.Statements) > 0 {
					t.Fatalf("%v %q", err, report.Statements)
				}
				if got, want := sorted(o.Target), sorted(db); got != want {
					t.Errorf("%s\nwant %s", got, want)
				}

				o = w.options
				o.Target = sourceDatabase(t, s, "ENCODING 'UTF8'", "SET timezone = 'Asia/Tokyo'")
				s.Exec(t, "postgres", "ALTER DATABASE "+o.Target.Database()+" SET TimeZone TO 'Asia/Tokyo'")
				report, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
				if err != nil || len(report.Statements) < 8 {
					t.Fatalf("%v %q", err, report.Statements)
				}
				for _, sql := range report.Statements {
					s.Exec(t, "postgres", sql)
				}
				if got, want := sorted(o.Target), sorted(db); got != want {
					t.Errorf("by the statements: %s\nwant %s", got, want)
				}
			})
		}
	}
}

// The database's own owner is needed only where the database is created, and then looked for before.
func TestOwnerOfDatabaseIsMissing(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			db := sourceDatabase(t, s, "", "CREATE TABLE t (i int)")
			s.Exec(t, "postgres", "CREATE ROLE passing; ALTER DATABASE "+db.Database()+" OWNER TO passing; REVOKE CONNECT ON DATABASE "+db.Database()+" FROM passing; ALTER ROLE passing IN DATABASE "+db.Database()+" SET work_mem TO '8MB'")
			dumps := map[pgdump.Format][]byte{"": dumpOf(t, db, pgdump.Custom), pgdump.Plain: dumpOf(t, db, pgdump.Plain)}
			s.Exec(t, db.Database(), "REASSIGN OWNED BY passing TO postgres; DROP OWNED BY passing; DROP ROLE passing")
			for _, w := range ways {
				t.Run(w.name, func(t *testing.T) {
					data := dumps[w.options.Format]
					o := w.options
					o.Target = sourceDatabase(t, s, "", "SELECT 1")
					if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); err != nil {
						t.Errorf("into a database that is there: %v", err)
					}
					o.Target, o.Create = newName(t, s), true
					_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
					if !fault.HasReason(err, fault.TargetLacks) || !strings.Contains(err.Error(), `"passing"`) || exists(t, s, o.Target) {
						t.Errorf("%v, made %t", err, exists(t, s, o.Target))
					}
					if w.options.Format == pgdump.Plain {
						return
					}
					o.NoOwner, o.NoPrivileges = true, true
					report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
					if err != nil || !strings.Contains(strings.Join(report.Statements, "\n"), "work_mem") {
						t.Errorf("without owners: %v %q", err, report.Statements)
					}
				})
			}
		})
	}
}

// What the target lacks is found before the database is made: the next try does not meet one.
func TestNothingIsCreatedInVain(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			db := sourceDatabase(t, s, "", "CREATE EXTENSION pg_trgm; CREATE TABLE t (i int); CREATE ROLE leaving; ALTER TABLE t OWNER TO leaving")
			data := dumpOf(t, db, pgdump.Custom)
			s.Exec(t, db.Database(), "REASSIGN OWNED BY leaving TO postgres; DROP ROLE leaving")
			o := pgdump.RestoreOptions{Target: newName(t, s), Create: true}
			for range 2 {
				if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data)); !fault.HasReason(err, fault.TargetLacks) || !strings.Contains(err.Error(), "leaving") {
					t.Errorf("%v", err)
				}
			}
			missing := bytes.ReplaceAll(data, []byte("pg_trgm"), []byte("pg_tram"))
			if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(missing)); !fault.HasReason(err, fault.TargetLacks) || !strings.Contains(err.Error(), "pg_tram") {
				t.Errorf("%v", err)
			}
			if exists(t, s, o.Target) {
				t.Error("a database was made")
			}
		})
	}
}

// What only the created database can answer, whether this role may do it there, leaves none behind when it may not.
func TestForbiddenLeavesNoDatabase(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			db := sourceDatabase(t, s, "", `CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION f()`)
			role, password := s.NewRole(t, "CREATEDB")
			name := newName(t, s)
			o := pgdump.RestoreOptions{Target: target(t, s.URLAs(role, password, name.Database())), Create: true, NoOwner: true}
			_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(dumpOf(t, db, pgdump.Custom)))
			if !fault.HasReason(err, fault.MissingPrivilege) || !strings.Contains(err.Error(), "watch") || exists(t, s, name) {
				t.Errorf("%v, made %t", err, exists(t, s, name))
			}
		})
	}
}

// A server without a database postgres, or where nobody may connect to it, is reached by template1.
func TestNoDatabasePostgres(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: 17})
	data := source(t, 17, pgdump.Custom)
	role, password := s.NewRole(t, "CREATEDB")
	restore := func(name string) error {
		o := pgdump.RestoreOptions{Target: target(t, s.URLAs(role, password, name)), Create: true, NoOwner: true, Part: part.Selection{SchemaOnly: true}}
		_, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
		return err
	}
	s.Exec(t, "template1", "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
	if err := restore("closed"); err != nil {
		t.Errorf("CONNECT revoked: %v", err)
	}
	s.Exec(t, "template1", "ALTER DATABASE postgres ALLOW_CONNECTIONS false")
	if err := restore("no_connections"); err != nil {
		t.Errorf("connections not allowed: %v", err)
	}
	s.Exec(t, "template1", "ALTER DATABASE postgres ALLOW_CONNECTIONS true")
	s.Exec(t, "template1", "DROP DATABASE postgres")
	if err := restore("dropped"); err != nil {
		t.Errorf("dropped: %v", err)
	}
	s.Exec(t, "template1", "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC")
	if err := restore("nowhere"); err == nil || !strings.Contains(err.Error(), `cannot create database "nowhere"`) || !strings.Contains(err.Error(), "template1") {
		t.Errorf("neither: %v", err)
	}
}

// A target that is read-only by default is restored into all the same; a standby is named.
func TestReadOnlyTarget(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.Postgres(t, major)
			role, password := s.NewRole(t, "SUPERUSER")
			s.Exec(t, "postgres", "ALTER ROLE "+role+" SET default_transaction_read_only TO on")
			for _, w := range ways {
				for _, create := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, create %t", w.name, create), func(t *testing.T) {
						o := w.options
						if o.Create = create; create {
							o.Target = newName(t, s)
						} else {
							o.Target = sourceDatabase(t, s, "", "SELECT 1")
						}
						o.Target = target(t, s.URLAs(role, password, o.Target.Database()))
						if _, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(source(t, major, o.Format))); err != nil {
							t.Fatal(err)
						}
						if got := query(t, o.Target, "SELECT count(*)::text FROM orders"); got != "20000" {
							t.Errorf("%s rows", got)
						}
					})
				}
			}
		})
	}
}

func TestStandbyIsNamed(t *testing.T) {
	for _, major := range []int{15, 17, 18} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			s := testenv.PostgresWith(t, testenv.Options{Major: major, Settings: []string{"wal_level = replica"}})
			s.Exec(t, "postgres", "CREATE DATABASE copy")
			s.Exec(t, "postgres", "CHECKPOINT")
			if err := s.Standby(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, o := range []pgdump.RestoreOptions{{Target: target(t, s.URL("copy"))}, {Target: target(t, s.URL("new")), Create: true}} {
				report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(source(t, major, "")))
				if err == nil || !report.Unchanged && report.Bytes > 0 || !strings.Contains(err.Error(), "is a standby") {
					t.Errorf("%v %+v", err, report)
				}
			}
		})
	}
}

// What an ordinary role may not give a database is listed with the reason, and the rest is done. Roles are mapped in what
// belongs to the database too.
func TestDatabaseOfOrdinaryRole(t *testing.T) {
	s := testenv.Postgres(t, 17)
	old, _ := s.NewRole(t, "")
	role, password := s.NewRole(t, "CREATEDB")
	db := sourceDatabase(t, s, "", "CREATE TABLE t (i int)")
	s.Exec(t, "postgres", fmt.Sprintf(`ALTER DATABASE %[1]s OWNER TO %[2]s; ALTER DATABASE %[1]s CONNECTION LIMIT 3; ALTER DATABASE %[1]s SET log_statement TO 'all';
		ALTER ROLE %[2]s IN DATABASE %[1]s SET work_mem TO '8MB'; GRANT CREATE ON DATABASE %[1]s TO %[2]s WITH GRANT OPTION`, db.Database(), old))
	data := dumpOf(t, db, pgdump.Custom)
	name := newName(t, s)
	o := pgdump.RestoreOptions{Target: target(t, s.URLAs(role, password, name.Database())), Create: true, NoOwner: true, NoPrivileges: true}
	report, err := client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	left := strings.Join(report.Statements, "\n")
	if err != nil || !strings.Contains(left, `SET log_statement TO 'all'; -- permission denied`) || !strings.Contains(left, "work_mem") || strings.Contains(left, "LIMIT") {
		t.Errorf("%v %s", err, left)
	}
	if got := query(t, name, propertiesQuery); !strings.Contains(got, `"limit": 3`) || !strings.Contains(got, `"owner": "`+role+`"`) {
		t.Error(got)
	}

	mapped := newName(t, s)
	o = pgdump.RestoreOptions{Target: mapped, Create: true, Adaptation: pgdump.Adaptation{RoleMap: map[string]string{old: role}}}
	report, err = client(t, 18).Restore(context.Background(), o, bytes.NewReader(data))
	if got := query(t, mapped, propertiesQuery); err != nil || len(report.Statements) > 0 || !strings.Contains(got, `"owner": "`+role+`"`) || !strings.Contains(got, `["`+role+`", ["work_mem=8MB"]]`) || strings.Contains(got, old) {
		t.Errorf("%v %q %s", err, report.Statements, got)
	}
}
