package cli

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/rogpeppe/go-internal/testscript"

	"cofre/internal/testenv"
)

// sampleSQL is small, and has some of everything that a dump treats in its own way.
const sampleSQL = `
CREATE SCHEMA app;
CREATE TABLE app.customers (id int PRIMARY KEY, name text NOT NULL, extra jsonb);
INSERT INTO app.customers SELECT i, 'customer ' || i, '{"a": [1, 2]}' FROM generate_series(1, 2000) i;
CREATE TABLE app.orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL REFERENCES app.customers, photo bytea);
INSERT INTO app.orders (customer, photo) SELECT i, sha256(i::text::bytea) FROM generate_series(1, 2000) i;
CREATE TABLE app.log_2024 (line text);
INSERT INTO app.log_2024 SELECT 'line ' || i FROM generate_series(1, 100) i;
SELECT lo_from_bytea(0, 'a large object');
`

// newSample makes a database with sampleSQL in it and gives its URL.
func newSample(t *testing.T) string {
	t.Helper()
	url := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	testenv.LoadSQL(t, url, sampleSQL)
	return url
}

// raced are the scripts that run cofre with the race detector: the main job, what does several things at once, and what asks for the
// version of a test.
var raced = []string{"script-main_job", "script-all_sources", "script-copy", "script-json"}

// TestScripts runs testdata/*.txt: each against a database of its own, with a backup directory of
// its own. Besides testscript's commands there are those of the map below.
func TestScripts(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	template := filepath.Base(newSample(t))
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			database := "script_" + strings.ToLower(rand.Text()[:10])
			server.Exec(tb, "postgres", fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", database, template))
			env.Defer(func() { server.Exec(tb, "postgres", "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)") })
			env.Values["tb"] = tb
			for _, kv := range []string{
				"DATABASE_URL=" + server.URL(database), "BACKUP_DIRECTORY=" + filepath.Join(env.WorkDir, "backups"),
				"BACKUP_CONNECT_RETRIES=0", "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor), "NEW_PG_DUMP=" + testenv.ClientBin(testenv.NewestMajor), "OLD_PG_DUMP=" + testenv.ClientBin(15),
				"BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor),
				"DB=" + database, "PGPORT_OF_TEST=" + strconv.Itoa(server.Port), "PASSWORD_OF_TEST=" + server.Password,
				"SERVER=" + strings.TrimSuffix(server.URL(""), "/"), "HOME=" + env.WorkDir, "LONG_NAME=" + strings.Repeat("x", 1000), "CONTROL=bell\arings", "LC_ALL=C.UTF-8", "TZ=UTC",
				"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "GORACE=" + testenv.GoRace,
			} {
				name, value, _ := strings.Cut(kv, "=")
				env.Setenv(name, value)
			}
			if !slices.Contains(raced, filepath.Base(env.WorkDir)) {
				env.Setenv("PATH", plain(tb)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits, "field": scriptField, "sql": scriptSQL, "damage": scriptDamage, "forge": scriptForge, "impostor": scriptImpostor, "bucket": scriptBucket, "permissions": scriptPermissions,
			"pooler": scriptPooler, "kms": scriptKMS, "namesake": scriptNamesake,
		},
	})
}

// scriptExits is "exits CODE program args...": the program must end with exactly this status.
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptField is "[!] field PATH REGEXP [NAME]": in the JSON document on stdout, which must be one and alone, the
// value at a.b.0.c must match; NAME becomes an environment variable with it. With ! the field must not be there.
func scriptField(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("stdout is not one JSON document: %v", err)
	}
	for _, key := range strings.Split(args[0], ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			v = nil
			if err == nil && i < len(in) {
				v = in[i]
			}
		default:
			v = nil
		}
	}
	if neg {
		if v != nil {
			ts.Fatalf("%s is there: %v", args[0], v)
		}
		return
	}
	text := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if v == nil || !regexp.MustCompile("^(?:"+args[1]+")$").MatchString(text) {
		ts.Fatalf("%s is %q, which does not match %q", args[0], text, args[1])
	}
	if len(args) > 2 {
		ts.Setenv(args[2], text)
	}
}

// scriptSQL is "sql DATABASE STATEMENTS", as superuser.
func scriptSQL(ts *testscript.TestScript, _ bool, args []string) {
	tb := ts.Value("tb").(testing.TB)
	testenv.Postgres(tb, testenv.NewestMajor).Exec(tb, args[0], args[1])
}

// scriptNamesake is "namesake NAME": the variable becomes the URL of a database that bears the script's name on another server.
func scriptNamesake(ts *testscript.TestScript, _ bool, args []string) {
	tb := ts.Value("tb").(testing.TB)
	other, database := testenv.Postgres(tb, 17), ts.Getenv("DB")
	other.Exec(tb, "postgres", "CREATE DATABASE "+database)
	ts.Defer(func() { other.Exec(tb, "postgres", "DROP DATABASE "+database+" WITH (FORCE)") })
	ts.Setenv(args[0], other.URL(database))
}

// scriptKMS is "kms NAME": it makes a key for signing in a KMS, of which KMS_NAME becomes the ARN, and lets the commands find it. NAME.pub
// has its public half.
func scriptKMS(ts *testscript.TestScript, _ bool, args []string) {
	tb := ts.Value("tb").(testing.TB)
	server := testenv.KMS(tb)
	arn := server.NewKey(tb, "ECC_NIST_P256", "SIGN_VERIFY")
	for _, kv := range append(server.Env(), "KMS_"+args[0]+"="+arn) {
		name, value, _ := strings.Cut(kv, "=")
		ts.Setenv(name, value)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), []byte(server.PublicKey(tb, arn)+"\n"), 0o600))
}

// scriptForge is "forge FILE OLD NEW": it does what somebody can who may write to the storage, and puts NEW in the place of
// OLD in a stored file, with its size and SHA-256 set right in the index and in the manifests.
func scriptForge(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	old, err := os.ReadFile(file)
	ts.Check(err)
	forged := []byte(strings.Replace(string(old), args[1], args[2], 1))
	if string(forged) == string(old) {
		ts.Fatalf("%s does not hold %q", file, args[1])
	}
	ts.Check(os.WriteFile(file, forged, 0o600))
	records, err := filepath.Glob(ts.MkAbs("backups/manifests/*.json"))
	ts.Check(err)
	for _, record := range append(records, ts.MkAbs("backups/registry.json")) {
		text, err := os.ReadFile(record)
		ts.Check(err)
		for was, is := range map[string]string{
			fmt.Sprintf("%x", sha256.Sum256(old)): fmt.Sprintf("%x", sha256.Sum256(forged)),
			fmt.Sprintf(`"size": %d,`, len(old)):  fmt.Sprintf(`"size": %d,`, len(forged)), fmt.Sprintf(`"size":%d,`, len(old)): fmt.Sprintf(`"size":%d,`, len(forged)),
		} {
			text = []byte(strings.ReplaceAll(string(text), was, is))
		}
		ts.Check(os.WriteFile(record, text, 0o600))
	}
}

// scriptImpostor is "impostor BYTES": DATABASE_URL is from now on that of somebody who answers, in the place of a server and before
// any login, with an error message of that length.
func scriptImpostor(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	body := "SFATAL\x00C28P01\x00Msays " + strings.Repeat("x", n) + " password=hunter2 the end\x00\x00"
	answer := append([]byte{'E'}, binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))...)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 1024)) // the startup message
				_, _ = c.Write(append(answer, body...))
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	ts.Setenv("DATABASE_URL", "postgresql://postgres:x@"+l.Addr().String()+"/shop?sslmode=disable")
}

// scriptDamage is "damage FILE flip|truncate".
func scriptDamage(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	data, err := os.ReadFile(file)
	ts.Check(err)
	switch args[1] {
	case "flip":
		data[len(data)/2] ^= 1
	case "truncate":
		data = data[:len(data)/2]
	default:
		ts.Fatalf("damage: what is %q?", args[1])
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0) // the same file, with its attributes
	ts.Check(err)
	_, err = f.Write(data)
	ts.Check(errors.Join(err, f.Close()))
}

// scriptBucket is "bucket": from now on backups go to a new bucket of MinIO.
func scriptBucket(ts *testscript.TestScript, _ bool, _ []string) {
	tb := ts.Value("tb").(testing.TB)
	minio := testenv.MinIO(tb)
	for _, kv := range minio.Env() {
		name, value, _ := strings.Cut(kv, "=")
		ts.Setenv(name, value)
	}
	ts.Setenv("BUCKET", minio.NewBucket(tb))
	ts.Setenv("BACKUP_DIRECTORY", "s3://"+ts.Getenv("BUCKET")+"/prefix")
}

// scriptPooler is "pooler SETTING...": POOLER becomes the address of a pgbouncer in front of the server, as SERVER is.
func scriptPooler(ts *testscript.TestScript, _ bool, settings []string) {
	tb := ts.Value("tb").(testing.TB)
	p := testenv.PgBouncer(tb, testenv.Postgres(tb, testenv.NewestMajor), settings...)
	ts.Setenv("POOLER", strings.TrimSuffix(p.URL(""), "/"))
}

// scriptPermissions is "permissions ACTION...": from now on only these S3 actions are allowed.
func scriptPermissions(ts *testscript.TestScript, _ bool, actions []string) {
	minio := testenv.MinIO(ts.Value("tb").(testing.TB))
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": actions, "Resource": []string{"arn:aws:s3:::*"}},
	}})
	ts.Check(err)
	c, err := credentials.NewSTSAssumeRole(minio.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: minio.AccessKey, SecretKey: minio.SecretKey, Location: testenv.Region, Policy: string(policy), DurationSeconds: 900,
	})
	ts.Check(err)
	keys, err := c.GetWithContext(nil)
	ts.Check(err)
	ts.Setenv("AWS_ACCESS_KEY_ID", keys.AccessKeyID)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", keys.SecretAccessKey)
	ts.Setenv("AWS_SESSION_TOKEN", keys.SessionToken)
}
