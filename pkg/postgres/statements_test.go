package postgres

import "testing"

// What pg_dump writes about a database, executed under another name: values that look like the name, or like SQL, stay
// what they are.
func TestDatabaseStatements(t *testing.T) {
	sql := `ALTER DATABASE "odd ""name" CONNECTION LIMIT = 5;
ALTER DATABASE "odd ""name" SET "app.note" TO 'ALTER DATABASE "odd ""name"; it''s';
ALTER ROLE "DATABASE" IN DATABASE "odd ""name" SET search_path TO 'a', 'b;c';
COMMENT ON DATABASE "odd ""name" IS E'back\\slash\';DROP';
REVOKE CONNECT,TEMPORARY ON DATABASE "odd ""name" FROM PUBLIC;
SET SESSION AUTHORIZATION app;
GRANT CONNECT ON DATABASE "odd ""name" TO "on";
RESET SESSION AUTHORIZATION;
DROP TABLE precious;
`
	want := []string{
		`ALTER DATABASE "new""db" CONNECTION LIMIT = 5`,
		`ALTER DATABASE "new""db" SET "app.note" TO 'ALTER DATABASE "odd ""name"; it''s'`,
		`ALTER ROLE "DATABASE" IN DATABASE "new""db" SET search_path TO 'a', 'b;c'`,
		`COMMENT ON DATABASE "new""db" IS E'back\\slash\';DROP'`,
		`REVOKE CONNECT,TEMPORARY ON DATABASE "new""db" FROM PUBLIC`,
		`SET SESSION AUTHORIZATION app`,
		`GRANT CONNECT ON DATABASE "new""db" TO "on"`,
		`RESET SESSION AUTHORIZATION`,
	}
	got := ParseDatabaseStatements(sql)
	if len(got) != len(want) {
		t.Fatalf("%d statements: %+v", len(got), got)
	}
	for i, s := range got {
		if s.Named(`new"db`) != want[i] {
			t.Errorf("%s, want %s", s.Named(`new"db`), want[i])
		}
	}
	if !got[1].Sets("app.note") || !got[2].Sets("search_path") || got[0].Setting() || !got[4].Grants() || got[3].Grants() {
		t.Error("the kinds are not told apart")
	}
	l, space, ok := ParseCreateDatabase(`CREATE DATABASE "TEMPLATE" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu LOCALE = 'C.UTF-8' ICU_LOCALE = 'sv-SE' ICU_RULES = '&a < g' TABLESPACE = "fast disk";`)
	if !ok || l != (Locale{Encoding: "UTF8", Provider: "icu", Collate: "C.UTF-8", CharType: "C.UTF-8", Name: "sv-SE", ICURules: "&a < g"}) || space != "fast disk" {
		t.Errorf("%+v %q %t", l, space, ok)
	}
}

func FuzzDatabaseStatements(f *testing.F) {
	f.Add(`ALTER DATABASE a SET b TO 'c';`)
	f.Add(`COMMENT ON DATABASE "a" IS E'\`)
	f.Fuzz(func(t *testing.T, sql string) {
		for _, s := range ParseDatabaseStatements(sql) {
			_ = s.Named("x")
			s.Sets("y")
		}
		ParseCreateDatabase(sql)
		for _, tok := range Tokens(sql) {
			valueOf(tok)
		}
	})
}
