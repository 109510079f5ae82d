package server_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/outbox"
	"cofre/pkg/registry"
	"cofre/pkg/server"
)

// heard is what a receiver was told, counted, in the words that the test looks at.
type heard struct {
	mu   sync.Mutex
	said map[string]int
	ids  map[string]bool
}

func newHeard() *heard { return &heard{said: map[string]int{}, ids: map[string]bool{}} }

// note counts a message. id is "" where the form of the message has none.
func (h *heard) note(t *testing.T, id, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id != "" && h.ids[id] {
		t.Errorf("%s comes twice, as %s", what, id)
	}
	h.ids[id] = true
	h.said[what]++
}

func (h *heard) all() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.said)
}

// hookKey signs what the webhooks get.
const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hook is a webhook. It looks at the signature of each message, and takes none while away.
type hook struct {
	*heard
	url  string
	away atomic.Bool
}

func newHook(t *testing.T) *hook {
	h := &hook{heard: newHeard()}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookKey, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.away.Load() {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		sum := hmac.New(sha256.New, secret)
		fmt.Fprintf(sum, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
		if got, want := r.Header.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != want {
			t.Errorf("it is signed %q, not %q", got, want)
		}
		var m struct{ ID, Kind, Source, Severity string }
		if err := json.Unmarshal(body, &m); err != nil || m.ID != r.Header.Get("Webhook-Id") {
			t.Errorf("it gets %s: %v", body, err)
		}
		h.note(t, m.ID, m.Kind+" "+m.Source+" "+m.Severity)
	}))
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

// newChat takes what Slack takes, of which the first line is looked at, and gives its address.
func newChat(t *testing.T) (*heard, string) {
	h := newHeard()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		first, _, _ := strings.Cut(m.Text, "\n")
		h.note(t, "", first)
	}))
	t.Cleanup(s.Close)
	return h, s.URL
}

// letters is a session of a mail server.
type letters struct {
	t  *testing.T
	h  *heard
	to []string
}

func (l *letters) Mail(string, *smtp.MailOptions) error      { return nil }
func (l *letters) Rcpt(to string, _ *smtp.RcptOptions) error { l.to = append(l.to, to); return nil }
func (l *letters) Reset()                                    { l.to = nil }
func (l *letters) Logout() error                             { return nil }
func (l *letters) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	l.h.note(l.t, m.Header.Get("Message-Id"), strings.Join(l.to, " ")+" "+subject)
	return err
}

// newPost starts a mail server and gives its address. What is told are subjects.
func newPost(t *testing.T) (*heard, string) {
	h := newHeard()
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &letters{t: t, h: h}, nil }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); work.Wait() })
	return h, "smtp://" + l.Addr().String() + "?tls=none"
}

// waits reads in the log for when each source waits.
type waits struct {
	mu  sync.Mutex
	due map[string]time.Time
}

func (w *waits) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"msg":"waiting"`)) {
		var m struct {
			Source string
			Due    time.Time
		}
		if err := json.Unmarshal(line, &m); err != nil {
			return 0, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.due[m.Source] = m.Due
	}
	return len(line), nil
}

func (w *waits) next(source string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.due[source]
}

// anHour is a server that looks after many sources for an hour, whose minutes the test tells.
type anHour struct {
	*world
	clock *clock
	waits *waits
	began time.Time
	// looks are the rounds in which people are told that have begun, looked those that have ended.
	looks, looked atomic.Int64
}

// at lets time pass until a minute of the hour.
func (h *anHour) at(minute int) { h.clock.set(h.began.Add(time.Duration(minute) * time.Minute)) }

// until lets time pass, second by second and not up to a minute, until done: however long a busy machine takes, what is due then is not. What is left before
// that minute is for the rounds in which people are told. Nobody can wait for a time that has come while he asked for how long he has to wait.
func (h *anHour) until(minute int, what string, done func() bool) {
	h.t.Helper()
	h.wait(what, func() bool {
		if done() {
			return true
		}
		if next := h.clock.Now().Add(time.Second); next.Before(h.began.Add(time.Duration(minute)*time.Minute - 30*time.Second)) {
			h.clock.set(next)
		}
		return false
	})
}

// tell waits until a round has ended that began by now. The next time at which something is due does not come by that.
func (h *anHour) tell() {
	h.t.Helper()
	before := h.looks.Load()
	h.Outbox.Look()
	h.wait("people to be told", func() bool {
		h.clock.shortly(time.Second, h.clock.Now().Truncate(apart*time.Minute).Add(apart*time.Minute)) // what comes together is told together
		return h.looked.Load() > before
	})
}

// of gives the backups of a source, the oldest first.
func (h *anHour) of(source string) (all []registry.Backup) {
	for _, b := range h.backups() {
		if b.Source == source {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, func(a, b registry.Backup) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// apart is how many minutes are between two times at which something is due, at least.
const apart = 5

// ended waits until a source has so many backups, none of them under way, and waits for its next time, which is not before the next minute at
// which something is due.
func (h *anHour) ended(source string, n, minute int) {
	h.t.Helper()
	h.until(minute+apart, fmt.Sprintf("backup %d of %s", n, source), func() bool {
		all := h.of(source)
		return len(all) >= n && all[len(all)-1].Status != registry.InProgress && h.waits.next(source).After(h.clock.Now())
	})
}

// An hour of one server that looks after twenty sources on three servers, each by its own schedule. One fails and is mended, one hangs behind a
// lock, the database of one goes away; the databases of a server are followed, of which one comes and one goes; and a second location dies and comes
// back. Each source has the backups that its schedule says and no other, everybody is told what he wants to know, once, and the second location has
// everything in the end, to the byte, and serves by itself.
func TestAnHourOfManySources(t *testing.T) {
	old, middle, newest := testenv.PostgresWith(t, testenv.Options{Major: 15}), testenv.PostgresWith(t, testenv.Options{Major: 17}), testenv.PostgresWith(t, testenv.Options{Major: 18})
	const table = "CREATE TABLE customer AS SELECT g AS id, 'customer ' || g AS name FROM generate_series(1, 200) g"
	make := func(on *testenv.Server, database string) string {
		on.Exec(t, "postgres", "CREATE DATABASE "+database)
		on.Exec(t, database, table)
		return on.URL(database)
	}
	// made are the minutes at which a source gets its backups.
	type one struct {
		name string
		on   *testenv.Server
		line string
		made []int
	}
	sources := []one{
		{"billing", old, `schedule: "*/15 * * * *", copies: [second]`, []int{15, 30, 45, 60}},
		{"crm", old, `schedule: "*/20 * * * *"`, []int{20, 40, 60}},
		{"forum", old, `schedule: "*/30 * * * *"`, []int{30, 60}},
		{"wiki", old, `schedule: "5 * * * *"`, []int{5}},
		{"shop", old, `schedule: "10,50 * * * *"`, []int{10, 50}},
		{"berlin", old, `schedule: "0 12 * * *", zone: Europe/Berlin`, []int{60}},
		{"vanishing", old, `schedule: "*/20 * * * *"`, []int{20, 40, 60}},
		{"stock", middle, `schedule: "*/15 * * * *", copies: [second]`, []int{15, 30, 45, 60}},
		{"mailer", middle, `schedule: "*/30 * * * *", format: plain`, []int{30, 60}},
		{"tokyo", middle, `schedule: "0 20 * * *", zone: Asia/Tokyo`, []int{60}},
		{"ledger", middle, `schedule: "25 * * * *"`, []int{25}},
		{"nightly", middle, `schedule: "0 2 * * *"`, nil},
		{"fleet", middle, `databases: ["*", "!named_*"], schedule: "*/20 * * * *"`, nil},
		{"orders", newest, `schedule: "*/10 * * * *", copies: [second]`, []int{10, 20, 30, 40, 50, 60}},
		{"reports", newest, `schedule: "@hourly"`, []int{60}},
		{"search", newest, `schedule: "*/15 * * * *"`, []int{15, 30, 45, 60}},
		{"asked", newest, `schedule: never`, nil},
		{"paused", newest, `schedule: "*/5 * * * *", paused: true`, nil},
		{"failing", newest, `schedule: "*/15 * * * *"`, []int{15, 30, 45, 60}},
		{"slow", newest, `schedule: "*/10 * * * *"`, []int{10, 40, 50, 60}}, // at 20 and 30 it is still busy
	}
	dir := t.TempDir()
	first := filepath.Join(dir, "first")
	store := testenv.MinIO(t)
	bucket, way := store.NewBucket(t), testenv.Proxy(t, store.Addr())
	env := []string{"BACKUP_MAX_CONCURRENT=4", "HOOK_KEY=" + hookKey, "PLACE_ID=" + store.AccessKey, "PLACE_SECRET=" + store.SecretKey}
	text := "sources:\n"
	for _, s := range sources {
		url := s.on.URL("postgres")
		if s.name != "fleet" {
			url = make(s.on, "named_"+s.name)
		}
		if s.name == "failing" {
			newest.Exec(t, "postgres", "CREATE ROLE keeper LOGIN PASSWORD 'another'")
			newest.Exec(t, "named_failing", "ALTER TABLE customer OWNER TO keeper")
			url = strings.Replace(url, newest.Password, "the-one-that-is-known", 1)
			url = strings.Replace(url, "//"+url[strings.Index(url, "//")+2:strings.Index(url, ":the-one")], "//keeper", 1)
		}
		env = append(env, "URL_"+strings.ToUpper(s.name)+"="+url)
		text += fmt.Sprintf("  - {name: %s, connection: {env: URL_%s}, %s}\n", s.name, strings.ToUpper(s.name), s.line)
	}
	make(middle, "one")
	make(middle, "two")

	everything, alarms, flaky := newHook(t), newHook(t), newHook(t)
	chat, chatURL := newChat(t)
	post, postURL := newPost(t)
	env = append(env, "EVERYTHING="+everything.url, "ALARMS="+alarms.url, "FLAKY="+flaky.url, "CHAT="+chatURL, "POST="+postURL)
	text += `places:
  - {name: second, directory: s3://` + bucket + `/copies, endpoint: http://` + way.Addr() + `, region: ` + testenv.Region + `, accessKey: {env: PLACE_ID}, secretKey: {env: PLACE_SECRET}}
channels:
  - {name: everything, kind: webhook, where: {env: EVERYTHING}, key: {env: HOOK_KEY}, severity: info, allowLocal: true}
  - {name: alarms, kind: webhook, where: {env: ALARMS}, key: {env: HOOK_KEY}, severity: critical, allowLocal: true}
  - {name: flaky, kind: webhook, where: {env: FLAKY}, key: {env: HOOK_KEY}, events: [backup_failed, copy_late], allowLocal: true}
  - {name: chat, kind: slack, where: {env: CHAT}, allowLocal: true}
  - {name: post, kind: email, where: {env: POST}, from: cofre@example.com, to: [ana@example.com], events: [backup_failed], sources: [fail*], allowLocal: true}
`
	file := filepath.Join(dir, "cofre.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	h := &anHour{clock: newClock(began), waits: &waits{due: map[string]time.Time{}}, began: began}
	h.world = serve(t, options{directory: first, env: append(env, "BACKUP_CONFIG="+file), now: h.clock.Now, after: h.clock.After, lines: h.waits, change: func(c *server.Config) {
		tell := c.TellPeople
		c.TellPeople = func(ctx context.Context, notice bool) error {
			n := h.looks.Add(1)
			defer h.looked.Store(n)
			return tell(ctx, notice)
		}
	}})

	made := map[string][]int{"fleet/one": {20, 40, 60}, "fleet/two": {20, 40}, "fleet/postgres": {20, 40, 60}, "fleet/three": {40, 60}}
	for _, s := range sources {
		if s.made != nil {
			made[s.name] = s.made
		}
	}
	h.wait("all sources to be followed", func() bool {
		for name := range made {
			if name != "fleet/three" && h.waits.next(name).IsZero() {
				return false
			}
		}
		return true
	})
	lock, err := pgx.Connect(t.Context(), newest.URL("named_slow"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close(context.Background()) })
	between := map[int]func(){
		7: func() { // slow hangs at its first backup
			for _, sql := range []string{"BEGIN", "LOCK TABLE customer IN ACCESS EXCLUSIVE MODE"} {
				if _, err := lock.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
		},
		12: func() { flaky.away.Store(true) },
		21: func() { make(middle, "three") },
		27: way.Cut,
		32: func() { newest.Exec(t, "postgres", "ALTER ROLE keeper PASSWORD 'the-one-that-is-known'") },
		33: func() { flaky.away.Store(false) },
		35: func() {
			if _, err := lock.Exec(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			h.ended("slow", 1, 35)
			h.tell()
		},
		36: func() {
			h.until(40, "the new database to be followed", func() bool { return !h.waits.next("fleet/three").IsZero() })
		},
		37: func() { old.Exec(t, "postgres", "DROP DATABASE named_vanishing WITH (FORCE)") },
		38: way.Heal,
		41: func() { middle.Exec(t, "postgres", "DROP DATABASE two WITH (FORCE)") },
	}
	copied := []string{"billing", "stock", "orders"}
	for minute := 1; minute <= 60; minute++ {
		h.at(minute)
		if do := between[minute]; do != nil {
			do()
		}
		due := 0
		for name, minutes := range made {
			n := slices.Index(minutes, minute) + 1
			if n == 0 {
				continue
			}
			due++
			if name == "slow" && minute == 10 {
				h.until(minute+apart, "slow to hang", func() bool { all := h.of("slow"); return len(all) == 1 && all[0].Status == registry.InProgress })
				continue
			}
			h.ended(name, n, minute)
		}
		if due > 0 {
			for _, name := range copied {
				if minute < 27 || minute >= 38 {
					h.wait("the copies of "+name, func() bool { return h.copied("second", name) })
				}
			}
			h.tell()
		}
	}
	h.until(65, "word that a database is gone", func() bool {
		rec, err := h.Service.Registry.Source(t.Context(), "fleet/two")
		return err == nil && !rec.Vanished.IsZero()
	})
	h.tell()
	h.until(65, "what waits for a channel", func() bool {
		h.Outbox.Look()
		states, err := h.Outbox.Statuses(t.Context())
		return err == nil && !slices.ContainsFunc(states, func(s outbox.Status) bool { return s.Waiting > 0 })
	})
	h.stop()
	if err := h.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}

	// What was made.
	got := map[string][]int{}
	failed := []string{}
	for _, b := range h.backups() {
		minute := int(b.CreatedAt.Sub(began)/time.Minute) / apart * apart
		got[b.Source] = append(got[b.Source], minute)
		if b.Status != registry.Success {
			failed = append(failed, fmt.Sprintf("%s %d", b.Source, minute))
		}
	}
	for name := range got {
		slices.Sort(got[name])
	}
	if !maps.EqualFunc(got, made, slices.Equal) {
		t.Errorf("made was\n%v\nnot\n%v", got, made)
	}
	slices.Sort(failed)
	if want := []string{"failing 15", "failing 30", "vanishing 40", "vanishing 60"}; !slices.Equal(failed, want) {
		t.Errorf("failed were %q, not %q", failed, want)
	}

	// Who was told.
	bad := map[string]int{"backup_failed failing warning": 1, "backup_failed failing critical": 1, "recovered failing info": 1, "backup_failed vanishing warning": 1, "backup_failed vanishing critical": 1}
	said := map[string]int{"*🟡 failing: backup failed*": 1, "*🔴 failing: backup failed*": 1, "*🟢 failing: recovered*": 1, "*🟡 vanishing: backup failed*": 1, "*🔴 vanishing: backup failed*": 1}
	for _, name := range copied {
		said["*🟡 "+name+": copies are late*"], said["*🟢 "+name+": recovered*"] = 1, 1
		bad["copy_late "+name+" warning"], bad["recovered "+name+" info"] = 1, 1
	}
	wanted := maps.Clone(bad)
	for name, minutes := range made {
		wanted["backup_ended "+name+" info"] = len(minutes)
	}
	wanted["vanished fleet/two warning"], said["*🟡 fleet/two: the database is gone*"] = 1, 1
	wanted["backup_ended failing info"], wanted["backup_ended vanishing info"] = 2, 1
	for name, c := range map[string]struct{ got, want map[string]int }{
		"everything": {everything.all(), wanted},
		"alarms":     {alarms.all(), map[string]int{"backup_failed failing critical": 1, "recovered failing info": 1, "backup_failed vanishing critical": 1}},
		"flaky":      {flaky.all(), bad},
		"chat":       {chat.all(), said},
		"post":       {post.all(), map[string]int{"ana@example.com [cofre] failing: backup failed": 2, "ana@example.com [cofre] failing: recovered": 1}},
	} {
		if !maps.Equal(c.got, c.want) {
			t.Errorf("%s was told\n%s\nnot\n%s", name, counts(c.got), counts(c.want))
		}
	}

	// The second location, alone.
	if err := os.Rename(first, first+"-gone"); err != nil {
		t.Fatal(err)
	}
	for _, v := range store.Env() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	c, err := app.Load([]string{"BACKUP_DIRECTORY=s3://" + bucket + "/copies"})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := app.Open(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := alone.Service.Registry.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, b := range x.Backups {
		there[b.Source]++
		a, err := os.ReadFile(filepath.Join(first+"-gone", b.Filepath))
		if err != nil {
			t.Fatal(err)
		}
		o, err := store.Client(t).GetObject(t.Context(), bucket, "copies/"+b.Filepath, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if copy, err := io.ReadAll(o); err != nil || !bytes.Equal(a, copy) {
			t.Errorf("%s is another one in the second location: %v", b.Filename, err)
		}
		if v, err := alone.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
			t.Errorf("%s: %+v, %v", b.Filename, v, err)
		}
	}
	if want := map[string]int{"billing": 4, "stock": 4, "orders": 6}; !maps.Equal(there, want) {
		t.Errorf("in the second location are %v, not %v", there, want)
	}
}

func counts(m map[string]int) string {
	var out []string
	for what, n := range m {
		out = append(out, fmt.Sprintf("%d × %s", n, what))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// copied tells whether a place has all good backups of a source.
func (h *anHour) copied(place, source string) bool {
	h.t.Helper()
	p, err := h.Service.Place(h.t.Context(), place)
	if err != nil {
		h.t.Fatal(err)
	}
	_, records, err := p.Open(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return !slices.ContainsFunc(h.of(source), func(b registry.Backup) bool {
		there, err := records.Has(h.t.Context(), b.ID)
		if err != nil {
			h.t.Fatal(err)
		}
		return b.Status == registry.Success && there == nil
	})
}

// Two servers over one place: a backup that takes longer than it is to the next time is not begun a second time beside itself by the other one.
func TestSlowBackupOfTwoServers(t *testing.T) {
	url := newDatabase(t)
	source := filepath.Base(url)
	lock, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close(context.Background()) })
	for _, sql := range []string{"BEGIN", "LOCK TABLE customer IN ACCESS EXCLUSIVE MODE"} {
		if _, err := lock.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	at := func(minute int) time.Time { return began.Add(time.Duration(minute) * time.Minute) }
	h := &anHour{clock: newClock(began), began: began}
	o := options{database: url, directory: filepath.Join(t.TempDir(), "first"), schedule: "*/10 * * * *", now: h.clock.Now, after: h.clock.After}
	a, b := &waits{due: map[string]time.Time{}}, &waits{due: map[string]time.Time{}}
	o.lines = a
	h.world = serve(t, o)
	o.lines = b
	serve(t, o)
	h.wait("both to wait", func() bool { return a.next(source).Equal(at(10)) && b.next(source).Equal(at(10)) })
	h.at(10)
	h.until(15, "one to begin, and the other to leave it at that", func() bool {
		return len(h.of(source)) == 1 && (a.next(source).Equal(at(20)) || b.next(source).Equal(at(20)))
	})
	h.at(20)
	h.until(25, "the other to leave that one out", func() bool { return a.next(source).Equal(at(30)) || b.next(source).Equal(at(30)) })
	if all := h.of(source); len(all) != 1 || all[0].Status != registry.InProgress {
		t.Errorf("there are %+v", all)
	}
	if _, err := lock.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	h.until(29, "both to wait again", func() bool { return a.next(source).Equal(at(30)) && b.next(source).Equal(at(30)) })
	h.at(30)
	h.until(35, "the next one", func() bool { return len(h.of(source)) == 2 && h.allEnded() })
	h.until(39, "both to wait for the one behind it", func() bool { return a.next(source).Equal(at(40)) && b.next(source).Equal(at(40)) })
	if all := h.of(source); len(all) != 2 || all[0].Status != registry.Success || all[1].Status != registry.Success {
		t.Errorf("there are %+v", all)
	}
}
