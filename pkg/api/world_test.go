package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"cofre/internal/testenv"
	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/api/gateway"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
	"cofre/pkg/wording"
)

func TestMain(m *testing.M) {
	testenv.Main(m)
}

const sample = `
CREATE SCHEMA sales;
CREATE TABLE sales.customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO sales.customer (name) SELECT 'customer ' || g FROM generate_series(1, 2000) g;
`

// world is the API over a local directory and a real PostgreSQL, with both doors open.
type world struct {
	*app.App
	t        testing.TB
	server   *httptest.Server
	lambda   gateway.Handler
	contract *contract.Contract
	launcher *launcher
	log      *syncBuffer
	trail    *trail
}

// launcher runs backups in goroutines, as a server does. The test waits for them.
type launcher struct {
	app  *app.App
	work sync.WaitGroup
	ctx  context.Context
	// hold, when not nil, is waited for before a run starts.
	hold chan struct{}
	err  error
	mu   sync.Mutex
	ids  []string
	// idle leaves restores to wait, filling makes one at a time.
	idle    bool
	filling sync.Mutex
	// proving tells that a proof is made: one at a time, and whoever asks for another one meanwhile gets none.
	proving bool
}

// LaunchRestore makes a restore in a goroutine, as a server does.
func (l *launcher) LaunchRestore(_ context.Context, x registry.Restore) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.idle {
		return l.err
	}
	l.work.Go(func() {
		l.filling.Lock()
		defer l.filling.Unlock()
		if l.ctx.Err() == nil {
			l.app.Service.RunRestoreAsked(l.ctx, x) // the outcome stands in the record
		}
	})
	return nil
}

// LaunchProof proves a backup in a goroutine, and nothing while one is being proven.
func (l *launcher) LaunchProof(ctx context.Context, id, by string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.proving {
		return l.err
	}
	asked, err := l.app.Service.AskProof(ctx, id, by)
	if err != nil {
		return err
	}
	l.proving = true
	l.work.Go(func() {
		asked.Make(l.ctx, backup.ProveOptions{}) // the outcome stands in the record
		l.mu.Lock()
		defer l.mu.Unlock()
		l.proving = false
	})
	return nil
}

// Launch implements api.Launcher.
func (l *launcher) Launch(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.ids = append(l.ids, id)
	l.work.Go(func() {
		if l.hold != nil {
			select {
			case <-l.hold:
			case <-l.ctx.Done():
				return
			}
		}
		l.app.Service.Run(l.ctx, id, nil) // the outcome stands in the record
	})
	return nil
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newWorld opens both doors. change may be nil.
func newWorld(t testing.TB, database string, change func(*api.Config), env ...string) *world {
	t.Helper()
	c, err := app.Load(append([]string{
		"BACKUP_DIRECTORY=" + filepath.Join(t.TempDir(), "backups"), "DATABASE_URL=" + database,
		"PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor), "BACKUP_CONNECT_RETRIES=0", "BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor),
	}, env...))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: &syncBuffer{}, trail: &trail{}}
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	links := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.Links.ServeHTTP(rw, r) }))
	t.Cleanup(links.Close)
	if w.App, err = app.Open(t.Context(), c, app.Options{LinkBase: links.URL, Log: log}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.launcher = &launcher{app: w.App, ctx: ctx}
	t.Cleanup(func() { stop(); w.launcher.work.Wait() })
	if w.contract, err = contract.Load(); err != nil {
		t.Fatal(err)
	}
	config := api.Config{
		Service: w.Service, Launcher: w.launcher, LaunchRestore: w.launcher.LaunchRestore, LaunchProof: w.launcher.LaunchProof, Authenticate: api.Bearer(verify), Audit: w.trail, People: w.App, Version: "1.2.3", Log: log,
	}
	if change != nil {
		change(&config)
	}
	w.server = httptest.NewServer(w.must(api.New(config)))
	t.Cleanup(w.server.Close)
	config.Authenticate = gateway.Authenticator(fromClaims)
	w.lambda = gateway.Handle(w.must(api.New(config)))
	return w
}

// withTarget is the environment of a file that names a URL's server as the target staging.
func withTarget(t testing.TB, url string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	const text = "targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n    allow: [new, replace, part, switch]\n" +
		"channels:\n  - {name: team, kind: webhook, where: {env: TEAM_URL}, severity: info}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"BACKUP_CONFIG=" + file, "STAGING_URL=" + url, "TEAM_URL=https://127.0.0.1:1/hidden"}
}

func (w *world) must(a *api.API, err error) http.Handler {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func newDatabase(t testing.TB) string {
	t.Helper()
	u := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	testenv.LoadSQL(t, u, sample)
	return u
}

// ask is a request as a test says it.
type ask struct {
	method, target string
	role           string // "" sends no token
	body           string
	header         map[string]string
}

// reply is an answer. Every one is held against the contract.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (r reply) into(v any) reply {
	r.t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%v in %s", err, r.body)
	}
	return r
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("answer %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// problem asserts a problem document.
func (r reply) problem(status int, code, reason string) contract.Problem {
	r.t.Helper()
	var p contract.Problem
	r.want(status).into(&p)
	if string(p.Code) != code || p.Reason != reason || p.Status != status || p.Detail == "" || p.Hint == "" || p.RequestID != r.header.Get("X-Request-Id") {
		r.t.Fatalf("problem is %s, want %s (%s)", r.body, code, reason)
	}
	return p
}

func (w *world) check(q ask, r reply) reply {
	w.t.Helper()
	target, _, _ := strings.Cut(q.target, "?")
	if op, _, _ := w.contract.Find(q.method, target); op != nil {
		if err := op.CheckAnswer(r.status, r.header, r.body); err != nil {
			w.t.Errorf("%s %s: %v: %s", q.method, q.target, err, r.body)
		} else {
			for at, text := range op.Unsaid(wording.Portuguese, r.status, r.header, r.body) {
				if wording.Say(wording.Portuguese, text) != text || !wording.Known(wording.Portuguese, text) && !others.MatchString(text) {
					w.t.Errorf("%s %s: %s has no words in Portuguese: %q", q.method, q.target, at, text)
				}
			}
		}
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if r.header.Get(name) != want {
			w.t.Errorf("%s %s: header %s is %q", q.method, q.target, name, r.header.Get(name))
		}
	}
	return r
}

// others are words that are not cofre's: of these tests, and of servers.
var others = regexp.MustCompile(`^(too many requests|too many executions|Wait\.|Sign in again\.)$`)

// http goes through the server's door.
func (w *world) http(q ask) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), q.method, w.server.URL+q.target, strings.NewReader(q.body))
	if err != nil {
		w.t.Fatal(err)
	}
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.role != "" {
		req.Header.Set("Authorization", "Bearer "+token(q.role))
	}
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.check(q, reply{w.t, resp.StatusCode, resp.Header, body})
}

// event is the event that API Gateway makes of a request.
func (w *world) event(q ask) events.APIGatewayV2HTTPRequest {
	w.t.Helper()
	u, err := url.Parse(q.target)
	if err != nil {
		w.t.Fatal(err)
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: "/prod" + u.Path, RawQueryString: u.RawQuery, Headers: map[string]string{"user-agent": "Go-http-client/1.1"},
		Body: base64.StdEncoding.EncodeToString([]byte(q.body)), IsBase64Encoded: true,
	}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP, e.RequestContext.Stage = q.method, "127.0.0.1", "prod"
	e.RequestContext.RequestID = fmt.Sprintf("event-%d", time.Now().UnixNano())
	if q.body != "" {
		e.Headers["content-type"] = "application/json"
	}
	for k, v := range q.header {
		e.Headers[strings.ToLower(k)] = v
	}
	if q.role != "" {
		e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: gatewayClaims(q.role)},
		}
	}
	return e
}

// event goes through the function's door, as JSON there and back.
func (w *world) function(q ask) reply {
	w.t.Helper()
	data, err := json.Marshal(w.event(q))
	if err != nil {
		w.t.Fatal(err)
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(data, &e); err != nil {
		w.t.Fatal(err)
	}
	out, err := w.lambda(context.Background(), e)
	if err != nil {
		w.t.Fatal(err)
	}
	r := reply{t: w.t, status: out.StatusCode, header: http.Header{}, body: []byte(out.Body)}
	for k, v := range out.Headers {
		r.header.Set(k, v)
	}
	return w.check(q, r)
}

// created makes a backup and waits until it is done.
func (w *world) created(door func(ask) reply, body string) contract.BackupMetadata {
	w.t.Helper()
	var b contract.BackupMetadata
	door(ask{"POST", "/api/backup/create", "ADMIN", body, nil}).want(202).into(&b)
	w.finished(door, b.ID)
	door(ask{"GET", "/api/backup/" + b.ID, "ADMIN", "", nil}).want(200).into(&b)
	if b.Status != "success" {
		w.t.Fatalf("backup is %+v", b)
	}
	return b
}

func (w *world) finished(door func(ask) reply, id string) contract.BackupStatusResponse {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		var s contract.BackupStatusResponse
		r := door(ask{"GET", "/api/backup/status/" + id, "ADMIN", "", nil}).want(200).into(&s)
		if s.Status != "in_progress" {
			return s
		}
		if r.header.Get("Retry-After") == "" {
			w.t.Error("a running backup's status has no Retry-After")
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("backup %s is still %s", id, r.body)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
