package api_test

import (
	"net/http"
	"testing"

	"cofre/pkg/api"
)

// A function serves its own operations; the others are as unknown to it as a path that does not exist, and only its own
// methods are named.
func TestOnlyOwnOperations(t *testing.T) {
	w := newWorld(t, "", func(c *api.Config) { c.Operations = []string{"listBackups", "getSettings"} })
	for _, x := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/backup/list", 200, ""},
		{"GET", "/api/backup/settings", 200, ""},
		{"PUT", "/api/backup/settings", 405, "GET"},
		{"POST", "/api/backup/create", 404, ""},
		{"GET", "/api/backup/create", 404, ""},
		{"GET", "/api/health", 404, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), x.method, w.server.URL+x.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token("ADMIN"))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != x.status || resp.Header.Get("Allow") != x.allow {
			t.Errorf("%s %s: %d, allow %q", x.method, x.path, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
}
