package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
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
