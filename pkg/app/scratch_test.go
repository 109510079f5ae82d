package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func open(t *testing.T, url string, env ...string) *app.App {
	t.Helper()
	c, err := app.Load(append([]string{
		"BACKUP_DIRECTORY=" + filepath.Join(t.TempDir(), "backups"), "DATABASE_URL=" + url, "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor),
		"BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor),
	}, env...))
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// meddling is an engine whose proofs find what then did to a restored database before it is looked at.
type meddling struct {
	backup.Engine
	then func(backup.Scratch) error
}

func (m meddling) Scratch(ctx context.Context, o backup.ScratchOptions) (backup.Scratch, error) {
	s, err := m.Engine.Scratch(ctx, o)
	if err != nil {
		return nil, err
	}
	return meddled{s, m.then}, nil
}

type meddled struct {
	backup.Scratch
	then func(backup.Scratch) error
}

func (s meddled) Restore(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, []string, error) {
	rep, notes, err := s.Scratch.Restore(ctx, o, in)
	if err == nil || fault.HasReason(err, fault.RestoredInPart) {
		err = errors.Join(err, s.then(s.Scratch))
	}
	return rep, notes, err
}

// running executes SQL as the server's superuser.
func running(t *testing.T, sql string) func(backup.Scratch) error {
	return func(s backup.Scratch) error {
		if sql != "" {
			testenv.LoadSQL(t, app.SuperURL(s), sql)
		}
		return nil
	}
}

const shop = `
	CREATE ROLE shop_owner; CREATE ROLE shop_reader;
	CREATE EXTENSION hstore;
	CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text, extra hstore);
	INSERT INTO orders (note, extra) SELECT 'note ' || i, hstore('i', i::text) FROM generate_series(1, 500) i;
	CREATE TABLE items (order_id int REFERENCES orders, what text);
	INSERT INTO items SELECT i, 'item' FROM generate_series(1, 300) i;
	CREATE VIEW many AS SELECT count(*) FROM orders;
	CREATE SEQUENCE numbers; SELECT nextval('numbers');
	SELECT lo_from_bytea(4711, 'a large object');
	ALTER TABLE orders OWNER TO shop_owner; GRANT SELECT ON items TO shop_reader; REVOKE ALL ON items FROM CURRENT_USER`

// Whatever is not as it was in what came out of a backup, a proof finds it and names it, and says so in the record.
func TestProofFinds(t *testing.T) {
	url := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	testenv.LoadSQL(t, url, shop) // its roles go with the server, when all tests of this package have ended
	a := open(t, url)
	b, err := a.Service.Create(t.Context(), backup.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	real := a.Service.Engine
	checks := []backup.ProofCheck{{Name: "orders", Query: "SELECT count(*) FROM orders", Expect: "500"}, {Name: "items", Query: "SELECT count(*) = 300 FROM items", Expect: "true"}}
	for _, c := range []struct{ name, sql, want string }{
		{"as it was", "", ""},
		{"a wrong row", "UPDATE orders SET note = 'other' WHERE id = 77", "table public.orders has as many rows as in the backup (500), but other ones"},
		{"a missing row", "DELETE FROM items WHERE order_id = 3", "table public.items has 299 rows, and 300 rows in the backup"},
		{"a doubled row", "INSERT INTO items VALUES (9, 'item'); DELETE FROM items WHERE order_id = 10", "table public.items has as many rows"},
		{"a table more", "CREATE TABLE more ()", "table public.more is not in the backup"},
		{"a changed definition", "CREATE OR REPLACE VIEW many AS SELECT count(*) FROM items", "the definition of VIEW public.many differs from the backup's"},
		{"an index less", "ALTER TABLE items DROP CONSTRAINT items_order_id_fkey", "the definition of FK CONSTRAINT public.items items_order_id_fkey is not there"},
		{"another owner", "ALTER TABLE orders OWNER TO cofre_restore", "the definition of TABLE public.orders differs"},
		{"a grant less", "REVOKE SELECT ON items FROM shop_reader", "the definition of ACL ON TABLE items"},
		{"a changed sequence", "SELECT nextval('numbers')", "sequence public.numbers stands at 2, and at 1 in the backup"},
		{"a changed large object", "SELECT lo_put(4711, 0, 'A')", "large objects"},
		{"a lost large object", "SELECT lo_unlink(4711)", "0 large objects of 0 bytes, and 1 of 14 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.Service.Engine = meddling{real, running(t, c.sql)}
			done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{Checks: checks})
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, p := range done.Proof.Problems {
				said = append(said, p.Detail)
			}
			if c.want == "" {
				if err := done.Err(); err != nil || done.Proof.Level != registry.LevelProven || done.Proof.Proof.Checks != 2 || done.Proof.Proof.Rows != 800 {
					t.Errorf("%v, %q, %+v", err, said, done.Proof.Proof)
				}
				return
			}
			if !strings.Contains(strings.Join(said, "\n"), c.want) || !fault.HasReason(done.Err(), fault.ProofFailed) {
				t.Errorf("found %q, %v", said, done.Err())
			}
			if got, err := a.Service.Info(t.Context(), b.ID); err != nil || got.Verified() || !got.Damaged() {
				t.Errorf("on record %+v, %v", got.Verification, err)
			}
		})
	}
	// What is right again takes the failed proof back.
	a.Service.Engine = real
	if done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{}); err != nil || done.Err() != nil || !done.Backup.Verified() {
		t.Errorf("%v, %v", err, done.Err())
	}
	done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{Checks: []backup.ProofCheck{
		{Name: "too few", Query: "SELECT count(*) FROM orders", Expect: "501"}, {Name: "none", Query: "SELECT 1 WHERE false", Expect: "1"}, {Name: "bad", Query: "SELECT no_such_column", Expect: "1"},
		{Name: "changes", Query: "DELETE FROM items RETURNING 1", Expect: "1"}, {Name: "two", Query: "COMMIT; DROP TABLE items", Expect: "1"},
	}})
	outcomes := ""
	for _, c := range done.Proof.Proof.Asked {
		outcomes += c.Name + " " + c.Outcome + "\n"
	}
	if want := "too few failed\nnone failed\nbad unanswered\nchanges unanswered\ntwo unanswered\n"; outcomes != want || done.Proof.Proof.AskedCount != 5 || *done.Proof.Proof.Asked[0].Value != "500" {
		t.Errorf("on record are %+v", done.Proof.Proof.Asked)
	}
	if err != nil || len(done.Proof.Problems) != 2 || done.Proof.Proof.LeftOut != 3 || done.Proof.Proof.Checks != 0 { // a query that cannot be asked says nothing about the backup
		t.Errorf("%v: %+v", err, done.Proof)
	}
}

// What an archive does in the server that it is restored into reaches neither this machine's other servers, nor its files as whoever runs cofre,
// and does not end the superuser's rights.
func TestHostileArchiveIsContained(t *testing.T) {
	other := testenv.Postgres(t, testenv.NewestMajor)
	url := other.NewDatabase(t)
	mark := filepath.Join(os.TempDir(), "cofre-proof-mark-"+filepath.Base(t.TempDir()))
	testenv.LoadSQL(t, url, `
		CREATE EXTENSION dblink;
		CREATE FUNCTION harm() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN
			BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch `+mark+`'''; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
			BEGIN EXECUTE 'ALTER ROLE cofre_restore SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
			BEGIN PERFORM dblink_exec('`+other.URL("postgres")+` connect_timeout=2', 'CREATE ROLE harmed'); EXCEPTION WHEN OTHERS THEN NULL; END;
			RETURN 1;
		END $f$;
		CREATE TABLE victims (id int, h int CHECK (h = 1 OR true));
		INSERT INTO victims VALUES (1, 1);
		CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM public.harm(); RETURN NEW; END $f$;
		CREATE FUNCTION in_index(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN RETURN x; END $f$;
		CREATE INDEX evil ON victims (in_index(id));
		CREATE OR REPLACE FUNCTION in_index(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN PERFORM public.harm(); RETURN x; END $f$;`)
	a := open(t, url)
	b, err := a.Service.Create(t.Context(), backup.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	real := a.Service.Engine
	a.Service.Engine = meddling{real, running(t, `DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cofre_restore' AND rolsuper) THEN RAISE 'it is superuser'; END IF; END $$`)}
	done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{})
	if err != nil || done.Err() != nil || !done.Proof.Proof.Isolated {
		t.Errorf("%v, %v, %+v", err, done.Err(), done.Proof.Proof)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program was run")
	}
	testenv.LoadSQL(t, url, `DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'harmed') THEN RAISE 'another server was reached'; END IF; END $$`)
}

// Checks of rows run while a backup is restored, and may make what they like for their own session: it takes the place of nothing that a
// function with the superuser's rights names.
func TestHostileArchiveGetsNoRights(t *testing.T) {
	url := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	mark := filepath.Join(os.TempDir(), "cofre-proof-rights-"+filepath.Base(t.TempDir()))
	t.Cleanup(func() { os.Remove(mark) })
	testenv.LoadSQL(t, url, `
		CREATE FUNCTION harm(t text) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN
			EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch `+mark+`'''; RETURN true;
		EXCEPTION WHEN insufficient_privilege THEN RETURN true; END $f$;
		CREATE FUNCTION take(i int) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN
			IF session_user = 'cofre_restore' THEN
				CREATE DOMAIN pg_temp.harmful AS text CHECK (public.harm(VALUE));
				CREATE TYPE pg_temp.record AS (a pg_temp.harmful);
				CREATE SCHEMA other;
				DROP SCHEMA other;
			END IF;
			RETURN true;
		END $f$;
		CREATE TABLE victims (id int CHECK (take(id)));
		INSERT INTO victims VALUES (1);`)
	a := open(t, url)
	b, err := a.Service.Create(t.Context(), backup.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{})
	if err != nil || done.Err() != nil {
		t.Errorf("%v, %v", err, done.Err())
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a program was run")
	}
}

// A backup that makes rows without end as it is restored is ended when it has taken more than a proof may, in a server of its own and at a target, and
// nothing of it stays. That says nothing about the backup.
func TestProofThatGrows(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := server.NewDatabase(t)
	testenv.LoadSQL(t, url, `CREATE FUNCTION much() RETURNS bigint LANGUAGE sql AS $$ SELECT CASE WHEN current_database() LIKE 'cofre_proof%' THEN 100000000 ELSE 1 END $$;
		CREATE MATERIALIZED VIEW grows AS SELECT generate_series(1, public.much()) AS i, repeat('much', 50) AS text;
		CREATE TABLE small (id int); INSERT INTO small VALUES (1)`)
	tmp, err := os.MkdirTemp("", "cofre-grows-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	a := open(t, url, append(withTarget(t, as(t, server, "CREATEDB")), "BACKUP_PROOF_MAX_GB=0.02")...)
	b, err := a.Service.Create(t.Context(), backup.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []string{"", "staging"} {
		_, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{On: on})
		if f := fault.From(err); f.Reason != fault.StorageFull || !strings.Contains(f.Message, "could not be proven: it took more than 20.5 MB (BACKUP_PROOF_MAX_GB)") || f.Hint == "" {
			t.Errorf("on %q: %v", on, err)
		}
		if got, err := a.Service.Info(t.Context(), b.ID); err != nil || got.Damaged() || got.Verification.Level != registry.LevelStream {
			t.Errorf("on %q: on record %+v, %v", on, got.Verification, err)
		}
	}
	if last, err := a.Service.LastAttempt(t.Context(), b.ID); err != nil || last.State != registry.ProofFailed || last.Error.Reason != fault.StorageFull {
		t.Errorf("on record %+v, %v", last, err)
	}
	if left, err := filepath.Glob(filepath.Join(tmp, "cofre-owned-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	testenv.LoadSQL(t, url, `DO $$ BEGIN IF EXISTS (SELECT FROM pg_database WHERE datname LIKE 'cofre_proof%') THEN RAISE 'a database was left behind'; END IF; END $$`)
}

// A server may have roles that are called as a proof's own.
func TestProofWithItsOwnRolesInTheBackup(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := server.NewDatabase(t)
	testenv.LoadSQL(t, url, `CREATE ROLE cofre_restore; CREATE TABLE theirs (id int); INSERT INTO theirs VALUES (1); ALTER TABLE theirs OWNER TO cofre_restore;
		CREATE ROLE cofre_superuser; CREATE TABLE others (id int); INSERT INTO others VALUES (1); ALTER TABLE others OWNER TO cofre_superuser; GRANT SELECT ON theirs TO cofre_superuser`)
	t.Cleanup(func() {
		testenv.LoadSQL(t, url, `DROP TABLE theirs, others; DROP ROLE cofre_restore, cofre_superuser`)
	})
	a := open(t, url)
	b, err := a.Service.Create(t.Context(), backup.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{})
	if err != nil || done.Err() != nil || done.Proof.Level != registry.LevelProven {
		t.Errorf("%v, %v, %+v", err, done.Err(), done.Proof)
	}
}

// An SQL script is restored with the roles and the extensions that it names, its rows are compared, and that is no proof. What only a superuser may
// execute is no damage.
func TestScriptIsRestored(t *testing.T) {
	url := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	testenv.LoadSQL(t, url, strings.NewReplacer("shop_owner", `"Owner of Scripts"`, "shop_reader", "script_reader").Replace(shop)+`;
		CREATE ROLE script_writer; CREATE ROLE script_policy; CREATE ROLE script_default; CREATE SCHEMA apart AUTHORIZATION script_writer; CREATE EXTENSION dblink; CREATE EXTENSION citext SCHEMA apart;
		CREATE TABLE apart.people (name apart.citext); INSERT INTO apart.people VALUES ('x'), (E'GRANT a TO \n ALTER TABLE x OWNER TO nobody;');
		CREATE POLICY theirs ON orders TO script_policy USING (true); ALTER DEFAULT PRIVILEGES FOR ROLE script_default GRANT SELECT ON TABLES TO script_reader;
		ALTER SCHEMA public OWNER TO script_writer`)
	a := open(t, url)
	b, err := a.Service.Create(t.Context(), backup.Request{Format: backup.FormatPlain}, nil)
	if err != nil {
		t.Fatal(err)
	}
	real := a.Service.Engine
	for _, c := range []struct{ name, sql, want string }{
		{"as it was", `DO $$ BEGIN IF (SELECT tableowner FROM pg_tables WHERE tablename = 'orders') <> 'Owner of Scripts' OR has_table_privilege(current_user, 'items', 'SELECT') AND NOT has_table_privilege('script_reader', 'items', 'SELECT') THEN RAISE 'owners and rights are not as they were'; END IF; END $$`, ""},
		{"a wrong row", "UPDATE orders SET note = 'other' WHERE id = 77", "table public.orders has as many rows as in the backup (500), but other ones"},
		{"a missing row", "DELETE FROM apart.people WHERE name = 'x'", "table apart.people has 1 row, and 2 rows in the backup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.Service.Engine = meddling{real, running(t, c.sql)}
			done, err := a.Service.Prove(t.Context(), b.ID, backup.ProveOptions{Checks: []backup.ProofCheck{{Name: "orders", Query: "SELECT count(*) FROM orders", Expect: "500"}}})
			if err != nil {
				t.Fatal(err)
			}
			v := done.Proof
			if v.Level != registry.LevelRestored || !v.Proof.Isolated || v.Proof.Rows != 802 || v.Proof.Definitions != 0 || v.Proof.Checks != 1 || v.OK != (c.want == "") {
				t.Errorf("%+v, %+v", v, v.Proof)
			}
			if c.want != "" {
				if len(v.Problems) != 1 || v.Problems[0].Detail != c.want {
					t.Errorf("found %+v", v.Problems)
				}
				return
			}
			if proven, _ := done.Backup.Proven(); proven.Proof != nil || !strings.HasPrefix(v.Proof.Without[0], "a proof: an SQL script") {
				t.Errorf("it is called proven: %+v", proven)
			}
			if _, err := a.Service.CertifyProof(t.Context(), done, "test"); !fault.HasReason(err, fault.NotProven) {
				t.Errorf("a certificate: %v", err)
			}
			if refs, err := a.Service.LatestProvable(t.Context()); err != nil || len(refs) > 0 && refs[0] == b.ID {
				t.Errorf("to be proven are %q, %v", refs, err)
			}
			if _, err := a.Service.Provable(t.Context(), b.ID); !fault.HasReason(err, fault.InvalidInput) {
				t.Errorf("%v", err)
			}
			if last, err := a.Service.LastAttempt(t.Context(), b.ID); err != nil || last != nil {
				t.Errorf("on record %+v, %v", last, err)
			}
		})
	}
	a.Service.Engine = real
	testenv.LoadSQL(t, url, "CREATE FUNCTION heard() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER hears ON ddl_command_end EXECUTE FUNCTION heard()")
	hard, err := a.Service.Create(t.Context(), backup.Request{Format: backup.FormatPlain}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Service.Prove(t.Context(), hard.ID, backup.ProveOptions{}); err == nil || !strings.Contains(err.Error(), "event trigger") {
		t.Errorf("%v", err)
	}
	if got, err := a.Service.Info(t.Context(), hard.ID); err != nil || got.Damaged() {
		t.Errorf("on record %+v, %v", got.Verification, err)
	}
}
