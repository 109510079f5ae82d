package api_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// The whole life of a backup, as the UI lives it.
func TestLifeOfABackup(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil)
	var b contract.BackupMetadata
	r := w.http(ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"filename":"before","directory":"manual","labels":{"why":"test"}}}`, nil}).want(202).into(&b)
	if b.Status != "in_progress" || b.Filename != "before.dump" || b.Trigger != "api" || b.CreatedBy == "" {
		t.Fatalf("reserved as %+v", b)
	}
	if r.header.Get("Location") != "/api/backup/status/"+b.ID {
		t.Errorf("Location is %q", r.header.Get("Location"))
	}
	if s := w.finished(w.http, b.ID); s.Status != "completed" || *s.Progress != 100 {
		t.Fatalf("ended as %+v", s)
	}
	w.http(ask{"GET", "/api/backup/" + b.ID, "SUPERVISOR", "", nil}).want(200).into(&b)
	if b.Status != "success" || !b.Verification.Ok || b.Size == 0 || len(b.Checksum) != 64 || b.Filepath != "files/manual/before.dump" {
		t.Fatalf("made as %+v", b)
	}

	var page contract.ListBackupsResponse
	w.http(ask{"GET", "/api/backup/list?label=why%3Dtest&status=success", "SUPERVISOR", "", nil}).want(200).into(&page)
	if page.Total != 1 || len(page.Backups) != 1 || page.Backups[0].ID != b.ID {
		t.Errorf("listed as %+v", page)
	}

	for query, want := range map[string]int{"label=why&label=why%3Dtest": 1, "label=why%3Dtest&label=nothing": 0} { // all of them
		for _, door := range []func(ask) reply{w.http, w.function} {
			if door(ask{"GET", "/api/backup/list?" + query, "SUPERVISOR", "", nil}).want(200).into(&page); page.Total != want {
				t.Errorf("%s lists %d", query, page.Total)
			}
		}
	}

	var link contract.DownloadLink
	w.http(ask{"GET", "/api/backup/download/" + b.ID, "SUPERVISOR", "", nil}).want(200).into(&link)
	if left := time.Until(link.ExpiresAt); left < 14*time.Minute || left > 15*time.Minute || link.ExpiresIn < 14*60 || link.ExpiresIn > 15*60 || link.Checksum != b.Checksum || link.Size != b.Size || link.Filename != b.Filename {
		t.Errorf("link is %+v", link)
	}
	got, err := http.Get(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != 200 || got.ContentLength != b.Size || !strings.Contains(got.Header.Get("Content-Disposition"), "before.dump") {
		t.Errorf("the link answers %s, %d bytes, %q", got.Status, got.ContentLength, got.Header.Get("Content-Disposition"))
	}
	for what, changed := range map[string]string{
		"another expiry":    strings.Replace(link.URL, "expires=", "expires=9", 1),
		"another object":    strings.Replace(link.URL, "files/manual/before.dump", "registry.json", 1),
		"another file name": strings.Replace(link.URL, "name=before.dump", "name=other.dump", 1),
		"no signature":      link.URL[:strings.Index(link.URL, "signature=")],
	} {
		if changed == link.URL {
			t.Fatalf("%s: nothing was changed in a link", what)
		}
		got, err := http.Get(changed)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode < 400 || got.StatusCode >= 500 {
			t.Errorf("a link with %s answers %s", what, got.Status)
		}
	}
	r = w.http(ask{"GET", "/api/backup/download/" + b.ID + "?redirect=1&expiresIn=60", "ADMIN", "", nil}).want(302)
	if !strings.Contains(r.header.Get("Location"), "signature=") || len(r.body) > 0 {
		t.Errorf("redirected to %q with %d bytes", r.header.Get("Location"), len(r.body))
	}
	if log := w.log.String(); strings.Contains(log, "signature=") || strings.Contains(log, "expires=") {
		t.Error("a presigned link stands in the log")
	}

	var v contract.ValidationResponse
	w.http(ask{"POST", "/api/backup/validate/" + b.ID, "ADMIN", "", nil}).want(200).into(&v)
	if !v.Valid || v.Level != "full" || v.Contents.Tables != 1 || v.Backup.Verification.Level != "full" {
		t.Errorf("validated as %+v", v)
	}

	w.http(ask{"POST", "/api/backup/cancel/" + b.ID, "ADMIN", "", nil}).want(409)
	var pinned contract.BackupMetadata
	w.http(ask{"PUT", "/api/backup/pin/" + b.ID, "ADMIN", `{"reason":"audit of 2026","until":"2099-01-01T00:00:00Z"}`, nil}).want(200).into(&pinned)
	if p := pinned.Pin; p.Reason != "audit of 2026" || p.By != "subject-ADMIN" || p.Until.Year() != 2099 {
		t.Errorf("pinned as %+v", p)
	}
	w.http(ask{"DELETE", "/api/backup/" + b.ID, "ADMIN", "", nil}).problem(409, "ValidationError", "protected")
	w.http(ask{"PUT", "/api/backup/pin/" + b.ID, "ADMIN", `{"until":"2099-01-01T00:00:00Z"}`, nil}).want(400)
	var unpinned contract.BackupMetadata
	if w.http(ask{"DELETE", "/api/backup/pin/" + b.ID, "ADMIN", "", nil}).want(200).into(&unpinned); !unpinned.Pin.At.IsZero() {
		t.Errorf("unpinned as %+v", unpinned.Pin)
	}
	var gone contract.DeleteBackupResponse
	w.http(ask{"DELETE", "/api/backup/" + b.ID, "ADMIN", "", nil}).want(200).into(&gone)
	if !gone.Success || !strings.Contains(gone.Message, "before.dump") {
		t.Errorf("deleted as %+v", gone)
	}
	for _, q := range []ask{
		{"GET", "/api/backup/" + b.ID, "ADMIN", "", nil}, {"GET", "/api/backup/status/" + b.ID, "ADMIN", "", nil},
		{"GET", "/api/backup/download/" + b.ID, "ADMIN", "", nil}, {"DELETE", "/api/backup/" + b.ID, "ADMIN", "", nil},
		{"POST", "/api/backup/validate/" + b.ID, "ADMIN", "", nil}, {"POST", "/api/backup/cancel/" + b.ID, "ADMIN", "", nil},
	} {
		w.http(q).problem(404, "ValidationError", "not_found")
	}
	got, err = http.Get(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != 404 {
		t.Errorf("the link to a deleted backup answers %s", got.Status)
	}
}

// A database that cannot be reached shows in the status, not in the answer to create.
func TestFailedBackup(t *testing.T) {
	w := newWorld(t, "postgresql://nobody:wrong@127.0.0.1:1/none", nil)
	var b contract.BackupMetadata
	w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil}).want(202).into(&b)
	if s := w.finished(w.http, b.ID); s.Status != "failed" || s.Error.Code != "DatabaseConnectionError" || s.Error.Hint == "" {
		t.Fatalf("ended as %+v", s)
	}
	w.http(ask{"GET", "/api/backup/download/" + b.ID, "ADMIN", "", nil}).problem(404, "ValidationError", "object_missing")
	w.http(ask{"POST", "/api/backup/validate/" + b.ID, "ADMIN", "", nil}).problem(404, "ValidationError", "object_missing")
}

// A selection takes what it needs elsewhere along when it is asked to, over both doors; without a selection that is refused.
func TestCreateWithDependencies(t *testing.T) {
	url := newDatabase(t)
	testenv.LoadSQL(t, url, "CREATE SCHEMA common; CREATE TABLE common.country (id int PRIMARY KEY); CREATE SCHEMA crm; CREATE TABLE crm.customer (id int REFERENCES common.country)")
	w := newWorld(t, url, nil)
	for name, door := range map[string]func(ask) reply{"server": w.http, "gateway": w.function} {
		b := w.created(door, `{"options":{"selection":{"schemas":["crm"],"withDependencies":true}}}`)
		if !b.Selection.WithDependencies || len(b.Selection.Schemas) != 1 {
			t.Errorf("%s: the record says %+v", name, b.Selection)
		}
		to := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
		if _, err := w.App.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: to}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		door(ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"selection":{"withDependencies":true}}}`, nil}).problem(422, "ValidationError", "invalid_input")
	}
}

// Every field of a selection comes through both doors as it was sent, into the record and out of it.
func TestEveryFieldOfASelection(t *testing.T) {
	url := newDatabase(t)
	testenv.LoadSQL(t, url, "CREATE SCHEMA crm; CREATE TABLE crm.log (x int); CREATE EXTENSION hstore; CREATE EXTENSION file_fdw; CREATE SERVER far FOREIGN DATA WRAPPER file_fdw")
	w := newWorld(t, url, nil)
	sent := `{"schemas":["crm"],"excludeSchemas":["b"],"excludeTables":["c.d"],"excludeTableData":["crm.log*"],"excludeTablesAndChildren":["f"],
		"excludeTableDataAndChildren":["g"],"extensions":["hstore"],"excludeExtensions":["i"],"largeObjects":false,"rowSecurity":true,"statistics":true,"foreignData":["fa?"],"withDependencies":true}`
	tables := `{"tables":["crm.log"],"tablesAndChildren":["crm.l*"],"largeObjects":true}`
	all := map[string]bool{}
	for name, door := range map[string]func(ask) reply{"server": w.http, "gateway": w.function} {
		for _, text := range []string{sent, tables} {
			var want, got map[string]any
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			b := w.created(door, `{"options":{"selection":`+text+`}}`)
			data, err := json.Marshal(b.Selection)
			if err == nil {
				err = json.Unmarshal(data, &got)
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the record says %s, %v", name, data, err)
			}
			if b.Whole {
				t.Errorf("%s: it is no part: %s", name, data)
			}
			for k := range want {
				all[k] = true
			}
		}
		b := w.created(door, `{"options":{"selection":{"statistics":true,"foreignData":["far"]}}}`)
		if !b.Whole || b.Part != "" || !b.Selection.Statistics || b.Engine != "pg_dump" || b.EngineReason != "it holds rows of foreign tables" {
			t.Errorf("%s: whole %t (%s), %+v, engine %s (%s)", name, b.Whole, b.Part, b.Selection, b.Engine, b.EngineReason)
		}
		for _, refused := range []string{`"includeData":false,"selection":{"foreignData":["far"]}`, `"includeData":false,"selection":{"largeObjects":true}`, `"includeSchema":false,"selection":{"statistics":true}`} {
			p := door(ask{"POST", "/api/backup/create", "ADMIN", `{"options":{` + refused + `}}`, nil}).problem(422, "ValidationError", "invalid_input")
			if p.Hint == "" || strings.Contains(p.Detail+p.Hint, "--") {
				t.Errorf("%s: %s: %+v", name, refused, p)
			}
		}
		door(ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"selection":{"filter":"/etc/passwd"}}}`, nil}).want(400)
	}
	if n := reflect.TypeFor[contract.Selection]().NumField(); len(all) != n || reflect.TypeFor[registry.Selection]().NumField() != n+1 { // which has Lost
		t.Errorf("%d fields were sent, of %d", len(all), n)
	}
}
