package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/fault"
)

// A configuration that lies in S3 names sources, targets and channels, and what leads to them are secrets, which are read when they are needed. Whatever else
// it says is refused, since whoever may write there is not whoever runs cofre.
func TestConfigurationInS3(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/shop/staging-AbCdEf"
	store := testenv.MinIO(t)
	for _, line := range store.Env() {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	asked := 0
	secrets := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		var body struct{ SecretId string }
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.SecretId != arn {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": "AccessDeniedException"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": "postgresql://staging:hidden@db.example.com:5432/postgres"})
	}))
	t.Cleanup(secrets.Close)
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.URL)
	bucket := store.NewBucket(t)
	put := func(content string) {
		t.Helper()
		if _, err := store.Client(t).PutObject(t.Context(), bucket, "config/cofre.yaml", strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	open := func(file string) (*app.App, error) {
		c, err := app.Load(append(store.Env(), "BACKUP_DIRECTORY=s3://"+bucket, "BACKUP_CONFIG="+file))
		if err != nil {
			t.Fatal(err)
		}
		return app.Open(t.Context(), c, app.Options{})
	}
	file := "s3://" + bucket + "/config/cofre.yaml"

	put("targets:\n  - name: staging\n    connection: {secret: '" + arn + "'}\n  - name: other\n    connection: {secret: '" + strings.Replace(arn, "staging", "other", 1) + "'}\n")
	a, err := open(file)
	if err != nil || len(a.Service.Targets) != 2 || asked != 0 {
		t.Fatalf("%v, %d secrets were read", err, asked)
	}
	to, err := a.Config().RestoreTarget(t.Context(), "staging", "shop_restored")
	if err != nil || to.Host() != "db.example.com:5432" && to.Host() != "db.example.com" || to.Database() != "shop_restored" || asked != 1 {
		t.Errorf("%v: %s, %s; %d secrets were read", err, to.Host(), to.Database(), asked)
	}
	if _, err := a.Config().RestoreTarget(t.Context(), "other", "shop_restored"); !fault.HasReason(err, fault.AccessDenied) {
		t.Errorf("a secret that may not be read: %v", err)
	}

	for what, want := range map[string]string{
		"sources:\n  - name: shop\n    connection: {env: SHOP_URL}\n":                                                              "line 2: the connection of source \"shop\" is no secret",
		"sources:\n  - name: shop\n    connection: {secret: '" + arn + "'}\n    checks: /proc/self/environ\n":                      "line 2: source \"shop\" names a file of checks",
		"sources:\n  - name: shop\n    connection: {secret: '" + arn + "'}\n    ping: {env: PING_URL}\n":                           "line 2: the ping of source \"shop\" is no secret",
		"sources:\n  - name: shop\n    connection: {secret: '" + arn + "'}\n    ping: {secret: '" + arn + "', allowLocal: true}\n": "allows local addresses",
		"targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n":                                                        "line 2",
		"targets:\n  - name: staging\n    connection: {file: /proc/self/environ}\n":                                                "line 2",
		"targets:\n  - name: staging\n    conection: {secret: x}\n":                                                                "line 3",
		strings.Repeat("# much\n", 200_000):                                                                                        "bytes",
	} {
		put(what)
		if _, err := open(file); !fault.HasCode(err, fault.Validation) || !strings.Contains(fault.From(err).Message, want) || fault.From(err).Hint == "" {
			t.Errorf("%.80q: %v", what, err)
		}
	}

	// Sources are taken, each by a secret, which is read when a backup is made. Where BACKUP_SECRET_PREFIX says how their names begin, others are
	// refused with what to do, also in the file that is to be put there.
	for name, want := range map[string]string{"cofre/shop/sources/crm-AbCdEf": "", "cofre/shop/crm-AbCdEf": "cofre/shop/sources/", "cofre/other/sources/crm-AbCdEf": "cofre/shop/sources/", "cofre/shop/sources-crm": "cofre/shop/sources/"} {
		content := "sources:\n  - name: crm\n    schedule: 0 3 * * *\n    connection: {secret: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:" + name + "'}\n"
		local := filepath.Join(t.TempDir(), "cofre.yaml")
		if err := os.WriteFile(local, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		put(content)
		for _, f := range []string{file, local} {
			c, err := app.Load(append(store.Env(), "BACKUP_DIRECTORY=s3://"+bucket, "BACKUP_CONFIG="+f, "BACKUP_SECRET_PREFIX=cofre/shop/"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Show(t.Context())
			list, found := c.Sources().Find("crm")
			if want == "" && (err != nil || !found || list.Schedule != "0 3 * * *" || f == file && c.FileChanged.IsZero()) {
				t.Errorf("%s: %+v, %v", f, list, err)
			}
			if want != "" && (!fault.HasCode(err, fault.Validation) || !strings.Contains(fault.From(err).Message, "line 2") || !strings.Contains(fault.From(err).Hint, want)) {
				t.Errorf("%s, secret %s: %v", f, name, err)
			}
		}
	}
	for _, wrong := range []string{"cofre/", "cofre/shop", "/cofre/shop/", "shop/", "cofre/../shop/*"} {
		if _, err := app.Load([]string{"BACKUP_SECRET_PREFIX=" + wrong}); err == nil {
			t.Errorf("BACKUP_SECRET_PREFIX=%s is taken", wrong)
		}
	}
	for _, wrong := range []string{"s3://" + bucket, "s3://" + bucket + "/config/none.yaml", "s3://"} {
		if _, err := open(wrong); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
