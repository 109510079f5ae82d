package api_test

import (
	"strings"
	"testing"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
)

func TestHealth(t *testing.T) {
	now := time.Now()
	free := int64(500)
	w := newWorld(t, newDatabase(t), func(c *api.Config) {
		c.Now = func() time.Time { return now }
		c.Service.FreeSpace = func() (int64, int64, error) { return free, 1000, nil }
	})
	w.created(w.http, "")
	look := func(role string) (contract.HealthResponse, reply) {
		t.Helper()
		var h contract.HealthResponse
		r := w.http(ask{"GET", "/api/health", role, "", nil}).into(&h)
		return h, r
	}
	if h, r := look(""); r.status != 200 || h.Status != "ok" || h.Checks != nil || h.Version != "" {
		t.Errorf("anybody is told %s", r.body)
	}
	if h, r := look("SUPERVISOR"); r.status != 200 || h.Checks != nil {
		t.Errorf("a supervisor is told %s", r.body)
	}
	h, r := look("ADMIN")
	if r.status != 200 || len(h.Checks) != 5 || h.Version != "1.2.3" {
		t.Fatalf("an administrator is told %s", r.body)
	}
	for _, c := range h.Checks {
		if c.Result != "ok" || c.Detail == "" {
			t.Errorf("check %+v", c)
		}
	}

	// One look serves everybody for half a minute.
	free = 0
	if _, r := look(""); r.status != 200 {
		t.Errorf("a second look within half a minute: %s", r.body)
	}
	now = now.Add(31 * time.Second)
	if h, r := look("ADMIN"); r.status != 503 || h.Status != "failing" || h.Checks[0].Result != "failed" || h.Checks[0].Code != "DiskSpaceError" || h.Checks[0].Hint == "" {
		t.Errorf("with a full disk: %s", r.body)
	}
	free = 50
	now = now.Add(31 * time.Second)
	if h, r := look("ADMIN"); r.status != 200 || h.Checks[0].Result != "warning" {
		t.Errorf("with a disk that is nearly full: %s", r.body)
	}
}

func TestHealthOfABrokenDatabase(t *testing.T) {
	w := newWorld(t, "postgresql://nobody:secretword@127.0.0.1:1/none", nil)
	var h contract.HealthResponse
	r := w.http(ask{"GET", "/api/health", "", "", nil}).want(503).into(&h)
	if h.Status != "failing" || strings.Contains(string(r.body), "127.0.0.1") {
		t.Errorf("anybody is told %s", r.body)
	}
	r = w.http(ask{"GET", "/api/health", "ADMIN", "", nil}).want(503).into(&h)
	if h.Checks[1].Name != "database" || h.Checks[1].Result != "failed" || h.Checks[1].Code != "DatabaseConnectionError" || h.Checks[1].Hint == "" {
		t.Errorf("an administrator is told %s", r.body)
	}
	if strings.Contains(string(r.body), "secretword") || strings.Contains(w.log.String(), "secretword") {
		t.Error("the password is told")
	}
}
