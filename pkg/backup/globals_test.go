package backup_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// signedOnly is the environment of a place whose backups are signed, and only signed ones are taken.
func signedOnly(t *testing.T) []string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	return []string{"BACKUP_SIGNING_KEY=" + key, "BACKUP_TRUSTED_KEYS=" + key + ".pub"}
}

// company is a database whose objects belong to roles of their own, which only superusers can make.
func company(t *testing.T, s *testenv.Server) string {
	t.Helper()
	url := s.NewDatabase(t)
	testenv.LoadSQL(t, url, `
CREATE ROLE keeper LOGIN PASSWORD 'of the keeper' CONNECTION LIMIT 7; CREATE ROLE clerks; CREATE ROLE "odd
clerk"; GRANT clerks TO "odd
clerk", keeper; ALTER ROLE keeper SET search_path = app, "$user";
CREATE SCHEMA app AUTHORIZATION keeper; CREATE TABLE app.orders (id int PRIMARY KEY); INSERT INTO app.orders SELECT generate_series(1, 9);
ALTER TABLE app.orders OWNER TO keeper; GRANT SELECT ON app.orders TO clerks, "odd
clerk";`)
	return url
}

// kept returns the globals that lie beside a backup, as they are stored.
func (w *world) kept(b backup.Backup) []byte {
	w.t.Helper()
	data, _, err := w.Store.Get(w.t.Context(), registry.GlobalsKey(b))
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// decrypted undoes an encryption without cofre.
func decrypted(t *testing.T, data []byte, keyFile string) string {
	t.Helper()
	f, err := os.Open(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	keys, err := age.ParseIdentities(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(data), keys...)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// A server that has none of a backup's roles gets them first, and then takes the backup with its owners: from a directory and from S3.
func TestRestoreGlobals(t *testing.T) {
	from := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	source := company(t, from)
	keys := sealing(t)
	_, keyFile, _ := strings.Cut(keys[1], "=")
	yes := true
	for _, where := range []string{"directory", "MinIO"} {
		for _, encrypt := range []bool{true, false} {
			var w *world
			if where == "MinIO" {
				w = openMinIO(t, source, keys...)
			} else {
				w = open(t, "", source, keys...)
			}
			b := w.create(backup.Request{Encrypt: &encrypt, Globals: &yes, GlobalsPasswords: encrypt})
			g := b.Globals
			if g == nil || g.Missing != "" || g.Passwords != encrypt || strings.HasSuffix(registry.GlobalsKey(b), ".age") != encrypt {
				t.Fatalf("%s: %+v", where, g)
			}
			script := string(w.kept(b))
			if encrypt {
				if strings.Contains(script, "keeper") {
					t.Error("names can be read in what is encrypted")
				}
				script = decrypted(t, w.kept(b), keyFile)
			}
			if !strings.Contains(script, `CREATE ROLE "keeper" WITH`) || strings.Contains(script, "SCRAM-SHA-256$") != encrypt {
				t.Errorf("%s, encrypted %t:\n%s", where, encrypt, script)
			}
			if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
				t.Errorf("%+v (%v)", v, err)
			}
			to := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
			req := backup.RestoreRequest{URL: to.URL("company"), Create: true}
			_, err := w.Service.Restore(t.Context(), b.ID, req)
			want(t, err, fault.Validation, fault.TargetLacks)
			req.Globals = true
			plan, err := w.Service.Plan(t.Context(), b.ID, req)
			if err != nil || len(plan.Refused) > 0 || plan.Globals == nil || len(plan.Globals.Roles) != 3 {
				t.Fatalf("%+v (%v)", plan, err)
			}
			if n := answers(t, to.URL("postgres"), "SELECT count(*) FROM pg_roles WHERE rolname = 'keeper'")[0]; n != "0" {
				t.Error("a plan made a role")
			}
			done, err := w.Service.Restore(t.Context(), b.ID, req)
			if err != nil || done.Globals == nil || len(done.Globals.Roles) != 3 || done.Globals.Memberships != 2 || done.Globals.Settings != 1 || len(done.Globals.NotMade) > 0 ||
				(len(done.Globals.NoPassword) == 1) == encrypt {
				t.Fatalf("%+v (%v)", done.Globals, err)
			}
			if got := answers(t, to.URL("company"), `SELECT tableowner FROM pg_tables WHERE tablename = 'orders'; SELECT has_table_privilege('clerks', 'app.orders', 'SELECT'); SELECT rolconnlimit FROM pg_roles WHERE rolname = 'keeper'`); strings.Join(got, " ") != "keeper t 7" {
				t.Errorf("%q", got)
			}
			if encrypt { // the password is the old one
				if got := answers(t, to.URLAs("keeper", "of the keeper", "company"), "SELECT count(*) FROM orders"); got[0] != "9" {
					t.Errorf("%q", got)
				}
			}
			if _, err := w.Service.Delete(t.Context(), b.ID, "me"); err != nil {
				t.Fatal(err)
			}
			if left := w.keys(registry.GlobalsPrefix); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		}
	}
}

// A role that is no superuser, but may make roles, gets them and gives them what is theirs, on each version.
func TestRestoreGlobalsWithoutSuperuser(t *testing.T) {
	from := testenv.PostgresWith(t, testenv.Options{Major: 15})
	yes := true
	w := open(t, "", company(t, from))
	b := w.create(backup.Request{Globals: &yes})
	for _, major := range testenv.InitialMajors() {
		to := testenv.PostgresWith(t, testenv.Options{Major: major})
		to.Exec(t, "postgres", "CREATE ROLE maker LOGIN CREATEROLE CREATEDB PASSWORD 'x'")
		done, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: to.URLAs("maker", "x", "company"), Create: true, Globals: true, Adaptation: backup.Adaptation{SkipForbidden: true}})
		if err != nil || len(done.Globals.Roles) != 3 {
			t.Errorf("%d: %+v (%v)", major, done.Globals, err)
			continue
		}
		owner := answers(t, to.URL("company"), "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'")[0]
		if major >= 16 && owner != "keeper" {
			t.Errorf("%d: it belongs to %s; left out: %+v", major, owner, done.Target.LeftOut)
		}
	}
}

// Globals are kept unasked with whole encrypted backups alone, never with passwords; passwords want both asking and encryption.
func TestWhichGlobals(t *testing.T) {
	s := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	url := company(t, s)
	w := open(t, "", url, sealing(t)...)
	yes, no := true, false
	for name, c := range map[string]struct {
		req  backup.Request
		kept bool
	}{
		"not encrypted": {backup.Request{}, false}, "encrypted": {backup.Request{Encrypt: &yes}, true}, "not wanted": {backup.Request{Encrypt: &yes, Globals: &no}, false},
		"asked for": {backup.Request{Globals: &yes}, true}, "a part": {backup.Request{Encrypt: &yes, Selection: registry.Selection{Tables: []string{"app.orders"}}}, false},
		"rows": {backup.Request{Encrypt: &yes, Content: backup.ContentData}, false}, "definitions": {backup.Request{Encrypt: &yes, Content: backup.ContentSchema}, true},
		"a script": {backup.Request{Encrypt: &yes, Format: backup.FormatPlain}, true},
	} {
		b := w.create(c.req)
		if (b.Globals != nil) != c.kept || c.kept && (b.Globals.Missing != "" || b.Globals.Passwords) {
			t.Errorf("%s: %+v", name, b.Globals)
		}
	}
	before := len(w.keys(""))
	_, err := w.Service.Create(t.Context(), backup.Request{GlobalsPasswords: true}, nil)
	want(t, err, fault.Validation, fault.InvalidInput)
	_, err = w.Service.Create(t.Context(), backup.Request{GlobalsPasswords: true, Encrypt: &yes, Globals: &no}, nil)
	want(t, err, fault.Validation, fault.InvalidInput)
	if now := len(w.keys("")); now != before {
		t.Errorf("a refused request left %d objects", now-before)
	}
	// A role that may read the database and no passwords.
	database := url[strings.LastIndexByte(url, '/')+1:]
	mine := open(t, w.dir, s.URLAs("keeper", "of the keeper", database), sealing(t)...)
	if b := mine.create(backup.Request{Encrypt: &yes}); b.Globals == nil || b.Globals.Missing != "" {
		t.Errorf("%+v", b.Globals)
	}
	b, err := mine.Service.Create(t.Context(), backup.Request{Encrypt: &yes, GlobalsPasswords: true}, nil)
	want(t, err, fault.Permission, fault.MissingPrivilege)
	if b.Status != registry.Failed || b.Globals != nil {
		t.Errorf("%+v", b)
	}
	mine.nothingLeft()
	// A name that cannot be written down fails those backups alone whose globals were asked for.
	s.Exec(t, "postgres", "CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	s.Exec(t, "bytes", `DO $$ BEGIN EXECUTE format('CREATE ROLE %I', convert_from('\xff'::bytea, 'SQL_ASCII')); END $$`)
	if b := w.create(backup.Request{Encrypt: &yes}); b.Globals == nil || !strings.Contains(b.Globals.Missing, "not UTF-8") {
		t.Errorf("%+v", b.Globals)
	} else if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: s.URL("other"), Create: true, Globals: true}); !fault.HasReason(err, fault.GlobalsMissing) {
		t.Error(err)
	}
	b, err = w.Service.Create(t.Context(), backup.Request{Encrypt: &yes, Globals: &yes}, nil)
	if f := fault.From(err); err == nil || b.Status != registry.Failed || !strings.Contains(f.Message, "not UTF-8") {
		t.Errorf("%+v: %v", b, err)
	}
	w.nothingLeft()
}

// What was changed beside a signed backup is found by a validation, and nothing is made of it.
func TestChangedGlobals(t *testing.T) {
	from, to := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor}), testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	source := company(t, from)
	yes := true
	for name, env := range map[string][]string{"signed": signedOnly(t), "not signed": nil} {
		w := open(t, "", source, env...)
		b := w.create(backup.Request{Globals: &yes})
		was := w.kept(b)
		roles := func() string {
			return strings.Join(answers(t, to.URL("postgres"), "SELECT quote_ident(rolname) FROM pg_roles ORDER BY 1"), " ")
		}
		before := roles()
		req := backup.RestoreRequest{URL: to.URL("company"), Create: true, Globals: true}
		for what, other := range map[string]string{
			"changed": strings.ReplaceAll(string(was), "keeper", "intruder"), "SQL": "CREATE ROLE intruder SUPERUSER;", "empty": "",
		} {
			if _, err := w.Store.Put(t.Context(), registry.GlobalsKey(b), []byte(other), storage.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			_, err := w.Service.Restore(t.Context(), b.ID, req)
			want(t, err, fault.Validation, fault.ChecksumMismatch)
			_, err = w.Service.Plan(t.Context(), b.ID, req)
			want(t, err, fault.Validation, fault.ChecksumMismatch)
			if now := roles(); now != before {
				t.Errorf("%s, %s: roles are %s, were %s", name, what, now, before)
			}
		}
		v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{})
		if err != nil || v.Valid || len(v.Problems) != 1 || v.Problems[0].Reason != fault.GlobalsMismatch || !strings.Contains(fault.From(v.Err()).Hint, "--allow-damaged") {
			t.Errorf("%s: %+v (%v)", name, v, err)
		}
		if err := w.Store.Delete(t.Context(), registry.GlobalsKey(b)); err != nil {
			t.Fatal(err)
		}
		if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || v.Valid || v.Problems[0].Reason != fault.GlobalsMismatch {
			t.Errorf("%s: %+v (%v)", name, v, err)
		}
		// Without them the backup is as good as ever.
		if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: to.URL("company"), Create: true, NoOwner: true, NoPrivileges: true, AllowDamaged: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		to.Exec(t, "postgres", "DROP DATABASE IF EXISTS company")
		if _, err := w.Store.Put(t.Context(), registry.GlobalsKey(b), was, storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
			t.Errorf("%s: put back it is not good: %+v (%v)", name, v, err)
		}
	}
	// Whoever can also write the record, where nobody looks at signatures, can have roles made, and no other statements.
	w := open(t, "", source)
	b := w.create(backup.Request{Globals: &yes})
	was := b.Globals
	forged := "-- cofre globals 1 {\"statements\": [\"CREATE DATABASE taken\"]}\nCREATE DATABASE taken;\n"
	if _, err := w.Store.Put(t.Context(), registry.GlobalsKey(b), []byte(forged), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	key := registry.ManifestKey(b.ID)
	manifest, _, err := w.Store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	record := regexp.MustCompile(`"size": \d+,(\s+)"sha256": "`+was.SHA256).ReplaceAllString(string(manifest), fmt.Sprintf(`"size": %d,$1"sha256": "%x`, len(forged), sha256.Sum256([]byte(forged))))
	if record == string(manifest) {
		t.Fatalf("nothing was forged in %s", manifest)
	}
	if err := w.Store.Delete(t.Context(), registry.IndexKey); err != nil { // it is made anew from manifests
		t.Fatal(err)
	}
	if _, err := w.Store.Put(t.Context(), key, []byte(record), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: to.URL("company"), Create: true, Globals: true})
	want(t, err, fault.Validation, fault.StructureDamaged)
	if n := answers(t, to.URL("postgres"), "SELECT count(*) FROM pg_database WHERE datname IN ('taken', 'company')")[0]; n != "0" {
		t.Error("a statement was executed")
	}
}
