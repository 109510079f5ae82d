package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

const unknownID = "01JZ8Q4M9T4Y3V6K2W1X0N5BCD"

// Whatever is sent: 4xx with a problem document, nothing of it comes back, and it cannot write lines into the log.
func TestHostileRequests(t *testing.T) {
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", nil)
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	const mark = "h0stile"
	for _, x := range []struct {
		name   string
		ask    ask
		status int
	}{
		{"SQL as id", ask{"GET", "/api/backup/'%20OR%201=1;--" + mark, "ADMIN", "", nil}, 400},
		{"HTML as id", ask{"DELETE", "/api/backup/%3Cimg%20src=x%20onerror=" + mark + "%3E", "ADMIN", "", nil}, 400},
		{"line break as id", ask{"GET", "/api/backup/status/%0A%7B%22level%22:%22ERROR%22%7D" + mark, "ADMIN", "", nil}, 400},
		{"path as id", ask{"GET", "/api/backup/download/..%2f..%2fregistry.json" + mark, "ADMIN", "", nil}, 404},
		{"name as id", ask{"GET", "/api/backup/backup_2025-01-09_14-30-00.dump" + mark, "ADMIN", "", nil}, 400},
		{"long id", ask{"GET", "/api/backup/" + strings.Repeat("A", 8000) + mark, "ADMIN", "", nil}, 400},
		{"nothing's id", ask{"POST", "/api/backup/validate/" + unknownID, "ADMIN", "", nil}, 404},
		{"unknown path", ask{"GET", "/api/" + mark, "ADMIN", "", nil}, 404},
		{"unknown method", ask{mark, "/api/backup/list", "ADMIN", "", nil}, 405},
		{"10 MB", ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"filename":"` + strings.Repeat(mark, 1<<20) + `"}}`, nil}, 413},
		{"10 MB for no body", ask{"DELETE", "/api/backup/" + unknownID, "ADMIN", strings.Repeat(mark, 1<<20), nil}, 400},
		{"a form", ask{"POST", "/api/backup/create", "ADMIN", "filename=" + mark, form}, 415},
		{"another charset", ask{"POST", "/api/backup/create", "ADMIN", "{}", map[string]string{"Content-Type": "application/json; charset=utf-16"}}, 415},
		{"compressed", ask{"POST", "/api/backup/create", "ADMIN", "{}", map[string]string{"Content-Encoding": "gzip"}}, 415},
		{"unknown field", ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"<b>\n":"` + mark + `"}}`, nil}, 400},
		{"unknown parameter", ask{"GET", "/api/backup/list?%3Cb%3E%0A=" + mark, "ADMIN", "", nil}, 400},
		{"deep", ask{"POST", "/api/backup/create", "ADMIN", `{"options":` + strings.Repeat("[", 20000), nil}, 400},
		{"an idempotency key of lines", ask{"POST", "/api/backup/create", "ADMIN", "{}", map[string]string{"Idempotency-Key": "<" + mark}}, 400},
		{"a cursor of another's making", ask{"GET", "/api/backup/list?cursor=" + mark, "ADMIN", "", nil}, 422},
		{"options for pg_dump", ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"selection":{"tables":["-f\u0000` + mark + `"]}}}`, nil}, 400},
	} {
		t.Run(x.name, func(t *testing.T) {
			for door, send := range map[string]func(ask) reply{"server": w.http, "function": w.function} {
				if x.ask.method == mark && door == "function" {
					x.ask.method = "PATCH"
				}
				r := send(x.ask).want(x.status)
				var p contract.Problem
				r.into(&p)
				if p.Hint == "" || p.Code != "ValidationError" || r.header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%s: answer is %s", door, r.body)
				}
				if strings.Contains(string(r.body), mark) || strings.Contains(string(r.body), "<") {
					t.Errorf("%s: what was sent comes back: %s", door, r.body)
				}
			}
		})
	}
	w.server.Close() // a request is logged behind its answer
	for line := range strings.Lines(w.log.String()) {
		var e struct{ Level string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Level == "ERROR" {
			t.Errorf("log line %q (%v)", line, err)
		}
	}
	if log := w.log.String(); strings.Contains(log, "token-ADMIN") {
		t.Error("a token stands in the log")
	}
}

// Nobody can write into the headers what only the gateway may say.
func TestClaimsInHeadersCountForNothing(t *testing.T) {
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", nil)
	q := ask{"GET", "/api/backup/list", "", "", map[string]string{
		"Authorization": "Bearer " + token("ADMIN"), "X-Amzn-Claims": `{"cognito:groups":"ADMIN"}`, "X-Forwarded-User": "ADMIN",
	}}
	w.function(q).problem(401, "PermissionError", "token_missing")
}

// Limits answer 429 and say when to try again.
func TestLimitOfBackupsAtOnce(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil, "BACKUP_MAX_CONCURRENT=1")
	w.launcher.hold = make(chan struct{})
	var b contract.BackupMetadata
	w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil}).want(202).into(&b)
	r := w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil})
	if p := r.problem(429, "ValidationError", "limit_reached"); p.RetryAfter < 1 || r.header.Get("Retry-After") != fmt.Sprint(p.RetryAfter) {
		t.Errorf("retry after %d, header %q", p.RetryAfter, r.header.Get("Retry-After"))
	}
	w.http(ask{"DELETE", "/api/backup/" + b.ID, "ADMIN", "", nil}).problem(409, "ValidationError", "busy")
	w.http(ask{"GET", "/api/backup/download/" + b.ID, "ADMIN", "", nil}).problem(409, "ValidationError", "busy")
	close(w.launcher.hold)
	if s := w.finished(w.http, b.ID); s.Status != "completed" {
		t.Errorf("ended as %+v", s)
	}
}

// A backup that cannot be handed over does not stay in progress for ever, and the caller is told.
func TestLauncherFails(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil)
	w.launcher.err = errors.New("no more workers on ip-10-0-0-1")
	r := w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil})
	r.problem(500, "InternalError", "")
	if strings.Contains(string(r.body), "ip-10") || !strings.Contains(w.log.String(), "ip-10") {
		t.Errorf("the cause has to be logged and not sent: %s", r.body)
	}
	errorsBefore := strings.Count(w.log.String(), `"level":"ERROR"`)
	w.launcher.err = fault.New(fault.Canceled, "", "Try again in a minute.", "this server is being stopped")
	r = w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil})
	if p := r.problem(503, "CanceledError", ""); r.header.Get("Retry-After") != fmt.Sprint(p.RetryAfter) {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
	if n := strings.Count(w.log.String(), `"level":"ERROR"`); n != errorsBefore || errorsBefore == 0 {
		t.Errorf("a server that is being stopped logs errors: %d, before %d", n, errorsBefore)
	}
	var page contract.ListBackupsResponse
	w.http(ask{"GET", "/api/backup/list?status=in_progress", "ADMIN", "", nil}).want(200).into(&page)
	if page.Total != 0 {
		t.Errorf("in progress: %+v", page)
	}
	// Whoever comes back as told, with the same key, gets a backup.
	key := ask{"POST", "/api/backup/create", "ADMIN", "", map[string]string{"Idempotency-Key": "release-7"}}
	w.http(key).want(503)
	w.launcher.err = nil
	var b contract.BackupMetadata
	w.http(key).want(202).into(&b)
	if s := w.finished(w.http, b.ID); s.Status != "completed" {
		t.Errorf("ended as %+v", s)
	}
}

// A large backup is validated elsewhere; the outcome is found where the answer says.
func TestValidationOfALargeBackup(t *testing.T) {
	var w *world
	w = newWorld(t, newDatabase(t), func(c *api.Config) {
		c.ValidateInline = 1
		c.LaunchValidation = func(_ context.Context, id string) error {
			w.launcher.work.Go(func() {
				if _, err := w.Service.Validate(w.launcher.ctx, id, backup.ValidateOptions{}); err != nil {
					t.Error(err)
				}
			})
			return nil
		}
	})
	b := w.created(w.http, "")
	var a contract.ValidationAccepted
	r := w.http(ask{"POST", "/api/backup/validate/" + b.ID, "ADMIN", "", nil}).want(202).into(&a)
	for deadline := time.Now().Add(time.Minute); !b.Verification.At.After(a.RequestedAt) || b.Verification.Level != "full"; {
		w.http(ask{"GET", r.header.Get("Location"), "ADMIN", "", nil}).want(200).into(&b)
		if time.Now().After(deadline) {
			t.Fatalf("verification is %+v", b.Verification)
		}
	}
	w.launcher.work.Wait()
}

// Storage that cannot be reached is our trouble: 503, named, with a time to come back.
func TestStorageIsGone(t *testing.T) {
	m := testenv.NewMinIO(t)
	for _, kv := range m.Env() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", nil, "BACKUP_DIRECTORY=s3://"+m.NewBucket(t)+"/x")
	w.http(ask{"GET", "/api/backup/list", "ADMIN", "", nil}).want(200)
	m.Kill()
	for _, q := range []ask{
		{"GET", "/api/backup/list", "ADMIN", "", nil}, {"POST", "/api/backup/create", "ADMIN", "", nil},
		{"GET", "/api/backup/" + unknownID, "ADMIN", "", nil}, {"PUT", "/api/backup/settings", "ADMIN", `{"maxBackups":1,"retentionDays":1,"defaultDirectory":""}`, nil},
	} {
		if r := w.http(q).want(http.StatusServiceUnavailable); r.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: no Retry-After", q.method, q.target)
		}
	}
}
