package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/access"
	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/app"
	"cofre/pkg/metrics"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
	"cofre/pkg/server"
)

func TestMain(m *testing.M) {
	testenv.Main(m)
}

// bulkySQL makes about 16 MB that do not compress.
const bulkySQL = `
CREATE TABLE bulk (id int, noise bytea);
INSERT INTO bulk SELECT i, (SELECT string_agg(sha256((i * 1000 + j)::text::bytea), ''::bytea) FROM generate_series(1, 256) j) FROM generate_series(1, 2000) i;
`

func newDatabase(t testing.TB) string {
	t.Helper()
	u := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	testenv.LoadSQL(t, u, "CREATE TABLE customer AS SELECT g AS id, 'customer ' || g AS name FROM generate_series(1, 2000) g")
	return u
}

// newSlow is a database with bulk in it, behind a proxy that makes a dump of it take its time.
func newSlow(t testing.TB) (string, *testenv.TCPProxy) {
	t.Helper()
	pg := testenv.Postgres(t, testenv.NewestMajor)
	direct := pg.NewDatabase(t)
	testenv.LoadSQL(t, direct, bulkySQL)
	proxy := testenv.Proxy(t, pg.Addr())
	proxy.Throttle(testenv.ToClient, 1_000_000)
	return pg.URLThrough(proxy.Addr(), filepath.Base(direct)), proxy
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

// recorded gives the audit records of an actor, the newest first.
func (w *world) recorded(actor string) []contract.AuditRecord {
	w.t.Helper()
	page, err := w.Audit.List(context.Background(), contract.ListAuditParams{Actor: actor, Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Records
}

// world is a server that serves.
type world struct {
	*app.App
	t      testing.TB
	server *server.Server
	log    *syncBuffer
	stop   context.CancelFunc
	abort  context.CancelFunc
	ended  chan error
	client *http.Client
}

// options of a world.
type options struct {
	database, directory string
	env                 []string
	change              func(*server.Config)
	schedule, cleanup   string
	now                 func() time.Time
	after               func(time.Duration) <-chan time.Time
	lines               io.Writer // gets what is logged, from the least on
}

// configure makes a server's parts, without serving.
func configure(t testing.TB, o options) (*world, server.Config) {
	t.Helper()
	if o.directory == "" {
		o.directory = filepath.Join(t.TempDir(), "backups")
	}
	if o.schedule != "" {
		o.env = append(o.env, "BACKUP_SCHEDULE="+o.schedule)
	}
	c, err := app.Load(append([]string{
		"BACKUP_DIRECTORY=" + o.directory, "DATABASE_URL=" + o.database, "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor), "BACKUP_CONNECT_RETRIES=0",
	}, o.env...))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: &syncBuffer{}, ended: make(chan error, 1), client: &http.Client{}}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if o.lines != nil {
		log = slog.New(slog.NewMultiHandler(log.Handler(), slog.NewJSONHandler(o.lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	if w.App, err = app.Open(context.Background(), c, app.Options{LinkBase: server.LinkBase, Log: log}); err != nil {
		t.Fatal(err)
	}
	if o.now != nil {
		w.Service.Now = o.now
	}
	if o.after != nil {
		w.Outbox.Now = o.now
	}
	dev, err := access.NewDevelopment(nil)
	if err != nil {
		t.Fatal(err)
	}
	conf := server.Config{
		Service: w.Service, Audit: w.Audit, Listen: "127.0.0.1:0", Grace: time.Minute, MaxConcurrent: c.MaxConcurrent, Log: log, Now: o.now, After: o.after,
		Metrics: metrics.New("1.2.3"),
		SignIn:  server.SignIn{Development: func(role string) (string, time.Time, error) { return dev.Issue(access.Role(role), "") }, Secret: devSecret},
	}
	if o.cleanup != "" {
		if conf.CleanupSchedule, err = schedule.Parse(o.cleanup); err != nil {
			t.Fatal(err)
		}
	}
	if w.Outbox != nil {
		conf.TellPeople, conf.Woken = w.TellPeople, w.Outbox.Woken()
	}
	conf.Links, conf.LinkBase = w.Links, server.LinkBase
	conf.NewAPI = func(d server.Doors) (http.Handler, error) {
		return w.API(app.APIOptions{Launcher: d.Launcher, LaunchValidation: d.LaunchValidation, LaunchRestore: d.LaunchRestore, LaunchProof: d.LaunchProof, Link: d.Link, Version: "1.2.3", Log: log,
			Authenticate: api.Bearer(func(ctx context.Context, token string) (api.Caller, error) {
				i, err := dev.Verify(ctx, token)
				return app.Caller(i), err
			})})
	}
	if o.change != nil {
		o.change(&conf)
	}
	return w, conf
}

// serve starts a server. It is stopped at the end of the test, if it was not before.
func serve(t testing.TB, o options) *world {
	t.Helper()
	w, conf := configure(t, o)
	var err error
	if w.server, err = server.New(conf); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	abort, cancel := context.WithCancel(context.Background())
	w.stop, w.abort = stop, cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.ended <- w.server.Serve(ctx, abort)
	}()
	t.Cleanup(func() {
		stop()
		cancel()
		<-done
		if t.Failed() {
			t.Logf("the log:\n%s", w.log)
		}
	})
	return w
}

// end waits until the server has ended.
func (w *world) end() error {
	w.t.Helper()
	select {
	case err := <-w.ended:
		return err
	case <-time.After(2 * time.Minute):
		w.t.Fatal("the server does not end")
		return nil
	}
}

// reply is an answer.
type reply struct {
	*http.Response
	body string
}

func (w *world) do(method, path, body string, header map[string]string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.server.URL()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for k, v := range header {
		if k == "Host" {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{resp, string(data)}
}

const devSecret = "0123456789abcdef0123456789"

// signedIn gives the headers of somebody with a role.
func (w *world) signedIn(role string) map[string]string {
	w.t.Helper()
	r := w.do("POST", "/dev/token", `{"role":"`+role+`","secret":"`+devSecret+`"}`, map[string]string{"Content-Type": "application/json"})
	var doc struct{ Token, ExpiresAt, Role string }
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil || r.StatusCode != 200 || doc.Token == "" || doc.Role != role {
		w.t.Fatalf("%d, %v: %s", r.StatusCode, err, r.body)
	}
	return map[string]string{"Authorization": "Bearer " + doc.Token}
}

// create asks for a backup and gives its id.
func (w *world) create() string {
	w.t.Helper()
	r := w.do("POST", "/api/backup/create", "", w.signedIn("ADMIN"))
	var b registry.Backup
	if err := json.Unmarshal([]byte(r.body), &b); err != nil || r.StatusCode != 202 {
		w.t.Fatalf("%d, %v: %s", r.StatusCode, err, r.body)
	}
	return b.ID
}

// backups reads the records.
func (w *world) backups() []registry.Backup {
	w.t.Helper()
	x, err := w.Service.Registry.Load(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return x.Backups
}

// wait polls until done, at most four minutes: a machine may be busy.
func (w *world) wait(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); !done(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// underWay tells whether a backup has dumped a megabyte.
func (w *world) underWay(id string) func() bool {
	return func() bool {
		s, err := w.Service.Status(context.Background(), id)
		return err == nil && s.Detail != nil && s.Detail.DumpBytes > 1<<20
	}
}

// ended tells whether no backup is being made.
func (w *world) allEnded() bool {
	for _, b := range w.backups() {
		if b.Status == registry.InProgress {
			return false
		}
	}
	return true
}

// configured sets the time of grace and the slots.
func configured(grace time.Duration, slots int) func(*server.Config) {
	return func(c *server.Config) { c.Grace, c.MaxConcurrent = grace, slots }
}

// clock is a time that stands still until it is set, and what waits for it. It may be used by several goroutines.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	waiting map[chan time.Time]timer
}

// timer is what somebody waits for, and how long he was to wait.
type timer struct {
	at    time.Time
	after time.Duration
}

func newClock(at time.Time) *clock { return &clock{now: at, waiting: map[chan time.Time]timer{}} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.waiting[ch] = timer{c.now.Add(d), d}
	return ch
}

// set lets time pass until then. It never goes back.
func (c *clock) set(then time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if then.After(c.now) {
		c.now = then
	}
	for ch, t := range c.waiting {
		if !t.at.After(c.now) {
			ch <- c.now
			delete(c.waiting, ch)
		}
	}
}

// shortly lets time pass for those who wait no longer than d, and not up to a time, if anybody does.
func (c *clock) shortly(d time.Duration, not time.Time) {
	c.mu.Lock()
	next := c.now
	for _, t := range c.waiting {
		if t.after <= d && t.at.After(next) && t.at.Before(not) {
			next = t.at
		}
	}
	c.mu.Unlock()
	c.set(next)
}

// leftovers lists the files of backups and of unfinished uploads in a backup directory.
func leftovers(t testing.TB, dir string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		first, _, _ := strings.Cut(rel, "/")
		if err == nil && d.Type().IsRegular() && (first == "files" || first == "intents" || strings.HasPrefix(rel, ".cofre/uploads/") || strings.HasPrefix(rel, ".cofre/tmp/")) {
			left = append(left, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}
