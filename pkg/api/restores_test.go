package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
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

// Where nobody makes restores, none is taken.
func TestNoRestoresHere(t *testing.T) {
	database := newDatabase(t)
	w := newWorld(t, database, func(c *api.Config) { c.LaunchRestore = nil }, withTarget(t, database)...)
	b := w.created(w.http, "")
	w.http(restoreOf(b, "shop_restored", "")).problem(422, "ValidationError", "invalid_input")
	var page contract.ListRestoresResponse
	w.http(ask{"GET", "/api/restore/list", "ADMIN", "", nil}).want(200).into(&page)
	if len(page.Restores) != 0 {
		t.Errorf("%+v", page)
	}
}
