package secret

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
)

const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf"

// manager speaks the API of Secrets Manager, as far as reading goes.
func manager(t *testing.T, status int, body map[string]any) (asked *int) {
	t.Helper()
	asked = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		in, _ := io.ReadAll(r.Body)
		var req struct{ SecretId string }
		if json.Unmarshal(in, &req); r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || req.SecretId != arn ||
			!strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/secretsmanager/") {
			t.Errorf("asked for %s with %v", in, r.Header)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	return asked
}

// TestServerKey: a key is taken as it is, and a URL beside it is read all the same.
func TestServerKey(t *testing.T) {
	asked := manager(t, 200, map[string]any{"ARN": arn, "Name": "key", "SecretString": " AGE-SECRET-KEY-1X\n"})
	got, named, err := Environment(t.Context(), []string{"BACKUP_SERVER_KEY=" + arn, "A=1"})
	if err != nil || !named || !slices.Equal(got, []string{"BACKUP_SERVER_KEY=AGE-SECRET-KEY-1X", "A=1"}) {
		t.Errorf("%v, %v, %v", got, named, err)
	}
	if _, _, err := Environment(t.Context(), []string{"BACKUP_SERVER_KEY=" + arn, "DATABASE_URL=" + arn}); err != nil || *asked != 3 {
		t.Errorf("asked %d times: %v", *asked, err)
	}
	manager(t, 200, map[string]any{"ARN": arn, "Name": "key", "SecretString": " "})
	if _, _, err := Environment(t.Context(), []string{"BACKUP_SERVER_KEY=" + arn}); !fault.HasReason(err, fault.InvalidInput) {
		t.Errorf("an empty key: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	for name, x := range map[string]struct{ secret, want string }{
		"a URL":       {" postgresql://u:p@db:5432/shop\n", "postgresql://u:p@db:5432/shop"},
		"RDS":         {`{"username":"u","password":"p@/:?#","host":"db","port":5433,"dbname":"shop","engine":"postgres"}`, "postgresql://u:p%40%2F%3A%3F%23@db:5433/shop"},
		"port text":   {`{"username":"u","password":"p","host":"db","port":"5433","dbname":"a b"}`, "postgresql://u:p@db:5433/a%20b"},
		"no port":     {`{"username":"u","password":"p","host":"db"}`, "postgresql://u:p@db/"},
		"IPv6 server": {`{"username":"u","password":"p","host":"::1","port":5432,"dbname":"d"}`, "postgresql://u:p@[::1]:5432/d"},
	} {
		manager(t, 200, map[string]any{"ARN": arn, "Name": "shop", "SecretString": x.secret})
		environ := []string{"A=1", "DATABASE_URL=" + arn, "B=2"}
		got, named, err := Environment(t.Context(), environ)
		if want := []string{"A=1", "DATABASE_URL=" + x.want, "B=2"}; err != nil || !named || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, %v; want %v", name, got, named, err, want)
		}
		if environ[1] != "DATABASE_URL="+arn {
			t.Errorf("%s: the environment itself was changed", name)
		}
	}
}

func TestNoReferenceMakesNoRequest(t *testing.T) {
	asked := manager(t, 200, nil)
	for _, value := range []string{"", "postgresql://u:p@db/shop", "host=db user=u", "arn:aws:s3:::bucket", "arn:aws:secretsmanager"} {
		environ := []string{"DATABASE_URL=" + value, "OTHER=" + arn}
		got, named, err := Environment(t.Context(), environ)
		if err != nil || named || !slices.Equal(got, environ) {
			t.Errorf("%q: %v, %v, %v", value, got, named, err)
		}
	}
	if *asked != 0 {
		t.Errorf("%d requests", *asked)
	}
}

func TestErrors(t *testing.T) {
	const password = "hunter2hunter2"
	for name, x := range map[string]struct {
		status    int
		body      map[string]any
		code      fault.Code
		transient bool
	}{
		"missing":      {400, map[string]any{"__type": "ResourceNotFoundException"}, fault.Validation, false},
		"denied":       {400, map[string]any{"__type": "AccessDeniedException"}, fault.Permission, false},
		"decryption":   {400, map[string]any{"__type": "DecryptionFailure"}, fault.DatabaseConnection, false},
		"broken JSON":  {200, map[string]any{"SecretString": `{"password":"` + password}, fault.Validation, false},
		"wrong fields": {200, map[string]any{"SecretString": `{"password":"` + password + `"}`}, fault.Validation, false},
		"wrong type":   {200, map[string]any{"SecretString": `{"username":"u","host":"h","port":"` + password + `"}`}, fault.Validation, false},
		"binary":       {200, map[string]any{"SecretBinary": "AAEC"}, fault.Validation, false},
	} {
		manager(t, x.status, x.body)
		_, _, err := Environment(t.Context(), []string{"DATABASE_URL=" + arn})
		f := fault.From(err)
		if err == nil || f.Code != x.code || f.Transient != x.transient || f.Hint == "" {
			t.Errorf("%s: %v is %+v", name, err, f)
		}
		if text := fmt.Sprintf("%v %+v", err, f); strings.Contains(text, password) {
			t.Errorf("%s: the error repeats the secret: %s", name, text)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := Environment(ctx, []string{"DATABASE_URL=" + arn})
	if f := fault.From(err); err == nil || f.Code != fault.DatabaseConnection || !f.Transient {
		t.Errorf("%v is %+v", err, f)
	}
}

// FuzzParse: what a secret holds is a URL or an error, and no error repeats a part of it.
func FuzzParse(f *testing.F) {
	f.Add("postgresql://u:hunter2hunter2@h/d")
	f.Add(`{"username":"u","password":"hunter2hunter2","host":"h","port":5432,"dbname":"d"}`)
	f.Add(`{"username":"hunter2hunter2","host":[1]}`)
	f.Add(`{"username":"u","host":"h","port":"x@evil/"}`)
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parse(text, "secret:x")
		if (err == nil) != (u != "") {
			t.Errorf("%q: %q, %v", text, u, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2hunter2") {
			t.Errorf("the error tells: %v", err)
		}
	})
}
