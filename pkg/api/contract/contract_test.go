package contract

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func load(t testing.TB) *Contract {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func find(t testing.TB, method, path string) (*Operation, map[string]string) {
	t.Helper()
	op, params, _ := load(t).Find(method, path)
	if op == nil {
		t.Fatalf("no operation %s %s", method, path)
	}
	return op, params
}

const someID = "01JZ8Q4M9T4Y3V6K2W1X0N5BCD"

func TestGeneratedFilesAreCurrent(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(filepath.Join("..", "..", "..", "api", "generate"), dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("api/generate: %v\n%s", err, out)
	}
	for _, name := range []string{"types.gen.go", "openapi.gen.json"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what api/openapi.yaml gives; run: make generate", name)
		}
	}
}

// The routes are the project's promise to its users.
func TestRoutes(t *testing.T) {
	var got []string
	for _, op := range load(t).Operations() {
		got = append(got, op.Method+" "+op.Path)
		if open := op.Anonymous || op.ID == "getSession"; op.ID == "" || op.Permission == "" && !open { // whoever has a token may ask who it is
			t.Errorf("%s %s: id %q, permission %q", op.Method, op.Path, op.ID, op.Permission)
		}
	}
	want := []string{
		"POST /api/backup/create", "GET /api/backup/list", "GET /api/backup/{id}", "GET /api/backup/download/{id}",
		"GET /api/backup/contents/{id}", "GET /api/backup/diff/{id}", "GET /api/backup/log/{id}", "GET /api/backup/rows/{id}",
		"GET /api/backup/status/{id}", "DELETE /api/backup/{id}", "POST /api/backup/validate/{id}", "POST /api/backup/prove/{id}",
		"POST /api/backup/cancel/{id}", "PUT /api/backup/pin/{id}", "DELETE /api/backup/pin/{id}", "POST /api/backup/cleanup", "GET /api/backup/settings", "PUT /api/backup/settings", "GET /api/session",
		"GET /api/audit", "GET /api/metrics/summary", "GET /api/database/list", "GET /api/health",
		"GET /api/restore/targets", "POST /api/restore/plan", "POST /api/restore/create", "GET /api/restore/list", "GET /api/restore/status/{id}", "POST /api/restore/cancel/{id}", "POST /api/restore/switch",
		"GET /api/source/list", "POST /api/source/create", "POST /api/source/test", "GET /api/source/{name}", "PUT /api/source/{name}", "DELETE /api/source/{name}",
		"GET /api/place/list", "POST /api/place/create", "GET /api/place/{name}", "PUT /api/place/{name}", "DELETE /api/place/{name}", "POST /api/place/test",
		"GET /api/channel/list", "POST /api/channel/create", "POST /api/channel/test", "GET /api/channel/{name}", "PUT /api/channel/{name}", "DELETE /api/channel/{name}", "POST /api/channel/test/{name}", "GET /api/event/list",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("operations are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFind(t *testing.T) {
	c := load(t)
	for _, x := range []struct{ method, path, want, allow string }{
		{"GET", "/api/backup/list", "listBackups", ""},
		{"GET", "/api/backup/" + someID, "getBackup", ""},
		{"DELETE", "/api/backup/" + someID, "deleteBackup", ""},
		{"DELETE", "/api/backup/list", "", "GET"}, // a plain path wins over {id}, whatever the method
		{"PATCH", "/api/backup/" + someID, "", "DELETE GET"},
		{"GET", "/api/backup/", "", ""},
		{"GET", "/api/backup/list/", "", ""},
		{"GET", "/api/backup/download/", "", ""},
		{"GET", "/", "", ""},
		{"GET", "", "", ""},
		{"GET", "/api/backup/{id}", "getBackup", ""},
	} {
		op, params, allow := c.Find(x.method, x.path)
		id := ""
		if op != nil {
			id = op.ID
		}
		slices.Sort(allow)
		if id != x.want || strings.Join(allow, " ") != x.allow {
			t.Errorf("%s %s: operation %q, allow %v", x.method, x.path, id, allow)
		}
		if op != nil && strings.Contains(op.Path, "{id}") && params["id"] == "" {
			t.Errorf("%s %s: no id", x.method, x.path)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, x := range []struct{ name, method, target, body, at, detail string }{
		{"bad id", "GET", "/api/backup/..", "", "id", "form"},
		{"lower-case id", "GET", "/api/backup/" + strings.ToLower(someID), "", "id", "form"},
		{"unknown parameter", "GET", "/api/backup/list?sort=size", "", "sort", "no such"},
		{"twice", "GET", "/api/backup/list?limit=1&limit=2", "", "limit", "more than once"},
		{"an empty label", "GET", "/api/backup/list?label=a&label=", "", "label", ""},
		{"many labels", "GET", "/api/backup/list?" + strings.Repeat("label=a&", 21), "", "label", ""},
		{"no number", "GET", "/api/backup/list?limit=one", "", "limit", "whole number"},
		{"too small", "GET", "/api/backup/list?limit=0", "", "limit", "at least"},
		{"too large", "GET", "/api/backup/list?limit=201", "", "limit", "at most"},
		{"enum", "GET", "/api/backup/list?status=done", "", "status", "one of"},
		{"boolean", "GET", "/api/backup/list?damaged=1", "", "damaged", "true or false"},
		{"time", "GET", "/api/backup/list?since=yesterday", "", "since", ""},
		{"cursor", "GET", "/api/backup/list?cursor=%00", "", "cursor", "form"},
		{"not UTF-8", "GET", "/api/backup/list?search=%ff", "", "search", "UTF-8"},
		{"redirect", "GET", "/api/backup/download/" + someID + "?redirect=yes", "", "redirect", "whole number"},
		{"body where none belongs", "POST", "/api/backup/cancel/" + someID, "{}", "", "no body"},
		{"no JSON", "POST", "/api/backup/create", "{", "", "too early"},
		{"two values", "POST", "/api/backup/create", "{}{}", "", "one value"},
		{"no object", "POST", "/api/backup/create", "[]", "", "object"},
		{"null", "POST", "/api/backup/create", "null", "", "object"},
		{"not UTF-8 body", "POST", "/api/backup/create", "{\"options\":\"\xff\"}", "", "UTF-8"},
		{"unknown field", "POST", "/api/backup/create", `{"options":{"shell":"sh"}}`, "/options", `no field "shell"`},
		{"wrong case", "POST", "/api/backup/create", `{"Options":{}}`, "", `no field "Options"`},
		{"type", "POST", "/api/backup/create", `{"options":{"compress":"yes"}}`, "/options/compress", "boolean"},
		{"path as name", "POST", "/api/backup/create", `{"options":{"filename":"../x"}}`, "/options/filename", "form"},
		{"path upwards", "POST", "/api/backup/create", `{"options":{"directory":"a/../../x"}}`, "/options/directory", "form"},
		{"absolute", "POST", "/api/backup/create", `{"options":{"directory":"/etc"}}`, "/options/directory", "form"},
		{"long name", "POST", "/api/backup/create", `{"options":{"filename":"` + strings.Repeat("x", 1000) + `"}}`, "/options/filename", "200"},
		{"control", "POST", "/api/backup/create", `{"options":{"filename":"a\nb"}}`, "/options/filename", "form"},
		{"option", "POST", "/api/backup/create", `{"options":{"compression":"zstd:99"}}`, "/options/compression", "form"},
		{"label name", "POST", "/api/backup/create", `{"options":{"labels":{"a\u0000":"b"}}}`, "/options/labels", "name"},
		{"days", "POST", "/api/backup/cleanup", `{"days":-1}`, "/days", "at least"},
		{"fraction", "POST", "/api/backup/cleanup", `{"days":1.5}`, "/days", "integer"},
		{"huge number", "POST", "/api/backup/cleanup", `{"days":1e99999999}`, "", "out of range"},
		{"tiny number", "POST", "/api/backup/cleanup", `{"days":1e-99999999}`, "", "out of range"},
		{"no settings", "PUT", "/api/backup/settings", "", "", "needed"},
		{"half the settings", "PUT", "/api/backup/settings", `{"maxBackups":1}`, "", "lacks"},
	} {
		t.Run(x.name, func(t *testing.T) {
			path, query, _ := strings.Cut(x.target, "?")
			op, params := find(t, x.method, path)
			q, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			_, wrong := op.Check(params, q, http.Header{}, []byte(x.body))
			if len(wrong) == 0 {
				t.Fatal("it was taken")
			}
			if wrong[0].At != x.at || !strings.Contains(wrong[0].Detail, x.detail) {
				t.Errorf("got %+v", wrong)
			}
		})
	}
}

func TestCheckReads(t *testing.T) {
	op, _ := find(t, "GET", "/api/backup/list")
	v, wrong := op.Check(nil, url.Values{"since": {"2026-01-02T03:04:05Z"}, "damaged": {"true"}, "status": {"failed"}}, http.Header{}, nil)
	var p ListBackupsParams
	if err := v.Parameters(&p); err != nil || len(wrong) > 0 {
		t.Fatal(err, wrong)
	}
	if p.Limit != 50 || !p.Damaged || p.Status != "failed" || p.Since.Year() != 2026 {
		t.Errorf("read as %+v", p)
	}
	op, _ = find(t, "POST", "/api/backup/cleanup")
	v, wrong = op.Check(nil, nil, http.Header{}, []byte(`{"days":3e1,"dryRun":true}`))
	var c CleanupRequest
	if err := v.Body(&c); err != nil || len(wrong) > 0 || *c.Days != 30 || !c.DryRun {
		t.Errorf("read as %+v, %v, %v", c, err, wrong)
	}
	op, _ = find(t, "POST", "/api/backup/create")
	v, wrong = op.Check(nil, nil, http.Header{"Idempotency-Key": {"a-1"}}, []byte(`{"options":{"directory":"cópias/diárias","labels":{"dono":"joão"}}}`))
	var b CreateBackupRequest
	if err := v.Body(&b); err != nil || len(wrong) > 0 || b.Options.Directory != "cópias/diárias" || b.Options.IncludeData != nil {
		t.Errorf("read as %+v, %v, %v", b, err, wrong)
	}
	var h CreateBackupParams
	if err := v.Parameters(&h); err != nil || h.IdempotencyKey != "a-1" {
		t.Errorf("read as %+v, %v", h, err)
	}
}

func TestCheckAnswer(t *testing.T) {
	op, _ := find(t, "DELETE", "/api/backup/"+someID)
	header := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r"}}
	good := `{"success":true,"message":"gone"}`
	if err := op.CheckAnswer(200, header, []byte(good)); err != nil {
		t.Error(err)
	}
	for name, x := range map[string]struct {
		status int
		header http.Header
		body   string
	}{
		"undocumented status":    {201, header, good},
		"undocumented field":     {200, header, `{"success":true,"message":"gone","secret":"x"}`},
		"missing field":          {200, header, `{"success":true}`},
		"missing header":         {200, http.Header{"Content-Type": {"application/json"}}, good},
		"content type":           {200, http.Header{"Content-Type": {"text/html"}, "X-Request-Id": {"r"}}, good},
		"no JSON":                {200, header, `<p>`},
		"problem without a code": {404, http.Header{"Content-Type": {"application/problem+json"}, "X-Request-Id": {"r"}}, `{"type":"about:blank","title":"Not Found","status":404,"detail":"x","requestId":"r"}`},
	} {
		if op.CheckAnswer(x.status, x.header, []byte(x.body)) == nil {
			t.Errorf("%s: the answer was taken", name)
		}
	}
}

// FuzzCheck: whatever a body holds, checking it ends, and what is accepted can be read into the Go type.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{}`, `{"options":{"filename":"a","labels":{"a":"b"},"selection":{"schemas":["x"]}}}`, `{"options":null}`, `[1e9]`, `{"options":{"compress":true,"compress":1}}`} {
		f.Add([]byte(s), "limit=1&cursor=a")
	}
	c := load(f)
	create, _, _ := c.Find("POST", "/api/backup/create")
	list, _, _ := c.Find("GET", "/api/backup/list")
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		v, wrong := create.Check(nil, nil, http.Header{}, body)
		var req CreateBackupRequest
		if len(wrong) == 0 {
			if err := v.Body(&req); err != nil {
				t.Fatalf("accepted, and not readable: %v", err)
			}
		}
		for _, w := range wrong {
			if len(w.At) > 1000 || len(w.Detail) > 400 {
				t.Fatalf("a long answer: %+v", w)
			}
		}
		if q, err := url.ParseQuery(query); err == nil {
			v, wrong := list.Check(nil, q, http.Header{}, nil)
			var p ListBackupsParams
			if len(wrong) == 0 {
				if err := v.Parameters(&p); err != nil {
					t.Fatalf("accepted, and not readable: %v", err)
				}
			}
			if _, err := json.Marshal(wrong); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
