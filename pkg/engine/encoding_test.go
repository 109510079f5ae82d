package engine_test

import (
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/engine"
)

// Names and rows are in the database's encoding, as pg_dump has them, whatever that is. What cannot be said in it is found when the head
// is there, and then one pg_dump does it all.
func TestEncodings(t *testing.T) {
	s := testenv.Postgres(t, 18)
	for _, encoding := range []string{"LATIN1", "SQL_ASCII", "EUC_JP"} {
		t.Run(encoding, func(t *testing.T) {
			name := "encoded_" + strings.ToLower(encoding)
			s.Exec(t, "postgres", "CREATE DATABASE "+name+" TEMPLATE template0 LOCALE 'C' ENCODING '"+encoding+"'")
			t.Cleanup(func() { s.Exec(t, "postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
			words := map[string]string{"LATIN1": "téßt", "SQL_ASCII": "téßt", "EUC_JP": "日本"}[encoding]
			testenv.LoadSQL(t, s.URL(name), `SET client_encoding = 'UTF8';
				CREATE TABLE "`+words+`" (id int, "`+words+` (x)" text); INSERT INTO "`+words+`" SELECT i, '`+words+`' || md5(i::text) FROM generate_series(1, 5000) i;
				CREATE SCHEMA "`+words+`"; CREATE TABLE "`+words+`"."`+words+`" AS SELECT '`+words+`' AS v;`)
			o := options(t, s.URL(name), 18)
			d := start(t, o)
			sameScript(t, 18, all(t, d), one(t, o, d.Snapshot()))
			_ = d.Close()
			o.Session.Close()
			if encoding != "LATIN1" {
				return
			}
			testenv.LoadSQL(t, s.URL(name), `SET client_encoding = 'UTF8'; CREATE EXTENSION citext; ALTER EXTENSION citext ADD TABLE "`+words+`";
				UPDATE pg_extension SET extconfig = ARRAY['"`+words+`"'::regclass::oid], extcondition = ARRAY['WHERE "`+words+` (x)" <> ''é''']  WHERE extname = 'citext';`)
			o = options(t, s.URL(name), 18)
			late, err := engine.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer late.Close()
			if how := late.How(); how.Parallel || !strings.Contains(how.Reason, "another encoding") {
				t.Errorf("%+v", how)
			}
			sameScript(t, 18, all(t, late), one(t, o, ""))
		})
	}
}
