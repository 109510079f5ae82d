package api_test

import (
	"errors"
	"strings"
	"testing"

	"cofre/pkg/api/contract"
)

// Every role and every operation: what may not be done is refused before anything is looked at, and recorded.
func TestRolesAndOperations(t *testing.T) {
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", nil)
	for _, role := range []string{"SUPERADMIN", "ADMIN", "SUPERVISOR", "USUARIO", "nonsense", "admin", ""} {
		for _, op := range w.contract.Operations() {
			q := ask{op.Method, strings.ReplaceAll(op.Path, "{id}", "not-an-id"), role, "", nil}
			allowed := op.Anonymous || role != "" && (op.Permission == "" || may(role)(op.Permission))
			for door, send := range map[string]func(ask) reply{"server": w.http, "function": w.function} {
				r := send(q)
				last := w.trail.last()
				switch {
				case allowed && (r.status == 401 || r.status == 403):
					t.Errorf("%s: %s as %q is refused: %s", door, op.ID, role, r.body)
				case !allowed && role == "":
					r.problem(401, "PermissionError", "token_missing")
				case !allowed:
					r.problem(403, "PermissionError", "not_allowed")
				}
				if allowed {
					continue
				}
				who := "subject-" + role
				if role == "" {
					who = "anonymous"
				}
				if last.Outcome != "denied" || last.Actor != who || last.Role != role || last.Source != "127.0.0.1" || last.Reason == "" || last.RequestID != r.header.Get("X-Request-Id") {
					t.Errorf("%s: %s as %q is recorded as %+v", door, op.ID, role, last)
				}
			}
		}
	}
}

func TestBadTokens(t *testing.T) {
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", nil)
	for header, reason := range map[string]string{
		"":                                     "token_missing",
		"Bearer":                               "token_invalid",
		"Bearer ":                              "token_invalid",
		"Basic dXNlcjpwYXNzd29yZA==":           "token_invalid",
		"Bearer " + strings.Repeat("x", 17000): "token_invalid",
		"Bearer expired":                       "token_expired",
	} {
		q := ask{"GET", "/api/backup/list", "", "", map[string]string{"Authorization": header}}
		if header == "" {
			q.header = nil
		}
		r := w.http(q)
		r.problem(401, "PermissionError", reason)
		challenge := r.header.Get("WWW-Authenticate")
		if !strings.HasPrefix(challenge, "Bearer ") || strings.Contains(challenge, "invalid_token") != (reason != "token_missing") {
			t.Errorf("%.20q: WWW-Authenticate is %q", header, challenge)
		}
		if last := w.trail.last(); last.Outcome != "denied" || last.Reason != reason {
			t.Errorf("%.20q is recorded as %+v", header, last)
		}
	}
	// Trouble of our own is not the caller's fault, and not a denial.
	for _, path := range []string{"/api/backup/list", "/api/health"} {
		r := w.http(ask{"GET", path, "", "", map[string]string{"Authorization": "Bearer unverifiable"}})
		r.problem(503, "FileSystemError", "timeout")
		if last := w.trail.last(); r.header.Get("Retry-After") != "7" || last.Outcome != "failed" {
			t.Errorf("Retry-After is %q, recorded as %+v", r.header.Get("Retry-After"), last)
		}
	}
	// A bad token is refused even where none is needed: whoever sends one wants to be known.
	w.http(ask{"GET", "/api/health", "", "", map[string]string{"Authorization": "Bearer expired"}}).problem(401, "PermissionError", "token_expired")
}

// The trail says who did what, and how it ended; following a backup does not drown it, nor do strangers.
func TestAuditTrail(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil)
	b := w.created(w.http, "")
	w.http(ask{"GET", "/api/backup/download/" + b.ID, "SUPERVISOR", "", map[string]string{"User-Agent": strings.Repeat("x", 500)}}).want(200)
	last := w.trail.last()
	if last.Action != "download" || last.Actor != "subject-SUPERVISOR" || last.Resource != b.ID || last.Outcome != "allowed" || last.Detail["expires_at"] == "" || len(last.UserAgent) > 200 {
		t.Errorf("recorded as %+v", last)
	}
	w.http(ask{"GET", "/api/backup/" + unknownID, "ADMIN", "", nil}).want(404)
	if last := w.trail.last(); last.Outcome != "failed" || last.Code != "ValidationError" || last.Reason != "not_found" || last.Resource != unknownID {
		t.Errorf("recorded as %+v", last)
	}
	count := func(action string) (n int) {
		for _, r := range w.trail.records {
			if r.Action == action {
				n++
			}
		}
		return n
	}
	before := count("status")
	for range 5 {
		w.http(ask{"GET", "/api/backup/status/" + b.ID, "ADMIN", "", nil}).want(200)
		w.http(ask{"GET", "/api/health", "", "", nil})
	}
	if before != 1 || count("status") != 1 || count("health") != 0 {
		t.Errorf("following left %d and %d records, health %d", before, count("status"), count("health"))
	}
	for range 200 {
		w.http(ask{"DELETE", "/api/backup/" + b.ID, "", "", nil}).want(401)
	}
	if n := count("delete"); n < 60 || n > 100 {
		t.Errorf("200 strangers left %d records", n)
	}
	if !strings.Contains(w.log.String(), "not recorded in the audit trail") {
		t.Error("the log does not say that records are missing")
	}
	var page contract.ListAuditResponse
	w.http(ask{"GET", "/api/audit?limit=5", "ADMIN", "", nil}).want(200).into(&page)
	if len(page.Records) != 5 {
		t.Errorf("a page of %d records", len(page.Records))
	}

	w.trail.err = errors.New("the trail cannot be written")
	w.http(ask{"DELETE", "/api/backup/" + b.ID, "ADMIN", "", nil}).want(200)
	if !strings.Contains(w.log.String(), "audit record not written") {
		t.Error("the log does not say that a record could not be written")
	}
}
