package postgres_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestParseTarget(t *testing.T) {
	dir := t.TempDir()
	services, passfile := filepath.Join(dir, "services"), filepath.Join(dir, "pass")
	for file, content := range map[string]string{
		services: "[shop]\nhost=svc.example\nport=6000\ndbname=svcdb\nuser=svcuser\npassword=svcpass\n",
		passfile: "pass.example:5432:*:u:from-the-file\nother.example:*:*:*:another\n",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		in       string
		getenv   func(string) string
		redacted string
		password string // in the child's environment
		conninfo []string
	}{
		{"postgres://u:p%40ss%2Fw@h.example/db", env(), "postgres://u@h.example:5432/db", "p@ss/w", []string{"host='h.example'", "dbname='db'", "user='u'"}},
		{"postgresql://u@h:6432/my%20db?sslmode=disable", env("PGPASSWORD", "from env"), "postgres://u@h:6432/my%20db?sslmode=disable", "from env", []string{"port='6432'", "dbname='my db'", "sslmode='disable'"}},
		{" postgres://u:p@h/db\n", env(), "postgres://u@h:5432/db", "p", nil},
		{"postgres://u:p@[::1]:5433/db", env(), "postgres://u@[::1]:5433/db", "p", []string{"host='::1'"}},
		{"postgres://u:p@a,b:6000,[::1]:7000/db?target_session_attrs=read-write", env(), "postgres://u@a:5432,b:6000,[::1]:7000/db", "p", []string{"host='a,b,::1'", "port=',6000,7000'", "target_session_attrs='read-write'"}},
		{"postgres:///db?host=/var/run/postgresql&user=u", env(), "postgres://u@/db?host=%2Fvar%2Frun%2Fpostgresql&port=5432", "", []string{"host='/var/run/postgresql'"}},
		{"postgres://u@%2Ftmp%2Fsock:5555/db", env(), "postgres://u@/db?host=%2Ftmp%2Fsock&port=5555", "", []string{"host='/tmp/sock'", "port='5555'"}},
		{`host=h dbname='my ''b' user=u password='a b\'c\\d'`, nil, "", "", nil},
		{`host=h dbname='my \'b\\' user=u password='a b\'c\\d' options='-c search_path=x'`, env(), `postgres://u@h:5432/my%20%27b%5C`, `a b'c\d`, []string{`dbname='my \'b\\'`, `options='-c search_path=x'`}},
		{"host = h\tuser = u", env(), "postgres://u@h:5432/u", "", []string{"dbname='u'"}},
		{"", env("PGHOST", "eh", "PGUSER", "eu", "PGDATABASE", "ed", "PGPORT", "99", "PGPASSWORD", "envpass", "PGSSLMODE", "allow"), "postgres://eu@eh:99/ed?sslmode=allow", "envpass", []string{"sslmode='allow'"}},
		{"postgres://h/db?user=u&password=x%26y&ssl=true", env("PGHOST", "eh", "PGDATABASE", "ed"), "postgres://u@h:5432/db?sslmode=require", "x&y", nil},
		{"postgres://u:p@h/db?schema=public&connection_limit=5&pgbouncer=true", env(), "postgres://u@h:5432/db", "p", nil},
		{"service=shop", env("PGSERVICEFILE", services, "PGHOST", "eh", "PGUSER", "eu"), "postgres://svcuser@svc.example:6000/svcdb", "svcpass", nil},
		{"service=shop dbname=other", env("PGSERVICEFILE", services), "postgres://svcuser@svc.example:6000/other", "svcpass", nil},
		{"", env("PGSERVICE", "shop", "PGSERVICEFILE", services), "postgres://svcuser@svc.example:6000/svcdb", "svcpass", nil},
		{"host=pass.example user=u dbname=d", env("PGPASSFILE", passfile), "postgres://u@pass.example:5432/d", "from-the-file", nil},
		{"host=pass.example,other.example user=u dbname=d", env("PGPASSFILE", passfile), "postgres://u@pass.example:5432,other.example:5432/d", "", []string{"passfile='" + passfile + "'"}},
		{"hostaddr=127.0.0.1 user=u dbname=d", env(), "postgres://u@127.0.0.1:5432/d", "", []string{"hostaddr='127.0.0.1'"}},
	} {
		if c.getenv == nil {
			continue // invalid in libpq too: see TestParseTargetRefuses
		}
		got, err := postgres.ParseTarget(c.in, c.getenv)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if got.Redacted() != c.redacted {
			t.Errorf("%q: got %s, want %s", c.in, got.Redacted(), c.redacted)
		}
		wantEnv := "PGPASSWORD=" + c.password
		if slices.Contains(got.ClientEnv(), wantEnv) != (c.password != "") {
			t.Errorf("%q: environment %q", c.in, got.ClientEnv())
		}
		if !slices.Contains(got.ClientEnv(), "PGAPPNAME=cofre") {
			t.Errorf("%q: environment %q", c.in, got.ClientEnv())
		}
		for _, part := range c.conninfo {
			if !strings.Contains(got.ClientConninfo(), part) {
				t.Errorf("%q: %s lacks %s", c.in, got.ClientConninfo(), part)
			}
		}
		text, _ := json.Marshal(map[string]any{"t": got})
		for _, printed := range []string{got.ClientConninfo(), got.Redacted(), fmt.Sprintf("%v %+v %#v %s %q", got, got, got, got, got), string(text), slog.AnyValue(got).Resolve().String()} {
			if c.password != "" && len(c.password) > 1 && strings.Contains(printed, c.password) {
				t.Errorf("%q: the password is in %s", c.in, printed)
			}
		}
		other := got.WithDatabase("else where")
		if other.Database() != "else where" || !strings.Contains(other.ClientConninfo(), "dbname='else where'") || got.Database() == "else where" {
			t.Errorf("%q: %s", c.in, other.ClientConninfo())
		}
		// What a child gets must be read by libpq's rules as the same connection.
		back, err := pgx.ParseConfig(got.ClientConninfo() + " sslmode=disable")
		if err != nil || back.Database != got.Database() || back.User != got.User() {
			t.Errorf("%q: %s is read as %v, %v", c.in, got.ClientConninfo(), back, err)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	const secret = "S3cr3t-Pa55"
	for in, says := range map[string]string{
		"":                                                           "no database is configured",
		"mydb":                                                       "neither a URL nor",
		"mysql://u:" + secret + "@h/db":                              "does not start with postgres://",
		"jdbc:postgresql://h/db":                                     "JDBC",
		"postgresql+asyncpg://u:p@h/db":                              "names a driver",
		"POSTGRES://h/db":                                            "lower case",
		`"postgres://u:p@h/db"`:                                      "quotation mark",
		"postgres://u:" + secret + "@h:x/db":                         "port",
		"postgres://u:" + secret + "@h:0/db":                         "port",
		"postgres://u:" + secret + "/1@h/db":                         "percent-encoded",
		"postgres://u:" + secret + "@1@h/db":                         "%40",
		"postgres://u:" + secret + "#%zz@h/d":                        "hex digits",
		"postgres://u:p@[::1/db":                                     "]",
		"postgres://u:p@h/db?nonsense=1":                             `"nonsense"`,
		"postgres://u:p@h/db?sslmode":                                "key=value",
		"postgres://u:p@h/db?sslmode=maybe":                          "sslmode must be one of",
		"postgres://u:p@h/db?sslpassword=" + secret:                  "sslpassword is not supported",
		"postgres://u:p@h/db?connect_timeout=soon":                   "connect_timeout",
		"postgres://u:p@h,i,j/db?port=1,2":                           "3 hosts and 2 ports",
		"postgres://u:p@h/db?sslrootcert=/nowhere&sslmode=verify-ca": "/nowhere",
		"postgres://u:p@h/db?sslcert=/nowhere":                       "sslkey",
		"postgres://u:p@h/db%00":                                     "NUL",
		"host=h password=" + secret + " with spaces user=u":          "single quotes",
		"host=h password='" + secret:                                 "not closed",
		"host=h password=" + secret[:6] + " " + secret[6:] + "=x":    "unknown parameter",
		"host=h colour=red":                                          `"colour"`,
		"host=h\x01 user=u":                                          "control character",
		"service=no_such":                                            `service "no_such"`,
		"host=h port=99999999":                                       "port",
		"host=h user=u target_session_attrs=always":                  "target_session_attrs",
		"postgres://u:p@h/db?sslmode=no-verify":                      "; write sslmode=require",
		"postgres://u:p@h/db?sslmode=REQUIRE":                        "; write sslmode=require",
		"postgres://u:p@h/db?sslmode=true":                           "; write sslmode=require",
		"host=h user=u sslmode=verify_full":                          "; write sslmode=verify-full",
		"host=h user=u sslmode=disabled":                             "; write sslmode=disable",
		"postgres://u:p@h/db?ssl=false":                              "; write sslmode=disable",
		"postgres://u:p@h/db?ssl=no-verify":                          "; write sslmode=require",
		"postgres://u:p@h/db?ssl=maybe":                              "; write sslmode=require, or another",
		"host=h user=u ssl=true":                                     "; write sslmode=require",
		"postgres://u:p@h/db?sslMode=require":                        "; write sslmode",
		"postgres://u:p@h/db?currentSchema=app":                      `"currentSchema"; leave it out`,
		"postgres://u:p@h/db?search_path=app":                        `"search_path"; leave it out`,
		"postgres://u:p@h/db?connectTimeout=3":                       "; write connect_timeout",
		"postgres://h/db?username=u":                                 "; write user",
		"postgres://h/db?pwd=" + secret:                              "; write password",
		"postgres://u:p@h/db?ApplicationName=x":                      "; write application_name",
		"postgres://u:p@h/db?target_session_attrs=slave":             "; write target_session_attrs=standby",
		"postgres://u:p@h/db?targetServerType=primary":               "; write target_session_attrs",
		"postgres://u:p@h/db?gssencmode=off":                         "; write gssencmode=disable",
		"postgres://u:p@h/db?pgbouncer=1":                            "; write pgbouncer=true",
		"Server=h;Port=5432;Password=" + secret + ";Database=db":     "semicolons",
		"host=h database=db":                                         "; write dbname",
	} {
		_, err := postgres.ParseTarget(in, env())
		f := fault.From(err)
		if err == nil || f.Code != fault.Validation || f.Reason != fault.InvalidInput || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", in, err, says)
			continue
		}
		if all := err.Error() + f.Hint; strings.Contains(all, secret) || strings.Contains(all, secret[:6]) || strings.Contains(all, secret[6:]) {
			t.Errorf("%q: the error tells the password: %v", in, err)
		}
		if !strings.Contains(f.Hint, "postgres://user:password@") {
			t.Errorf("%q: the hint has no example: %s", in, f.Hint)
		}
	}
}

func TestIgnoredParameters(t *testing.T) {
	got, err := postgres.ParseTarget("postgres://u:p@h/db?schema=public&sslmode=require&pool_timeout=3", env())
	if err != nil || !slices.Equal(got.Ignored(), []string{"schema", "pool_timeout"}) {
		t.Error(got.Ignored(), err)
	}
}

func TestRedact(t *testing.T) {
	got, err := postgres.ParseTarget("postgres://u:pa%20ss%27word@h/db", env())
	if err != nil {
		t.Fatal(err)
	}
	short, err := postgres.ParseTarget("postgres://u:a@h/db", env())
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"the pa ss'word is":                      "the *** is",
		`conninfo pa ss\'word`:                   "conninfo ***",
		"postgres://u:other@h/db":                "postgres://u:***@h/db",
		"password=hunter2 host=h":                "password=*** host=h",
		"PASSWORD = 'a b' x":                     "PASSWORD=*** x",
		"nothing here":                           "nothing here",
		"failed: postgresql://x:y%40z@h:1/d?a=b": "failed: postgresql://x:***@h:1/d?a=b",
	} {
		if out := got.Redact(in); out != want {
			t.Errorf("%q: %q", in, out)
		}
	}
	if out := short.Redact("a cat and b"); out != "*** cat and b" {
		t.Errorf("%q", out)
	}
}

// Whatever is parsed, errors and printed forms never show the password, and the driver agrees with what a child gets.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"postgres://u:p@h:1/d?sslmode=require", "host=h user='a b' password=x", "postgres://[::1]:1,b/%20?port=3", "postgresql:///x?host=/a", "service=x", "host=h password=a b=c",
		`user=u password=\`, "postgres://@/", "a='", "postgres://u:%zz@h", "postgres://u:p@h/d?password=q", "user=u host=,, port=,1,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const secret = "zQ9-secret-zQ9"
		for _, in := range []string{s, strings.ReplaceAll(s, "p", secret), "postgres://u:" + secret + s, "password=" + secret + s, "password='" + secret + s} {
			got, err := postgres.ParseTarget(in, env("HOME", "/nowhere"))
			if err != nil {
				if fault.From(err).Code != fault.Validation {
					t.Fatalf("%q: %v", in, err)
				}
				// A secret that the parser takes for a host, user or file name is not one that it could know.
				if strings.HasPrefix(in, "password=") && strings.Contains(err.Error()+fault.From(err).Hint, secret) {
					t.Fatalf("%q: %v", in, err)
				}
				continue
			}
			if strings.ContainsAny(got.ClientConninfo(), "\x00") {
				t.Fatalf("%q: %q", in, got.ClientConninfo())
			}
			if strings.HasPrefix(in, "password=") && strings.Contains(got.ClientConninfo()+got.Redacted(), secret) {
				t.Fatalf("%q: %q", in, got.ClientConninfo())
			}
			again, err := postgres.ParseTarget(got.ClientConninfo(), env("HOME", "/nowhere"))
			if err != nil || again.Database() != got.Database() || again.User() != got.User() || again.Host() != got.Host() {
				t.Fatalf("%q: %q is read as %v, %v", in, got.ClientConninfo(), again, err)
			}
		}
	})
}
