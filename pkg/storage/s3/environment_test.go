package s3

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// An address that no request can be sent to is refused before one is, and named with the variable that holds it.
func TestEndpointIsChecked(t *testing.T) {
	isolate(t)
	for raw, want := range map[string]string{
		"minio:9000":               "AWS_ENDPOINT_URL_S3 does not begin with https:// or http:// | http://minio:9000 ",
		"localhost:9000":           "AWS_ENDPOINT_URL_S3 does not begin with https:// or http:// | http://localhost:9000 ",
		"127.0.0.1:9000/x":         "AWS_ENDPOINT_URL_S3 does not begin | http://127.0.0.1:9000/x ",
		"storage.example":          "AWS_ENDPOINT_URL_S3 does not begin | https://storage.example.",
		"https:/storage.example":   "AWS_ENDPOINT_URL_S3 does not begin | https://storage.example.",
		"http//storage.example":    "AWS_ENDPOINT_URL_S3 does not begin | https://storage.example.",
		"s3://storage.example":     "AWS_ENDPOINT_URL_S3 does not begin | https://storage.example.",
		"https://":                 "AWS_ENDPOINT_URL_S3 is not a usable URL | https://host:port",
		`"https://h"`:              "AWS_ENDPOINT_URL_S3 holds blanks or quotation marks | https://host:port",
		"https://key:hunter2@h":    "AWS_ENDPOINT_URL_S3 holds a user or a password | AWS_ACCESS_KEY_ID",
		"key:hunter2@h":            "AWS_ENDPOINT_URL_S3 does not begin | https://host:port",
		"https://h:9000/bucket":    "AWS_ENDPOINT_URL_S3 holds the name of the bucket | https://h:9000, and the bucket as BACKUP_DIRECTORY=s3://bucket.",
		"https://h:9000/bucket/p/": "AWS_ENDPOINT_URL_S3 holds the name of the bucket | BACKUP_DIRECTORY=s3://bucket/p.",
		"https://h:x":              "AWS_ENDPOINT_URL_S3 is not a usable URL | https://host:port",
	} {
		t.Setenv("AWS_ENDPOINT_URL_S3", raw)
		_, err := Open(t.Context(), Config{Bucket: "bucket", Region: "us-east-1"})
		f := fault.From(err)
		message, hint, _ := strings.Cut(want, " | ")
		if err == nil || f.Code != fault.Validation || !strings.HasPrefix(f.Message, message) || !strings.Contains(f.Hint, hint) || strings.Contains(f.Error()+f.Hint, "hunter2") {
			t.Errorf("%s: got %v | %s, want %s", raw, err, f.Hint, want)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "")
	t.Setenv("AWS_ENDPOINT_URL", "minio:9000")
	if _, err := Open(t.Context(), Config{Bucket: "bucket", Region: "us-east-1"}); err == nil || !strings.HasPrefix(err.Error(), "AWS_ENDPOINT_URL does not begin") {
		t.Error(err)
	}
	t.Setenv("AWS_ENDPOINT_URL", "")
	profile(t, "[default]\nservices = here\n[services here]\ns3 =\n  endpoint_url = minio:9000\n")
	if _, err := Open(t.Context(), Config{Bucket: "bucket", Region: "us-east-1"}); err == nil || !strings.HasPrefix(err.Error(), "the profile's endpoint_url does not begin") {
		t.Error(err)
	}
	for _, good := range []string{"https://h", "http://127.0.0.1:9000/", "https://x.example/storage/v1/s3", "https://h/bucket-of-another"} {
		t.Setenv("AWS_ENDPOINT_URL_S3", good)
		if _, err := Open(t.Context(), Config{Bucket: "bucket"}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// profile makes the SDK read a configuration file.
func profile(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
}

// What the metadata service of a machine without a role answers is not taken for an answer of the storage: 404 would be an
// object that does not exist, and an empty bucket; 403 a missing right.
func TestNoCredentialsAtAll(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden, http.StatusInternalServerError} {
		isolate(t)
		metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		defer metadata.Close()
		t.Setenv("AWS_EC2_METADATA_DISABLED", "")
		t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
		t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1") // never asked
		s := open(t, Config{Bucket: "bucket", MaxAttempts: 1})
		asked := []func() error{
			func() error { _, _, err := s.Get(t.Context(), "x"); return err },
			func() error { _, err := s.Head(t.Context(), "x"); return err },
			func() error { _, err := s.Put(t.Context(), "x", nil, storage.PutOptions{}); return err },
			func() error { _, err := s.Probe(t.Context()); return err },
		}
		if status == http.StatusInternalServerError {
			asked = asked[:1] // the SDK asks the metadata service again for 5 s
		}
		for _, ask := range asked {
			err := ask()
			f := fault.From(err)
			if err == nil || f.Code != fault.Permission || f.Reason != fault.CredentialsMissing || strings.Contains(f.Hint, "s3:") || !strings.Contains(f.Hint, "AWS_ACCESS_KEY_ID") {
				t.Errorf("%d: %v | %s", status, err, f.Hint)
			}
			if n := strings.Count(f.Error(), "credentials"); n > 2 || len(f.Error()) > 250 {
				t.Errorf("%d: says too much: %v", status, f)
			}
		}
	}
}

// Ways to credentials that exist and lead nowhere are told apart from none.
func TestCredentialsThatCannotBeHad(t *testing.T) {
	minio := testenv.MinIO(t)
	for _, c := range []struct {
		name, config string
		reason       fault.Reason
		says         string
	}{
		{"role refused", "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n[profile base]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n", fault.CredentialsWrong, "role_arn"},
		{"program fails", "[default]\ncredential_process = /bin/false\n", fault.CredentialsMissing, "credential_process"},
		{"no sign-in", "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://x.example/start\n", fault.CredentialsExpired, "aws sso login"},
	} {
		isolate(t)
		t.Setenv("HOME", t.TempDir())
		t.Setenv("AWS_ENDPOINT_URL_STS", minio.Endpoint)
		profile(t, c.config)
		s := open(t, Config{Bucket: "bucket", Endpoint: minio.Endpoint, Region: testenv.Region, MaxAttempts: 1})
		_, _, err := s.Get(t.Context(), "x")
		if f := fault.From(err); err == nil || f.Code != fault.Permission || f.Reason != c.reason || !strings.Contains(f.Error()+f.Hint, c.says) {
			t.Errorf("%s: %v | %s", c.name, err, f.Hint)
		}
	}
}

// A link's end is that of the credentials that sign it, wherever they come from; where they do not say when they end, that is said.
func TestLinkEndsWithItsCredentials(t *testing.T) {
	minio := testenv.MinIO(t)
	sts, err := credentials.NewSTSAssumeRole(minio.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: minio.AccessKey, SecretKey: minio.SecretKey, DurationSeconds: 900, Location: testenv.Region})
	if err != nil {
		t.Fatal(err)
	}
	v, err := sts.GetWithContext(nil)
	for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); v, err = sts.GetWithContext(nil) {
		time.Sleep(50 * time.Millisecond) // a server that has just started
	}
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"AWS_ACCESS_KEY_ID": v.AccessKeyID, "AWS_SECRET_ACCESS_KEY": v.SecretAccessKey, "AWS_SESSION_TOKEN": v.SessionToken}
	quarter, soon := time.Now().Add(15*time.Minute), time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339)
	process := filepath.Join(t.TempDir(), "keys")
	script := fmt.Sprintf("#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"b\", \"SessionToken\": \"c\", \"Expiration\": %q}'\n", soon)
	if err := os.WriteFile(process, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		env       map[string]string
		config    string
		end       time.Time
		uncertain bool
	}{
		{"a session's keys in the environment, whose token says its end", keys, "", quarter, false},
		{"keys with their end beside them", map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "opaque", "AWS_CREDENTIAL_EXPIRATION": soon}, "", time.Now().Add(5 * time.Minute), false},
		{"keys of a session that says nothing", map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "opaque"}, "", time.Now().Add(time.Hour), true},
		{"a role of the profile", nil, fmt.Sprintf("[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n[profile base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", minio.AccessKey, minio.SecretKey), quarter, false},
		{"a program of the profile", nil, "[default]\ncredential_process = " + process + "\n", time.Now().Add(5 * time.Minute), false},
		{"keys that do not end", map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "", time.Now().Add(24 * time.Hour), false},
	} {
		isolate(t)
		t.Setenv("AWS_CREDENTIAL_EXPIRATION", "")
		t.Setenv("AWS_ENDPOINT_URL_STS", minio.Endpoint)
		for name, value := range c.env {
			t.Setenv(name, value)
		}
		if c.config != "" {
			profile(t, c.config)
		}
		s := open(t, Config{Bucket: "bucket", Endpoint: minio.Endpoint, Region: testenv.Region})
		link, err := s.Presign(t.Context(), "x", storage.PresignOptions{Expires: 24 * time.Hour})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if off := link.ExpiresAt.Sub(c.end); off > time.Second || off < -time.Minute || link.Uncertain != c.uncertain {
			t.Errorf("%s: until %s, uncertain %t, want %s, %t", c.name, link.ExpiresAt, link.Uncertain, c.end.UTC(), c.uncertain)
		}
	}
}

// Tokens come from outside: what is no JSON Web Token says nothing.
func FuzzTokenEnd(f *testing.F) {
	for _, s := range []string{"", "a.b.c", "e30.eyJleHAiOjE3MDAwMDAwMDB9.x", "e30.eyJleHAiOi0xfQ.x", "..", "e30.eyJleHAiOjFlOTl9.x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if end, ok := tokenEnd(s); ok && (end.Unix() < 1 || end.Unix() > 1<<40) {
			t.Errorf("%q ends %s", s, end)
		}
	})
}

// Whoever answers in the place of the services that give credentials fills no memory, and makes nobody wait for ever.
func TestEndlessCredentials(t *testing.T) {
	minio := testenv.MinIO(t)
	web := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(web, []byte("x.y.z"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"without an end": func(w http.ResponseWriter, r *http.Request) {
			block := []byte(`{"Code":"Success","x":"` + strings.Repeat("x", 64<<10) + `",`)
			for r.Context().Err() == nil {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
		"an error without an end": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte("<"), 64<<10)); err != nil {
					return
				}
			}
		},
		"byte for byte": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		},
	} {
		var sent atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(flushing{w, &sent}, r) }))
		t.Cleanup(server.Close)
		for way, env := range map[string]map[string]string{
			"container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL},
			"STS":       {"AWS_ENDPOINT_URL_STS": server.URL, "AWS_WEB_IDENTITY_TOKEN_FILE": web, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"},
			"machine":   {"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.URL},
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				isolate(t)
				for k, v := range env {
					t.Setenv(k, v)
				}
				credentialsTime = 2 * time.Second
				defer func() { credentialsTime = 30 * time.Second }()
				s := open(t, Config{Bucket: "bucket", Endpoint: minio.Endpoint, Region: testenv.Region, MaxAttempts: 1})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				before := sent.Load()
				_, _, err := s.Get(ctx, "x")
				if f := fault.From(err); err == nil || ctx.Err() != nil || f.Code != fault.Permission || sent.Load()-before > 64<<20 || len(err.Error()) > 8<<10 {
					t.Errorf("%d bytes were taken, %.300v", sent.Load()-before, err)
				}
			})
		}
	}
}

// flushing counts what is sent.
type flushing struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	f.n.Add(int64(n))
	return n, err
}

func (f flushing) Flush() { f.ResponseWriter.(http.Flusher).Flush() }
