package server_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/server"
	"cofre/pkg/storage"
)

// losing is an engine whose private servers restore definitions without rows.
type losing struct{ backup.Engine }

func (l losing) Scratch(ctx context.Context, o backup.ScratchOptions) (backup.Scratch, error) {
	s, err := l.Engine.Scratch(ctx, o)
	return lost{s}, err
}

type lost struct{ backup.Scratch }

func (l lost) Restore(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, []string, error) {
	o.Part.SchemaOnly = true
	return l.Scratch.Restore(ctx, o, in)
}

// proving are the options of a server that proves two sources each week, of which this database is one.
func proving(t *testing.T, database, directory string) options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	text := "sources:\n  - name: shop\n    connection: {env: DATABASE_URL}\n    proofs: weekly\n    checks: checks.yaml\n  - name: blog\n    connection: {env: DATABASE_URL}\n    proofs: weekly\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	checks := "checks:\n  - name: the database is there\n    query: SELECT 1\n    expect: 1\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "checks.yaml"), []byte(checks), 0o600); err != nil {
		t.Fatal(err)
	}
	return options{database: database, directory: directory, env: []string{"BACKUP_SOURCE=shop", "BACKUP_CONFIG=" + file, "BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor)}}
}

// openTemp has temporary files in a folder that every user may enter, as the server of a proof has to.
func openTemp(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cofre-proof-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
}

// idle makes a server that does nothing by itself, and what makes its proofs.
func idle(t *testing.T, o options) (*world, func(context.Context) (bool, error)) {
	t.Helper()
	w, conf := configure(t, o)
	var err error
	if w.server, err = server.New(conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.server.Close() })
	return w, server.Prover(w.server)
}

func (w *world) made() registry.Backup {
	w.t.Helper()
	b, err := w.Service.Create(w.t.Context(), backup.Request{}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) source(name string) *overview.Source {
	w.t.Helper()
	o, err := w.Service.Overview(w.t.Context(), nil)
	if err != nil || o.Source(name) == nil {
		w.t.Fatalf("%s is not known: %v", name, err)
	}
	return o.Source(name)
}

// A server proves what is due by itself, and says so in the record, the metrics and the audit trail.
func TestServerProves(t *testing.T) {
	o := proving(t, newDatabase(t), filepath.Join(t.TempDir(), "backups"))
	openTemp(t)
	maker, _ := configure(t, o)
	b := maker.made()
	w := serve(t, o)
	w.wait("the proof", func() bool { return w.source("shop").LastProven != nil })
	if p := w.source("shop").LastProven; p.ID != b.ID || p.InPart {
		t.Errorf("proven is %+v", p)
	}
	w.wait("the audit record", func() bool {
		r := w.recorded("schedule")
		return len(r) == 1 && r[0].Action == "prove" && r[0].Resource == b.ID && r[0].Outcome == "allowed" && r[0].Detail["proven"] == "true" && r[0].RequestID != ""
	})
	if got, err := w.Service.Info(t.Context(), b.ID); err != nil || got.LastAsked() == nil || got.LastAsked().Asked[0].Outcome != registry.CheckPassed {
		t.Errorf("the checks of its source were not asked: %+v, %v", got.Verification, err)
	}
	if r := w.do("GET", "/api/backup/"+b.ID, "", w.signedIn("SUPERVISOR")); !strings.Contains(r.body, `"checks":[{"expect":"1","name":"the database is there","outcome":"passed"}]`) || !strings.Contains(r.body, `"isolated":`) || strings.Contains(r.body, `"value"`) {
		t.Errorf("the API says %s", r.body)
	}
	if r := w.do("GET", "/metrics", "", nil); !strings.Contains(r.body, "cofre_last_proof_age_seconds{") || strings.Contains(r.body, `task="proof"`) {
		t.Errorf("the metrics say %s", r.body)
	}
	w.stop()
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// When a proof is due follows from the records: another process knows it, one that is proven is not proven again, and none is begun
// while a backup of the source is made.
func TestWhenProofsAreDue(t *testing.T) {
	o := proving(t, newDatabase(t), filepath.Join(t.TempDir(), "backups"))
	openTemp(t)
	start := time.Now()
	clock := start
	o.now = func() time.Time { return clock }
	w, one := idle(t, o)
	step := func(when string, want bool) {
		t.Helper()
		if made, err := one(t.Context()); made != want || err != nil {
			t.Fatalf("%s: a proof was made: %v, want %v; %v\n%s", when, made, want, err, w.log)
		}
	}
	step("without a backup", false)
	first := w.made()
	step("never proven", true)
	if p := w.source("shop").LastProven; p == nil || p.ID != first.ID {
		t.Fatalf("proven is %+v", p)
	}
	clock = start.Add(40 * 24 * time.Hour)
	step("the newest one is proven", false)
	clock = start.Add(24 * time.Hour)
	second := w.made()
	step("a newer one, a day later", false)
	clock = start.Add(8 * 24 * time.Hour)
	w, one = idle(t, o) // another process
	running, err := w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil {
		t.Fatal(err)
	}
	step("while a backup is made", false)
	if _, err := w.Service.Withdraw(t.Context(), running.ID, context.Canceled); err != nil {
		t.Fatal(err)
	}
	step("a week later", true)
	if p := w.source("shop").LastProven; p == nil || p.ID != second.ID || !p.Proof.Equal(clock.UTC().Truncate(time.Millisecond)) {
		t.Errorf("proven is %+v", p)
	}
	step("at once again", false)
}

// Scripts cannot be proven: the schedule takes the newest backup that can be, leaves a source alone that has none, and whoever looks is told,
// instead of an error that comes back for ever.
func TestScheduledProofsOfScripts(t *testing.T) {
	o := proving(t, newDatabase(t), filepath.Join(t.TempDir(), "backups"))
	openTemp(t)
	w, one := idle(t, o)
	script := func() registry.Backup {
		t.Helper()
		b, err := w.Service.Create(t.Context(), backup.Request{Format: backup.FormatPlain}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	found := func(want string) {
		t.Helper()
		s := w.source("shop")
		for _, f := range s.Findings {
			if f.Code == overview.NotProvable {
				if want == "" || !strings.Contains(f.Text, want) || f.Severity != overview.Warning {
					t.Errorf("it says %+v, want %q", f, want)
				}
				return
			}
		}
		if want != "" {
			t.Errorf("nothing says that nothing can be proven: %+v", s.Findings)
		}
	}
	script()
	if made, err := one(t.Context()); made || err != nil {
		t.Fatalf("of a script: %v, %v\n%s", made, err, w.log)
	}
	found("SQL scripts, which cannot be proven; there is no good one that can be")
	told := false
	for _, c := range w.Service.Doctor(t.Context()).Checks {
		told = told || c.Name == "source shop" && c.Result == backup.CheckWarning && strings.Contains(c.Detail, "SQL scripts, which cannot be proven") && strings.Contains(c.Hint, "custom format")
	}
	if !told {
		t.Error("doctor says nothing of it")
	}
	good := w.made()
	script()
	found("")
	if made, err := one(t.Context()); !made || err != nil {
		t.Fatalf("behind it is one that can be proven: %v, %v\n%s", made, err, w.log)
	}
	if p := w.source("shop").LastProven; p == nil || p.ID != good.ID {
		t.Errorf("proven is %+v, want %s\n%s", p, good.ID, w.log)
	}
	if made, err := one(t.Context()); made || err != nil {
		t.Errorf("and again: %v, %v", made, err)
	}
	script()
	found("SQL scripts, which cannot be proven; the newest that can be is")
	if log := w.log.String(); strings.Contains(log, "could not be made") {
		t.Errorf("the log says %s", log)
	}
	refs, err := w.Service.LatestProvable(t.Context())
	if err != nil || len(refs) != 2 || refs[1] != good.ID {
		t.Errorf("the newest that can be proven are %v, %v", refs, err)
	}
	served := serve(t, o)
	if r := served.do("GET", "/api/health", "", served.signedIn("ADMIN")); !strings.Contains(r.body, "proofs are expected, but the newest backups are SQL scripts, which cannot be proven") {
		t.Errorf("health says %s", r.body)
	}
}

// What has to be left out of every proof does not make a source one that was never proven, and is never taken for all of it.
func TestProvenInPart(t *testing.T) {
	u := newDatabase(t)
	testenv.LoadSQL(t, u, `CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watch()`)
	o := proving(t, u, filepath.Join(t.TempDir(), "backups"))
	openTemp(t)
	w, one := idle(t, o)
	b := w.made()
	if made, err := one(t.Context()); !made || err != nil {
		t.Fatalf("%v, %v\n%s", made, err, w.log)
	}
	s := w.source("shop")
	if p := s.LastProven; p == nil || p.ID != b.ID || !p.InPart || s.LastFullyProven != nil || !s.ProofDue.IsZero() || s.State != overview.OK {
		t.Errorf("proven is %+v, in full %+v, due %s, %+v\n%s", p, s.LastFullyProven, s.ProofDue, s.Findings, w.log)
	}
	if made, err := one(t.Context()); made || err != nil {
		t.Errorf("and again: %v, %v", made, err)
	}
	said := ""
	for _, c := range w.Service.Doctor(t.Context()).Checks {
		if c.Name == "source shop" {
			said = c.Detail
		}
	}
	if !strings.Contains(said, "proven in part 0 minutes ago") {
		t.Errorf("doctor says %q", said)
	}
	served := serve(t, o)
	if r := served.do("GET", "/api/health", "", served.signedIn("ADMIN")); !strings.Contains(r.body, "; proven in part: shop") {
		t.Errorf("health says %s", r.body)
	}
	if r := served.do("GET", "/metrics", "", nil); !strings.Contains(r.body, "cofre_last_proof_age_seconds{") || strings.Contains(r.body, "cofre_last_full_proof_age_seconds{") {
		t.Errorf("the metrics say %s", r.body)
	}
}

// A proof that fails is loud: record, state, metrics, log, health. Nothing is removed.
func TestScheduledProofFails(t *testing.T) {
	o := proving(t, newDatabase(t), filepath.Join(t.TempDir(), "backups"))
	openTemp(t)
	maker, _ := configure(t, o)
	b := maker.made()
	o.change = func(c *server.Config) { c.Service.Engine = losing{c.Service.Engine} }
	w := serve(t, o)
	w.wait("the failure", func() bool {
		return strings.Contains(w.do("GET", "/metrics", "", nil).body, `cofre_schedule_failures_total{task="proof"} 1`)
	})
	s := w.source("shop")
	if s.State != overview.Failing || s.LastDisproven == nil || s.LastDisproven.ID != b.ID || s.Findings[0].Code != overview.ProofBad {
		t.Errorf("it is %s, %+v", s.State, s.Findings)
	}
	if body := w.do("GET", "/metrics", "", nil).body; !strings.Contains(body, `cofre_proof_failed{`) || !strings.Contains(body, `,source="shop"} 1`) {
		t.Errorf("the metrics say %s", body)
	}
	if r := w.do("GET", "/api/health", "", w.signedIn("ADMIN")); r.StatusCode != 503 || !strings.Contains(r.body, "does not come back as it was made") {
		t.Errorf("health is %d %s", r.StatusCode, r.body)
	}
	if log := w.log.String(); !strings.Contains(log, `"level":"ERROR","msg":"the proof failed"`) || !strings.Contains(log, "table public.customer has 0 rows") {
		t.Errorf("the log says %s", log)
	}
	if all := w.backups(); len(all) != 1 || all[0].Verification.OK || all[0].Verification.Level != registry.LevelProven {
		t.Errorf("recorded is %+v", all)
	}
}

// The API has a backup proven in the server's process; who may not restore may not prove either.
func TestProveByRequest(t *testing.T) {
	openTemp(t)
	w := serve(t, options{database: newDatabase(t), env: []string{"BACKUP_SOURCE=shop", "BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor)}})
	b := w.made()
	for _, role := range []string{"SUPERVISOR", "USUARIO"} {
		if r := w.do("POST", "/api/backup/prove/"+b.ID, "", w.signedIn(role)); r.StatusCode != 403 {
			t.Errorf("%s: %d %s", role, r.StatusCode, r.body)
		}
	}
	admin := w.signedIn("ADMIN")
	r := w.do("POST", "/api/backup/prove/"+b.ID, "", admin)
	if r.StatusCode != 202 || r.Header.Get("Location") != "/api/backup/"+b.ID || !strings.Contains(r.body, "requestedAt") {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	w.wait("the proof", func() bool {
		p := w.source("shop").LastProven
		return p != nil && p.ID == b.ID
	})
	if r := w.do("GET", "/api/backup/"+b.ID, "", admin); !strings.Contains(r.body, `"level":"proven"`) {
		t.Errorf("the record is %s", r.body)
	}
	w.wait("the audit record", func() bool { got := w.outcomes(); return len(got) == 1 && got[0] == b.ID+" allowed true" })
	outcomes := map[string]int{}
	for _, role := range []string{"ADMIN", "SUPERVISOR", "USUARIO"} {
		for _, rec := range w.recorded("development:" + role) {
			if rec.Action == "prove" && rec.Detail["requested"] == "" {
				outcomes[string(rec.Outcome)]++
			}
		}
	}
	if outcomes["allowed"] != 1 || outcomes["denied"] != 2 {
		t.Errorf("recorded are %v", outcomes)
	}
	script, err := w.Service.Create(t.Context(), backup.Request{Format: backup.FormatPlain}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.do("POST", "/api/backup/prove/"+script.ID, "", admin); r.StatusCode != 400 || !strings.Contains(r.body, "an SQL script") {
		t.Errorf("a script: %d %s", r.StatusCode, r.body)
	}
	bare := serve(t, options{database: newDatabase(t), env: []string{"BACKUP_SOURCE=shop", "BACKUP_PROOF_SERVER=" + testenv.ClientBin(testenv.NewestMajor)}})
	none := bare.made()
	if r := bare.do("POST", "/api/backup/prove/"+none.ID, "", bare.signedIn("ADMIN")); r.StatusCode < 400 || r.StatusCode >= 500 || !strings.Contains(r.body, "BACKUP_PROOF_SERVER") {
		t.Errorf("without a server's programs: %d %s", r.StatusCode, r.body)
	}
}

// gate is a folder of a server's programs of which initdb waits for what the test wants.
type gate struct {
	t   *testing.T
	dir string
}

func newGate(t *testing.T) gate {
	t.Helper()
	dir, err := os.MkdirTemp("", "gate-")
	if err != nil {
		t.Fatal(err)
	}
	g := gate{t, dir}
	bin := testenv.ServerBin(testenv.NewestMajor)
	programs, err := os.ReadDir(bin)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	for _, p := range programs {
		if err == nil && p.Name() != "initdb" {
			err = os.Symlink(filepath.Join(bin, p.Name()), filepath.Join(dir, p.Name()))
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "initdb"), []byte(`#!/bin/sh
[ "$1" != --version ] || exec `+bin+`/initdb --version
while [ ! -e `+dir+`/go ] && [ ! -e `+dir+`/fail ]; do sleep 0.05; done
[ ! -e `+dir+`/fail ] || { echo "initdb: there is no room" >&2; exit 1; }
exec `+bin+`/initdb "$@"
`), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// let lets initdb "go" on, or "fail".
func (g gate) let(what string) {
	g.t.Helper()
	for _, other := range []string{"go", "fail"} {
		os.Remove(filepath.Join(g.dir, other))
	}
	if what == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(g.dir, what), nil, 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// attempt is how it stands with the last proof of a backup that somebody asked for, as the API says.
type attempt struct {
	State, Step, RequestedBy string
	Error                    struct{ Code, Reason, Message, Hint string }
}

func (w *world) attempt(id string) attempt {
	w.t.Helper()
	var b struct{ ProofAttempt attempt }
	if r := w.do("GET", "/api/backup/"+id, "", w.signedIn("SUPERVISOR")); r.StatusCode != 200 || json.Unmarshal([]byte(r.body), &b) != nil {
		w.t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	return b.ProofAttempt
}

// stands is attempt without a request, of which there may be so many in a minute.
func (w *world) stands(id string) registry.ProofAttempt {
	w.t.Helper()
	a, err := w.Service.LastAttempt(w.t.Context(), id)
	if err != nil || a == nil {
		w.t.Fatalf("%+v, %v", a, err)
	}
	return *a
}

// asked has a backup proven by request.
func (w *world) asked(id string) {
	w.t.Helper()
	if r := w.do("POST", "/api/backup/prove/"+id, "", w.signedIn("ADMIN")); r.StatusCode != 202 {
		w.t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

// outcomes are the audit records of what came of proofs that were asked for over the API, the newest first.
func (w *world) outcomes() (out []string) {
	for _, r := range w.recorded("development:ADMIN") {
		if r.Action == "prove" && r.Detail["requested"] != "" {
			out = append(out, strings.Join(strings.Fields(strings.Join([]string{r.Resource, string(r.Outcome), r.Reason, r.Detail["proven"]}, " ")), " "))
		}
	}
	return out
}

// Whoever asked for a proof, and everybody else who may see the backup, knows how it stands with it, and in the end why it could not be made. That
// is no verdict about the backup. The trail has what came of it.
func TestProofByRequestIsFollowed(t *testing.T) {
	openTemp(t)
	g := newGate(t)
	o := options{database: newDatabase(t), directory: filepath.Join(t.TempDir(), "backups"), env: []string{"BACKUP_SOURCE=shop", "BACKUP_PROOF_SERVER=" + g.dir}}
	w := serve(t, o)
	first, second := w.made(), w.made()
	if a := w.attempt(first.ID); a.State != "" {
		t.Errorf("nobody asked: %+v", a)
	}
	w.asked(first.ID)
	w.wait("its turn", func() bool { return w.stands(first.ID).Step == registry.ProofStarting })
	if a := w.attempt(first.ID); a.State != "running" || a.RequestedBy != "development:ADMIN" {
		t.Errorf("under way: %+v", a)
	}
	w.asked(second.ID)
	w.asked(first.ID) // begins nothing
	if a := w.attempt(second.ID); a.State != "waiting" {
		t.Errorf("one at a time: %+v", a)
	}
	other, _ := configure(t, o) // another process
	if a, err := other.Service.LastAttempt(t.Context(), first.ID); err != nil || a == nil || a.State != registry.ProofRunning {
		t.Errorf("another process sees %+v, %v", a, err)
	}
	g.let("fail")
	w.wait("the ends", func() bool { a, b := w.stands(first.ID), w.stands(second.ID); return !a.Live() && !b.Live() })
	if a := w.attempt(first.ID); a.Step != "starting" || a.Error.Message != "a PostgreSQL server for the proof could not be started" || a.Error.Hint == "" {
		t.Errorf("it says %+v", a)
	}
	for _, b := range w.backups() {
		if !b.Verified() || b.Verification.Level != registry.LevelStream {
			t.Errorf("a proof that could not be made is a verdict: %+v", b.Verification)
		}
	}
	w.wait("the audit records", func() bool { return len(w.outcomes()) == 2 })
	if got := w.outcomes(); got[0] != second.ID+" failed" || got[1] != first.ID+" failed" {
		t.Errorf("recorded are %q", got)
	}
	g.let("go")
	w.asked(first.ID)
	w.wait("the proof", func() bool { a := w.stands(first.ID); return !a.Live() })
	if a := w.attempt(first.ID); a.State != "proven" || a.Error.Message != "" {
		t.Errorf("it says %+v", a)
	}
	w.wait("the audit record", func() bool { return len(w.outcomes()) == 3 })
	if got := w.outcomes(); got[0] != first.ID+" allowed true" {
		t.Errorf("recorded are %q", got)
	}
	if _, err := w.Service.Delete(t.Context(), first.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Store.Head(t.Context(), registry.ProofKey(first.ID)); !storage.IsNotFound(err) {
		t.Errorf("its record outlives the backup: %v", err)
	}
}

// A proof that takes too long, and one that the end of the server stops, are known as such afterwards, also to the next server.
func TestProofByRequestIsStopped(t *testing.T) {
	openTemp(t)
	g := newGate(t)
	o := options{database: newDatabase(t), directory: filepath.Join(t.TempDir(), "backups"), env: []string{"BACKUP_SOURCE=shop", "BACKUP_PROOF_SERVER=" + g.dir}}
	long := o
	long.change = func(c *server.Config) { c.ProofTimeout = 300 * time.Millisecond }
	w := serve(t, long)
	b := w.made()
	w.asked(b.ID)
	w.wait("the end", func() bool { a := w.stands(b.ID); return !a.Live() })
	if a := w.attempt(b.ID); a.State != "failed" || a.Error.Reason != "timeout" || a.Error.Message != "the proof took longer than 300ms" || !strings.Contains(a.Error.Hint, "BACKUP_PROOF_TIMEOUT_MINUTES") {
		t.Errorf("it says %+v", a)
	}
	w.wait("the audit record", func() bool { got := w.outcomes(); return len(got) == 1 && got[0] == b.ID+" failed timeout" })
	w.stop()
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	w = serve(t, o)
	another := w.made()
	w.asked(b.ID)
	w.asked(another.ID)
	w.wait("its turn", func() bool { return w.stands(b.ID).Step == registry.ProofStarting })
	w.stop()
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	w = serve(t, o)
	for _, id := range []string{b.ID, another.ID} {
		if a := w.attempt(id); a.State != "failed" || a.Error.Code != "CanceledError" || !strings.Contains(a.Error.Message, "the server was stopped") || a.Error.Hint == "" {
			t.Errorf("it says %+v", a)
		}
	}
	if got := w.outcomes(); len(got) != 3 {
		t.Errorf("recorded are %q", got)
	}
	g.let("go")
	w.asked(b.ID)
	w.wait("the proof", func() bool { return w.stands(b.ID).State == registry.ProofProven })
}

// A source whose proof takes too long does not hold up the others', and is not tried again at once, by the next server neither.
func TestSlowSourceGivesWay(t *testing.T) {
	openTemp(t)
	g := newGate(t) // which lets nothing through: every proof takes too long
	o := proving(t, newDatabase(t), filepath.Join(t.TempDir(), "backups"))
	o.env = append(o.env, "BACKUP_PROOF_SERVER="+g.dir)
	o.change = func(c *server.Config) { c.ProofTimeout = 200 * time.Millisecond }
	w, one := idle(t, o)
	shop := w.made()
	blog, err := w.Service.Create(t.Context(), backup.Request{Source: "blog"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	step := func(when string, want bool) {
		t.Helper()
		if made, err := one(t.Context()); made != want || err != nil {
			t.Fatalf("%s: a proof was made: %v, want %v; %v\n%s", when, made, want, err, w.log)
		}
	}
	step("shop is due for longest", true)
	if a := w.stands(shop.ID); a.State != registry.ProofFailed || a.Error.Reason != fault.Timeout {
		t.Fatalf("shop: %+v", a)
	}
	newer := w.made() // does not let shop come first again
	step("the other one's turn", true)
	if a := w.stands(blog.ID); a.State != registry.ProofFailed {
		t.Errorf("blog: %+v", a)
	}
	step("both wait", false)
	if a, err := w.Service.LastAttempt(t.Context(), newer.ID); err != nil || a != nil {
		t.Errorf("the newer one of shop: %+v, %v", a, err)
	}
	if _, err := w.Service.Delete(t.Context(), newer.ID, "test"); err != nil {
		t.Fatal(err)
	}
	w, one = idle(t, o) // another process, which knows it from the records
	step("both wait still", false)
}

// Where no server's programs are installed health says so once, and with what to install; it is tried again later, not at once.
func TestNoServerForProofs(t *testing.T) {
	o := proving(t, newDatabase(t), filepath.Join(t.TempDir(), "backups"))
	openTemp(t)
	o.env = append(o.env, "BACKUP_PROOF_SERVER="+t.TempDir())
	w, one := idle(t, o)
	w.made()
	if made, err := one(t.Context()); !made || err != nil {
		t.Fatal(made, err)
	}
	if made, err := one(t.Context()); made || err != nil {
		t.Errorf("at once again: %v, %v", made, err)
	}
	if log := w.log.String(); !strings.Contains(log, "the proof could not be made") || !strings.Contains(log, "BACKUP_PROOF_SERVER does not lead to a PostgreSQL server") {
		t.Errorf("the log says %s", log)
	}
	for _, b := range w.backups() {
		if a, err := w.Service.LastAttempt(t.Context(), b.ID); err != nil || a == nil || a.State != registry.ProofFailed || a.By != backup.Scheduler || a.Error.Hint == "" {
			t.Errorf("the backup's record says %+v, %v", a, err)
		}
	}
	d := w.Service.Doctor(t.Context())
	n := 0
	for _, c := range d.Checks {
		if c.Name == "proofs" && c.Result == backup.CheckWarning && strings.Contains(c.Hint, "/usr/lib/postgresql/") {
			n++
		}
	}
	if n != 1 || !d.OK {
		t.Errorf("doctor says %+v", d.Checks)
	}
	served := serve(t, o)
	r := served.do("GET", "/api/health", "", served.signedIn("ADMIN"))
	var health struct {
		Checks []struct {
			Name, Result, Detail, Hint string
			Findings                   []struct {
				Text, Hint string
				Wordings   []struct{ Text, Hint string }
			}
		}
	}
	if err := json.Unmarshal([]byte(r.body), &health); err != nil || r.StatusCode != 200 {
		t.Fatalf("%v: %d %s", err, r.StatusCode, r.body)
	}
	for _, c := range health.Checks {
		if c.Name != "sources" {
			continue
		}
		last := len(c.Findings) - 1
		if c.Result != "warning" || strings.Count(c.Detail, "BACKUP_PROOF_SERVER") != 1 || last != 2 || strings.Contains(r.body, "cofre prove") {
			t.Fatalf("health says %+v\n%s", c, r.body)
		}
		f := c.Findings[last]
		if !strings.Contains(f.Hint, "such as /usr/lib/postgresql/") || len(f.Wordings) != 1 || !strings.HasPrefix(f.Wordings[0].Text, "testes de restauração não podem ser feitos aqui: BACKUP_PROOF_SERVER não leva") {
			t.Errorf("health says of all sources %+v", f)
		}
	}
}

// A machine without a server's programs proves by its schedule, and on request, at the target that is named for that.
func TestProofsAtTarget(t *testing.T) {
	target := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	o := proving(t, newDatabase(t), filepath.Join(t.TempDir(), "backups"))
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	text := "sources:\n  - name: shop\n    connection: {env: DATABASE_URL}\n    proofs: weekly\ntargets:\n  - name: staging\n    connection: {env: STAGING_URL}\n    allow: [proof]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	as := func(options string) string {
		role, password := target.NewRole(t, options)
		return strings.Replace(target.URL("postgres"), "postgres:"+target.Password, role+":"+password, 1)
	}
	o.env = []string{"BACKUP_SOURCE=shop", "BACKUP_CONFIG=" + file, "STAGING_URL=" + as("CREATEDB"), "BACKUP_PROOF_TARGET=staging", "BACKUP_PROOF_SERVER=" + t.TempDir()}
	w, one := idle(t, o)
	b := w.made()
	if made, err := one(t.Context()); !made || err != nil {
		t.Fatalf("%v, %v\n%s", made, err, w.log)
	}
	if got, err := w.Service.Info(t.Context(), b.ID); err != nil || got.Verification.Proof == nil || got.Verification.Proof.Target != "staging" || got.Verification.Proof.Isolated {
		t.Errorf("%v: on record %+v\n%s", err, got.Verification, w.log)
	}
	told := map[string]string{}
	for _, c := range w.Service.Doctor(t.Context()).Checks {
		told[c.Name] = string(c.Result) + " " + c.Detail
	}
	if told["proofs"] != "ok expected of 1 source; made at the target staging" || !strings.HasPrefix(told["target staging"], "ok ") || !strings.HasSuffix(told["target staging"], "; proofs can be made there") {
		t.Errorf("doctor says %q", told)
	}
	s := serve(t, o)
	second := s.made()
	if r := s.do("POST", "/api/backup/prove/"+second.ID, "", s.signedIn("ADMIN")); r.StatusCode != 202 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	s.wait("the proof", func() bool {
		got, err := s.Service.Info(t.Context(), second.ID)
		return err == nil && got.Verification.Proof != nil && got.Verification.Proof.Target == "staging"
	})
	none := o
	none.env = append(slices.Clone(o.env), "STAGING_URL="+as(""))
	n := serve(t, none)
	third := n.made()
	if r := n.do("POST", "/api/backup/prove/"+third.ID, "", n.signedIn("ADMIN")); r.StatusCode < 400 || !strings.Contains(r.body, "may not create databases") {
		t.Errorf("a role without CREATEDB: %d %s", r.StatusCode, r.body)
	}
	for _, c := range n.Service.Doctor(t.Context()).Checks {
		if c.Name == "target staging" && (c.Result != backup.CheckWarning || !strings.Contains(c.Detail, "may not create databases")) {
			t.Errorf("doctor says %+v", c)
		}
	}
}
