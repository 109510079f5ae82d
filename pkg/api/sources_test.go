package api_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"cofre/pkg/api/contract"
	"cofre/pkg/configfile"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// Sources are made, shown, tried, changed, paused and removed over the API, with what somebody wrote and no more (a retention of 0 days, and copies nowhere, stay);
// what may not stand in the bucket is refused, what somebody planted there is shown and not used, what the file says wins, a password goes to no other host,
// and no answer has one.
func TestKeptSources(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	if err := os.WriteFile(file, []byte("sources:\n  - {name: files, connection: {env: SHOP_URL}, schedule: 30 2 * * *, zone: Europe/Lisbon}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	database := newDatabase(t)
	w := newWorld(t, "", nil, "BACKUP_CONFIG="+file, "SHOP_URL="+database, "BACKUP_SERVER_KEY="+id.String())
	create := func(settings, connection string) reply {
		return w.http(ask{"POST", "/api/source/create", "ADMIN", `{"settings":` + settings + `,"connection":` + connection + `}`, nil})
	}
	url := `{"url":` + strconv.Quote(database) + `}`
	const settings = `{"name":"shop","schedule":"0 3 * * *","copies":[],"retention":{"days":0,"keepDaily":7},"thresholds":{"rowsLostPercent":0}}`
	var made contract.SourceDetails
	r := create(settings, url)
	r.want(201).into(&made)
	if !made.Editable || made.Version == "" || made.Connection.Kind != "stored" || made.Connection.Host == "" || made.Connection.User == "" || made.Changed.By == "" {
		t.Fatalf("%s", r.body)
	}
	for _, written := range []string{`"days":0`, `"copies":[]`, `"rowsLostPercent":0`} {
		if !strings.Contains(string(made.Settings), written) {
			t.Errorf("%s is lost: %s", written, made.Settings)
		}
	}
	if strings.Contains(string(made.Settings), `"format"`) {
		t.Errorf("a default is shown as written: %s", made.Settings)
	}
	for name, c := range map[string]struct {
		settings, connection string
		status               int
		says                 string
	}{
		"there already":  {settings, url, 409, "already"},
		"the file's":     {`{"name":"FILES"}`, url, 409, "cofre.yaml, line 2"},
		"a file":         {`{"name":"a"}`, `{"file":"/etc/passwd"}`, 400, "connection"},
		"any variable":   {`{"name":"a"}`, `{"env":"BACKUP_SERVER_KEY"}`, 400, "connection"},
		"checks":         {`{"name":"a","checks":"/etc/passwd"}`, url, 400, "checks"},
		"a socket":       {`{"name":"a"}`, `{"url":"postgresql:///shop?host=/var/run/postgresql"}`, 422, ""},
		"a service":      {`{"name":"a"}`, `{"url":"postgresql://x@h/d?service=` + hiddenPart + `"}`, 422, "service"},
		"a passfile":     {`{"name":"a"}`, `{"url":"postgresql://x@h/d?passfile=/etc/shadow"}`, 422, "passfile"},
		"a key":          {`{"name":"a"}`, `{"url":"postgresql://x@h/d?sslkey=/etc/shadow"}`, 422, "sslkey"},
		"link-local":     {`{"name":"a"}`, `{"url":"postgresql://x:` + hiddenPart + `@169.254.169.254/d"}`, 422, ""},
		"no such place":  {`{"name":"a","copies":["moon"]}`, url, 422, "moon"},
		"a bad schedule": {`{"name":"a","schedule":"61 * * * *"}`, url, 422, "schedule"},
		"an API's name":  {`{"name":"list"}`, url, 422, "means something else"},
	} {
		r := create(c.settings, c.connection)
		if r.status != c.status || !strings.Contains(string(r.body), c.says) || strings.Contains(string(r.body), hiddenPart) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}

	var looked contract.TestSourceResponse
	r = w.http(ask{"POST", "/api/source/test", "ADMIN", `{"name":"shop"}`, nil})
	if r.want(200).into(&looked); !looked.Ok || looked.Version == "" || looked.Size == 0 {
		t.Errorf("%s", r.body)
	}
	r = w.http(ask{"POST", "/api/source/test", "ADMIN", `{"settings":{"name":"new"},"connection":{"url":"postgresql://x:` + hiddenPart + `@127.0.0.1:1/d"}}`, nil})
	if r.want(200).into(&looked); looked.Ok || looked.Problem.Message == "" || strings.Contains(string(r.body), hiddenPart) {
		t.Errorf("%s", r.body)
	}

	put := func(version, settings, more string) reply {
		return w.http(ask{"PUT", "/api/source/shop", "ADMIN", `{"version":` + strconv.Quote(version) + `,"settings":` + settings + more + `}`, nil})
	}
	if r := put(made.Version, `{"name":"shop"}`, `,"connection":{"url":"postgresql://`+made.Connection.User+`@db.evil.example/`+made.Connection.Database+`"}`); r.status != 422 {
		t.Errorf("the password would go to another host: %d %s", r.status, r.body)
	}
	if r := put(made.Version, `{"name":"other"}`, ""); r.status != 422 {
		t.Errorf("another name: %d %s", r.status, r.body)
	}
	var changed contract.SourceDetails
	put(made.Version, `{"name":"shop","paused":true}`, "").want(200).into(&changed)
	if changed.Connection.Kind != "stored" || !strings.Contains(string(changed.Settings), `"paused":true`) || strings.Contains(string(changed.Settings), "retention") {
		t.Errorf("%+v %s", changed, changed.Settings)
	}
	if r := put(made.Version, `{"name":"shop"}`, ""); r.status != 409 {
		t.Errorf("an older version: %d %s", r.status, r.body)
	}

	data, _, err := w.Store.Get(t.Context(), registry.KeptKey(registry.KeptSource, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"planted": `{"version":1,"kind":"source","name":"planted","settings":{"name":"planted","connection":{"env":"COFRE_X"}},"changed":{"at":"2026-12-01T00:00:00Z"}}`,
		"turned":  strings.ReplaceAll(string(data), `"shop"`, `"turned"`),
	} {
		if _, err := w.Store.Put(t.Context(), registry.KeptKey(registry.KeptSource, name), []byte(text), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var all struct {
		Sources []struct {
			Name          string
			Editable      bool
			Paused        bool
			Trouble       string
			ScheduleWords string
			NextRuns      []string
			Defaulted     []string
		}
		SecretsKept bool
	}
	r = w.http(ask{"GET", "/api/source/list", "SUPERVISOR", "", nil})
	r.want(200).into(&all)
	got := map[string]string{}
	for _, s := range all.Sources {
		got[s.Name] = strings.Join([]string{strconv.FormatBool(s.Editable), strconv.FormatBool(s.Paused), strconv.FormatBool(s.Trouble == ""), strconv.Itoa(len(s.NextRuns)), strconv.FormatBool(s.ScheduleWords != "")}, " ")
	}
	if len(got) != 4 || got["files"] != "false false true 3 true" || !strings.HasPrefix(got["shop"], "true true true 0") || !strings.HasPrefix(got["planted"], "true false false") || !strings.HasPrefix(got["turned"], "true false false") || !all.SecretsKept {
		t.Errorf("%s", r.body)
	}
	for _, hidden := range []string{"SHOP_URL", made.Connection.Host, "COFRE_X", "connection"} {
		if strings.Contains(string(r.body), hidden) {
			t.Errorf("the list has %q: %s", hidden, r.body)
		}
	}
	var files contract.SourceDetails
	w.http(ask{"GET", "/api/source/files", "ADMIN", "", nil}).want(200).into(&files)
	if files.Editable || files.Connection.Reference != "SHOP_URL" || files.Origin.Line != 2 || !strings.Contains(string(files.Settings), "Europe/Lisbon") {
		t.Errorf("%+v %s", files, files.Settings)
	}
	var gone contract.DeleteSourceResponse
	w.http(ask{"DELETE", "/api/source/shop", "ADMIN", "", nil}).want(200).into(&gone)
	if r := w.http(ask{"GET", "/api/source/shop", "ADMIN", "", nil}); gone.Name != "shop" || r.status != 404 {
		t.Errorf("%+v, %d %s", gone, r.status, r.body)
	}
	for _, name := range []string{"planted", "turned"} { // what cannot be read can be removed
		w.http(ask{"DELETE", "/api/source/" + name, "ADMIN", "", nil}).want(200)
	}
	if r := w.http(ask{"DELETE", "/api/source/files", "ADMIN", "", nil}); r.status != 409 {
		t.Errorf("the file's: %d %s", r.status, r.body)
	}
	for _, role := range []string{"SUPERVISOR", "USUARIO"} {
		if r := w.http(ask{"GET", "/api/source/files", role, "", nil}); r.status != 403 {
			t.Errorf("%s is shown where it is: %d", role, r.status)
		}
	}
}

// What a cleanup would do is told as if a source were set otherwise, of its backups alone, and nothing is saved by that.
func TestCleanupAsIfASourceWereSaved(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, newDatabase(t), nil, "BACKUP_RETENTION_DAYS=100", "BACKUP_SERVER_KEY="+id.String(), "BACKUP_SOURCE=own")
	w.http(ask{"POST", "/api/source/create", "ADMIN", `{"settings":{"name":"shop","schedule":"never"},"connection":{"url":` + strconv.Quote(newDatabase(t)) + `}}`, nil}).want(201)
	w.created(w.http, "")
	older := w.created(w.http, `{"options":{"source":"shop"}}`)
	newer := w.created(w.http, `{"options":{"source":"shop"}}`)
	w.Service.Now = func() time.Time { return time.Now().Add(10 * 24 * time.Hour) }
	plan := func(body string) (kept, removed []string, reasons []string) {
		var got contract.CleanupResponse
		w.http(ask{"POST", "/api/backup/cleanup", "ADMIN", body, nil}).want(200).into(&got)
		for _, it := range got.Kept {
			kept = append(kept, it.Backup.ID)
			reasons = append(reasons, it.Reasons[len(it.Reasons)-1].Code)
		}
		for _, it := range got.Removed {
			removed = append(removed, it.Backup.ID)
		}
		return kept, removed, reasons
	}
	kept, removed, _ := plan(`{"dryRun":true,"as":{"name":"shop","retention":{"days":3}}}`)
	if !slices.Equal(kept, []string{newer.ID}) || !slices.Equal(removed, []string{older.ID}) {
		t.Errorf("3 days keep %v of %s and %s, and remove %v", kept, older.ID, newer.ID, removed)
	}
	kept, removed, reasons := plan(`{"dryRun":true,"as":{"name":"shop","retention":{"days":3,"keepLast":2}}}`)
	if len(kept) != 2 || len(removed) != 0 || !slices.Contains(reasons, "last") {
		t.Errorf("the last two: %v, %v, because %v", kept, removed, reasons)
	}
	if kept, removed, _ = plan(`{"dryRun":true}`); len(kept) != 3 || len(removed) != 0 {
		t.Errorf("what was tried is saved: %v, %v", kept, removed)
	}
	w.http(ask{"POST", "/api/backup/cleanup", "ADMIN", `{"as":{"name":"shop","retention":{"days":3}}}`, nil}).problem(422, "ValidationError", "invalid_input")
	w.http(ask{"POST", "/api/backup/cleanup", "ADMIN", `{"dryRun":true,"as":{"name":"shop","zone":"Nowhere/Town"}}`, nil}).problem(422, "ValidationError", "invalid_input")
	w.http(ask{"POST", "/api/backup/cleanup", "ADMIN", `{"dryRun":true,"as":{"name":"own"}}`, nil}).problem(400, "ValidationError", "not_found")
	w.http(ask{"POST", "/api/backup/cleanup", "SUPERVISOR", `{"dryRun":true,"as":{"name":"shop"}}`, nil}).problem(403, "PermissionError", "not_allowed")
}

// The API shows each key that a file says of a source, under its name and with its line, and what holds of what that leaves out.
func TestEveryKeyOfASource(t *testing.T) {
	example, err := filepath.Abs("../configfile/testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := configfile.Read(example)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "", nil, "BACKUP_CONFIG="+example)
	for _, s := range f.Sources {
		var d contract.SourceDetails
		w.http(ask{"GET", "/api/source/" + s.Name, "ADMIN", "", nil}).want(200).into(&d)
		got := map[string]contract.EffectiveValue{}
		for _, v := range d.Effective {
			got[v.Key] = v
		}
		for _, v := range source.Flat(s) {
			if g := got[v.Key]; g.Value != v.Text() || g.From.Kind != "file" || g.From.Line < s.Origin.Line {
				t.Errorf("%s of %s is %+v, not %s", v.Key, s.Name, g, v.Text())
			}
		}
		if g := got["proofTimeout"]; s.ProofTimeout == "" && (g.Value != "360m" || g.From.Kind != "default") {
			t.Errorf("%+v", g)
		}
		if g := got["retention.days"]; s.Retention == nil && (g.Value != "10" || g.From.Kind != "file") {
			t.Errorf("%+v", g)
		}
	}
}
