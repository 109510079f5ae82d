package api_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// restoreOf is a request for a restore into a database.
func restoreOf(b contract.BackupMetadata, database, more string) ask {
	return ask{"POST", "/api/restore/create", "ADMIN", fmt.Sprintf(`{"backup":%q,"target":"staging","database":%q%s}`, b.ID, database, more), nil}
}

// restored waits for the end of a restore.
func (w *world) restored(id string) (x contract.Restore) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r := w.function(ask{"GET", "/api/restore/status/" + id, "ADMIN", "", nil}).want(200).into(&x)
		ended := x.State != "reserved" && x.State != "running"
		switch {
		case ended != (r.header.Get("Retry-After") == ""):
			w.t.Fatalf("Retry-After is %q of one that is %s", r.header.Get("Retry-After"), x.State)
		case ended:
			return x
		case time.Now().After(deadline):
			w.t.Fatalf("it does not end: %+v", x)
		}
		x = contract.Restore{}
	}
}

// A restore is asked for, followed, listed and on the trail; what is wrong with it is in its record, and nowhere is where the target leads.
func TestRestores(t *testing.T) {
	database := newDatabase(t)
	w := newWorld(t, database, nil, withTarget(t, database)...)
	b := w.created(w.http, "")
	var to contract.ListRestoreTargetsResponse
	if w.http(ask{"GET", "/api/restore/targets", "ADMIN", "", nil}).want(200).into(&to); len(to.Targets) != 1 || to.Targets[0].Name != "staging" || len(to.Targets[0].Modes) != 3 {
		t.Errorf("%+v", to)
	}
	name := fmt.Sprintf("restored_%d", time.Now().UnixNano())
	var x contract.Restore
	r := w.http(restoreOf(b, name, "")).want(202).into(&x)
	if x.State != "reserved" || r.header.Get("Location") != "/api/restore/status/"+x.ID || x.CreatedBy != "subject-ADMIN" || x.BytesTotal != b.Size {
		t.Errorf("%s", r.body)
	}
	last := w.trail.last()
	if last.Action != "restore" || last.Resource != x.ID || last.Detail["backup"] != b.ID || last.Detail["target"] != "staging" || last.Detail["database"] != name || last.Detail["mode"] != "new" {
		t.Errorf("recorded as %+v", last)
	}
	if got := w.restored(x.ID); got.State != "succeeded" || got.Restored.Tool == "" || got.BytesRead == 0 || got.EndedAt.IsZero() || got.HalfFilled {
		t.Errorf("%+v", got)
	}
	w.http(restoreOf(b, name, "")).want(202).into(&x)
	if got := w.restored(x.ID); got.State != "failed" || got.Error.Reason != string(fault.AlreadyExists) || strings.Contains(got.Error.Hint, "--") {
		t.Errorf("%+v", got)
	}
	w.http(restoreOf(b, name, `,"mode":"replace"`)).problem(422, "ValidationError", "invalid_input")
	w.http(restoreOf(b, name, fmt.Sprintf(`,"mode":"replace","confirm":%q,"noOwner":true,"noPrivileges":true`, name))).want(202).into(&x)
	if got := w.restored(x.ID); got.State != "succeeded" || !got.NoOwner || got.Mode != "replace" {
		t.Errorf("%+v", got)
	}
	w.http(ask{"POST", "/api/restore/cancel/" + x.ID, "ADMIN", "", nil}).problem(409, "ValidationError", "busy")

	var page contract.ListRestoresResponse
	w.http(ask{"GET", "/api/restore/list?limit=2", "ADMIN", "", nil}).want(200).into(&page)
	if len(page.Restores) != 2 || page.Restores[0].ID != x.ID || page.Next != page.Restores[1].ID {
		t.Errorf("%+v", page)
	}
	next := page.Next
	page = contract.ListRestoresResponse{}
	w.http(ask{"GET", "/api/restore/list?limit=2&cursor=" + next, "ADMIN", "", nil}).want(200).into(&page)
	if len(page.Restores) != 1 || page.Next != "" {
		t.Errorf("%+v", page)
	}

	w.launcher.idle = true
	w.http(restoreOf(b, name+"_2", "")).want(202).into(&x)
	w.http(ask{"POST", "/api/restore/cancel/" + x.ID, "ADMIN", "", nil}).want(202).into(&x)
	if last := w.trail.last(); x.State != "canceled" || last.Action != "restore_cancel" || last.Detail["target"] != "staging" {
		t.Errorf("%+v, recorded as %+v", x, last)
	}
	// What cannot be begun is on record as failed.
	w.launcher.err = fault.New(fault.Canceled, "", "Ask again.", "the server is being stopped")
	w.http(restoreOf(b, name+"_3", "")).problem(503, "CanceledError", "")
	w.http(ask{"GET", "/api/restore/status/" + w.trail.last().Resource, "ADMIN", "", nil}).want(200).into(&x)
	if x.State != "failed" || x.Error.Reason != string(fault.NotStarted) {
		t.Errorf("%+v", x)
	}
	secret := database[strings.Index(database, "://")+3 : strings.LastIndex(database, "@")]
	secret = secret[strings.Index(secret, ":")+1:]
	for _, r := range w.trail.records {
		if strings.Contains(fmt.Sprint(r), secret) {
			t.Errorf("the target's password is on the trail: %+v", r)
		}
	}
	if strings.Contains(w.log.String(), secret) {
		t.Error("the target's password is in the log")
	}
}

// ends are the records of how a restore ended that are in the app's trail.
func (w *world) ends(id string) (out []contract.AuditRecord) {
	w.t.Helper()
	page, err := w.Audit.List(w.t.Context(), contract.ListAuditParams{Action: "restore_end", Resource: id, Limit: 10})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Records
}

// How a restore ended is in the audit trail, once, whoever ends it.
func TestRestoreEndsAreAudited(t *testing.T) {
	database := newDatabase(t)
	w := newWorld(t, database, nil, withTarget(t, database)...)
	b := w.created(w.http, "")
	name := fmt.Sprintf("restored_%d", time.Now().UnixNano())
	var x contract.Restore
	for what, c := range map[string]struct{ state, outcome, reason string }{
		"one that is made": {"succeeded", "allowed", ""}, "one that fails": {"failed", "failed", "already_exists"}, "one that is canceled": {"canceled", "failed", "canceled_by_user"},
	} {
		switch what {
		case "one that is made":
			name += "_new"
		case "one that fails":
			name = database[strings.LastIndex(database, "/")+1:]
		default:
			name += "_other"
			w.launcher.idle = true
		}
		w.http(restoreOf(b, name, "")).want(202).into(&x)
		if w.launcher.idle {
			w.http(ask{"POST", "/api/restore/cancel/" + x.ID, "ADMIN", "", nil}).want(202)
			w.launcher.idle = false
		}
		w.restored(x.ID)
		w.launcher.work.Wait()
		w.restored(x.ID)
		ends := w.ends(x.ID)
		if len(ends) != 1 {
			t.Fatalf("%s: %+v", what, ends)
		}
		r := ends[0]
		if r.Actor != "subject-ADMIN" || string(r.Outcome) != c.outcome || r.Reason != c.reason || r.Detail["state"] != c.state || r.Detail["target"] != "staging" || r.Detail["database"] != name ||
			r.Detail["mode"] != "new" || r.Detail["backup"] != b.ID || r.Detail["half_filled"] != "false" || (r.Detail["duration_ms"] == "") != (c.state == "canceled") {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

// A plan answers what is in the way instead of failing, and touches nothing; a target that does not answer ends it in time.
func TestRestorePlans(t *testing.T) {
	database := newDatabase(t)
	server := testenv.Postgres(t, testenv.NewestMajor)
	proxy := testenv.Proxy(t, server.Addr())
	w := newWorld(t, database, func(c *api.Config) { c.PlanTime = 3 * time.Second }, withTarget(t, server.URLThrough(proxy.Addr(), "postgres"))...)
	b := w.created(w.http, "")
	plan := func(database, more string) ask {
		q := restoreOf(b, database, more)
		q.target = "/api/restore/plan"
		return q
	}
	name := fmt.Sprintf("planned_%d", time.Now().UnixNano())
	var p contract.RestorePlan
	w.http(plan(name, "")).want(200).into(&p)
	tables := slices.IndexFunc(p.Makes, func(c contract.RestoreCount) bool { return c.Kind == "TABLE" && c.Count == 1 })
	if !p.Ready || len(p.Problems) > 0 || p.Exists || p.Backup != b.ID || p.Target != "staging" || p.Database != name || p.Mode != "new" || tables < 0 || p.Read == 0 || p.Role == "" || p.Truncated {
		t.Errorf("%+v", p)
	}
	if last := w.trail.last(); last.Action != "restore_plan" || last.Detail["target"] != "staging" || last.Detail["database"] != name || last.Outcome != "allowed" {
		t.Errorf("recorded as %+v", last)
	}
	p = contract.RestorePlan{}
	there := database[strings.LastIndex(database, "/")+1:]
	r := w.http(plan(there, "")).want(200).into(&p)
	if p.Ready || len(p.Problems) != 1 || p.Problems[0].Reason != "already_exists" || strings.Contains(p.Problems[0].Hint, "--") || !p.Exists {
		t.Errorf("%s", r.body)
	}
	p = contract.RestorePlan{}
	w.http(plan(there, `,"mode":"part","part":{"tables":["sales.customer"]}`)).want(200).into(&p)
	if p.Ready || p.Part != "table sales.customer" || p.Content == "" {
		t.Errorf("%+v", p)
	}
	p = contract.RestorePlan{}
	if w.http(plan(there, `,"mode":"replace"`)).want(200).into(&p); !p.Ready || p.Mode != "replace" {
		t.Errorf("%+v", p)
	}
	for _, more := range []string{`,"mode":"replace"`, `,"mode":"part","part":{"tables":["sales.customer"]}`} { // nothing to wait for
		if f := w.http(plan(name, more)).problem(409, "DatabaseConnectionError", "database_missing"); f.Hint == "" {
			t.Errorf("%s: %+v", more, f)
		}
	}
	if w.http(plan(there, `,"mode":"part","part":{"tables":["sales.customer"]}`)).want(200).into(&p); len(p.Problems) == 0 || p.Problems[0].Hint == "" {
		t.Errorf("%+v", p.Problems)
	}
	w.http(plan(there, `,"mode":"part"`)).problem(422, "ValidationError", "invalid_input")
	w.http(plan(name, `,"part":{"tables":["none"]}`)).problem(404, "ValidationError", "not_found")
	w.http(plan(name, `,"part":{"tables":["a.b.c"]}`)).problem(422, "ValidationError", "invalid_input")
	w.http(plan(name, `,"globals":true`)).problem(404, "ValidationError", "globals_missing")
	var page contract.ListRestoresResponse
	if w.http(ask{"GET", "/api/restore/list", "ADMIN", "", nil}).want(200).into(&page); len(page.Restores) > 0 {
		t.Errorf("on record: %+v", page)
	}
	proxy.Stall(testenv.ToClient)
	started := time.Now()
	w.http(plan(name, "")).problem(503, "DatabaseConnectionError", "timeout")
	if took := time.Since(started); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	proxy.Heal()
	proxy.Cut()
	if f := w.http(plan(name, "")).problem(503, "DatabaseConnectionError", "port_refused"); strings.Contains(f.Detail, server.Password) {
		t.Errorf("%+v", f)
	}
}

// The same request with an idempotency key is made once over HTTP, too.
func TestRestoreAskedTwice(t *testing.T) {
	database := newDatabase(t)
	w := newWorld(t, database, nil, withTarget(t, database)...)
	b := w.created(w.http, "")
	q := restoreOf(b, fmt.Sprintf("restored_%d", time.Now().UnixNano()), `,"part":{"tables":["sales.customer"],"withDependencies":true},"noOwner":true`)
	q.header = map[string]string{"Idempotency-Key": "one"}
	var first, again contract.Restore
	w.http(q).want(202).into(&first)
	if len(first.Part.Tables) != 1 || !first.Part.WithDependencies || !first.NoOwner {
		t.Errorf("%+v", first)
	}
	if got := w.restored(first.ID); got.State != "succeeded" {
		t.Errorf("%+v", got)
	}
	if w.function(q).want(202).into(&again); again.ID != first.ID || again.State != "succeeded" {
		t.Errorf("%+v", again)
	}
	q.body = strings.Replace(q.body, `"noOwner":true`, `"noOwner":false`, 1)
	w.http(q).problem(422, "ValidationError", "invalid_input")
	q.header["Idempotency-Key"] = "a key"
	w.http(q).want(400)
}

// Where nobody makes restores, none is taken.
func TestNoRestoresHere(t *testing.T) {
	database := newDatabase(t)
	w := newWorld(t, database, func(c *api.Config) { c.LaunchRestore = nil }, withTarget(t, database)...)
	b := w.created(w.http, "")
	q := restoreOf(b, "shop_restored", "")
	w.http(q).problem(422, "ValidationError", "invalid_input")
	q.target = "/api/restore/plan"
	w.http(q).problem(422, "ValidationError", "invalid_input")
	var to contract.ListRestoreTargetsResponse
	if w.http(ask{"GET", "/api/restore/targets", "ADMIN", "", nil}).want(200).into(&to); len(to.Targets) != 0 {
		t.Errorf("%+v", to)
	}
	var page contract.ListRestoresResponse
	w.http(ask{"GET", "/api/restore/list", "ADMIN", "", nil}).want(200).into(&page)
	if len(page.Restores) != 0 {
		t.Errorf("%+v", page)
	}
}

// A target whose role lacks a right is no defect: the answer says which right, and the statement that grants it, before anything is begun. What
// pg_restore said of a failure is told without a log, and a record that was written over hides no other.
func TestRestoreFailuresAreTold(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	role, password := server.NewRole(t, "")
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	const text = "targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n    allow: [new, part]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, newDatabase(t), nil, "BACKUP_CONFIG="+file, "STAGING_URL="+server.URLAs(role, password, "postgres"))
	b := w.created(w.http, "")
	name := fmt.Sprintf("restored_%d", time.Now().UnixNano())
	const foreign = `,"noOwner":true,"noPrivileges":true`
	create := restoreOf(b, name, foreign)
	look := create
	look.target = "/api/restore/plan"
	var p contract.RestorePlan
	w.http(look).want(200).into(&p)
	if len(p.Problems) != 1 || p.Ready || p.Problems[0].Reason != "missing_privilege" {
		t.Fatalf("%+v", p)
	}
	grant := p.Problems[0].Hint
	if want := "ALTER ROLE \"" + role + "\" CREATEDB."; grant != want {
		t.Errorf("hint is %s, want %s", grant, want)
	}
	if f := w.http(create).problem(409, "PermissionError", "missing_privilege"); f.Hint != grant {
		t.Errorf("%+v", f)
	}
	var page contract.ListRestoresResponse
	if w.http(ask{"GET", "/api/restore/list", "ADMIN", "", nil}).want(200).into(&page); len(page.Restores) > 0 {
		t.Errorf("on record: %+v", page)
	}
	server.Exec(t, "postgres", strings.TrimSuffix(grant, "."))
	var good, bad contract.Restore
	w.http(create).want(202).into(&good)
	if good = w.restored(good.ID); good.State != "succeeded" {
		t.Fatalf("%+v", good)
	}
	testenv.LoadSQL(t, server.URL(name), "TRUNCATE sales.customer; ALTER TABLE sales.customer ADD CHECK (id < 0)")
	w.http(restoreOf(b, name, foreign+`,"mode":"part","part":{"tables":["sales.customer"],"dataOnly":true}`)).want(202).into(&bad)
	bad = w.restored(bad.ID)
	if e := bad.Error; bad.State != "failed" || e.Reason != "exit_status" || !strings.Contains(strings.Join(e.Messages, "\n"), "violates check constraint") {
		t.Errorf("%+v", bad.Error)
	}
	if _, err := w.Store.Put(t.Context(), registry.RestoreKey(bad.ID), []byte("{}"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	w.http(ask{"GET", "/api/restore/status/" + bad.ID, "ADMIN", "", nil}).problem(500, "ValidationError", "structure_damaged")
	w.http(ask{"POST", "/api/restore/cancel/" + bad.ID, "ADMIN", "", nil}).problem(500, "ValidationError", "structure_damaged")
	if w.http(ask{"GET", "/api/restore/list", "ADMIN", "", nil}).want(200).into(&page); len(page.Restores) != 1 || page.Restores[0].ID != good.ID {
		t.Errorf("%+v", page)
	}
}

// A restored database takes the place of the damaged one, and back: looked at first, where the target allows it, with the name typed.
func TestSwitch(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	damaged := newDatabase(t)
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	const text = "targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n    allow: [new, switch]\n  - name: other\n    connection: {env: STAGING_URL}\n    allow: [new, replace, part]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, damaged, nil, "BACKUP_CONFIG="+file, "STAGING_URL="+server.URL("postgres"))
	var to contract.ListRestoreTargetsResponse
	if w.http(ask{"GET", "/api/restore/targets", "ADMIN", "", nil}).want(200).into(&to); !to.Targets[0].Switch || to.Targets[1].Switch {
		t.Errorf("%+v", to)
	}
	b := w.created(w.http, "")
	place, name := damaged[strings.LastIndex(damaged, "/")+1:], fmt.Sprintf("restored_%d", time.Now().UnixNano())
	kept := name + "_kept"
	var x contract.Restore
	w.http(restoreOf(b, name, "")).want(202).into(&x)
	if x = w.restored(x.ID); x.State != "succeeded" {
		t.Fatalf("%+v", x)
	}
	testenv.LoadSQL(t, damaged, "CREATE TABLE damaged ()")
	app, err := pgx.Connect(t.Context(), damaged+"?application_name=till")
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close(context.Background())
	request := func(target, from, database, more string) ask {
		return ask{"POST", "/api/restore/switch", "ADMIN", fmt.Sprintf(`{"target":%q,"from":%q,"database":%q,"restore":%q%s}`, target, from, database, x.ID, more), nil}
	}
	var plan, done contract.SwitchReport
	w.http(request("staging", name, place, `,"dryRun":true`)).want(200).into(&plan)
	if !plan.DryRun || !strings.HasPrefix(plan.Kept, place+"_before_") || plan.Sessions < 1 || !slices.ContainsFunc(plan.Connected, func(s contract.SwitchSession) bool {
		return s.Application == "till" && s.Database == place && s.Sessions == 1
	}) {
		t.Errorf("%+v", plan)
	}
	if last := w.trail.last(); last.Action != "restore_switch" || last.Detail["dry_run"] != "true" || last.Detail["target"] != "staging" {
		t.Errorf("recorded as %+v", last)
	}
	confirmed := fmt.Sprintf(`,"keep":%q,"confirm":%q`, kept, place)
	w.http(request("staging", name, place, "")).problem(422, "ValidationError", "invalid_input")
	w.http(request("other", name, place, confirmed)).problem(422, "ValidationError", "invalid_input")
	w.http(request("staging", "elsewhere", place+"_x", confirmed)).problem(422, "ValidationError", "invalid_input") // another restore's
	if err := app.Ping(t.Context()); err != nil {
		t.Fatalf("a session was ended by what was refused: %v", err)
	}
	w.http(request("staging", name, place, confirmed)).want(200).into(&done)
	if done.DryRun || done.Database != place || done.From != name || done.Kept != kept {
		t.Errorf("%+v", done)
	}
	if err := app.Ping(t.Context()); err == nil {
		t.Error("the session in the damaged database goes on")
	}
	if last := w.trail.last(); last.Resource != x.ID || last.Detail["from"] != name || last.Detail["database"] != place || last.Detail["kept"] != kept || last.Detail["dry_run"] != "false" {
		t.Errorf("recorded as %+v", last)
	}
	if x = w.restored(x.ID); x.Switched.Database != place || x.Switched.Kept != kept || x.Switched.By != "subject-ADMIN" || x.Switched.At.IsZero() {
		t.Errorf("%+v", x.Switched)
	}
	w.http(request("staging", name, place, confirmed)).problem(409, "ValidationError", "already_exists") // what is kept has the name
	w.http(request("staging", name, place, fmt.Sprintf(`,"confirm":%q`, place))).problem(422, "ValidationError", "database_missing")
	testenv.LoadSQL(t, server.URL(kept), "TABLE damaged")
	testenv.LoadSQL(t, damaged, "TABLE sales.customer")
	w.http(request("staging", kept, place, fmt.Sprintf(`,"keep":%q,"confirm":%q`, name, place))).want(200)
	if x = w.restored(x.ID); x.Switched.Database != "" {
		t.Errorf("%+v", x.Switched)
	}
	testenv.LoadSQL(t, damaged, "TABLE damaged")
	plan = contract.SwitchReport{}
	if w.http(request("staging", name, kept, `,"dryRun":true`)).want(200).into(&plan); plan.Kept != "" {
		t.Errorf("nothing has the name: %+v", plan)
	}
	w.launcher.idle = true // nothing takes a name that a restore is about to go into
	w.http(restoreOf(b, kept, "")).want(202)
	w.http(request("staging", name, kept, "")).problem(409, "ValidationError", "busy")
}
