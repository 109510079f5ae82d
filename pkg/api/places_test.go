package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// Second locations are listed with how far they are behind, a backup says where its copies are and what they were held against, and a test of a
// place says what is wrong; who may list learns nowhere where the places of a file are.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	file, disk, away := filepath.Join(dir, "cofre.yaml"), filepath.Join(dir, "hidden-disk"), filepath.Join(dir, "hidden-file")
	text := "sources:\n  - {name: shop, connection: {env: SHOP_URL}, copies: [disk, away]}\n  - {name: other, connection: {env: SHOP_URL}, copies: []}\n" +
		"places:\n  - {name: disk, directory: " + disk + "}\n  - {name: away, directory: " + away + "}\n"
	for name, content := range map[string]string{file: text, away: "no folder"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, "", nil, "BACKUP_CONFIG="+file, "SHOP_URL="+testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t))
	b := w.created(w.http, `{"options":{"source":"shop"}}`)
	w.finished(w.http, b.ID)
	other := w.created(w.http, `{"options":{"source":"other"}}`)
	w.finished(w.http, other.ID)
	states := func(id string) string {
		var got contract.BackupMetadata
		w.http(ask{"GET", "/api/backup/" + id, "SUPERVISOR", "", nil}).want(200).into(&got)
		var out []string
		for _, c := range got.Copies {
			out = append(out, c.Place+" "+string(c.State))
			if (c.State == "there") != (c.Checksum == got.Checksum && !c.At.IsZero()) || (c.State == "unknown") != (c.Problem != "") {
				t.Errorf("%+v", c)
			}
		}
		return strings.Join(out, ", ")
	}
	if got := states(b.ID); got != "disk waiting, away unknown" {
		t.Errorf("before: %s", got)
	}
	if rep, err := w.Service.CopyMissing(t.Context(), "disk", nil); err != nil || len(rep.Copied) != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	if got := states(b.ID) + "; " + states(other.ID); got != "disk there, away unknown; disk not_wanted, away unknown" {
		t.Errorf("after: %s", got)
	}
	var all contract.ListPlacesResponse
	r := w.http(ask{"GET", "/api/place/list", "SUPERVISOR", "", nil})
	r.want(200).into(&all)
	if len(all.Places) != 2 {
		t.Fatalf("%s", r.body)
	}
	if p := all.Places[0]; p.Name != "disk" || p.Kind != "directory" || p.Editable || p.Origin.Kind != "file" || p.Origin.Line != 5 || p.Copies.Waiting != 0 || p.Copies.Unknown != 0 || p.Copies.LastAt.IsZero() || len(p.Sources) != 1 || p.Sources[0].Name != "shop" || p.Trouble != "" {
		t.Errorf("%+v", p)
	}
	if p := all.Places[1]; p.Copies.Unknown != 1 || p.Trouble == "" || p.Sources[0].Unknown == "" {
		t.Errorf("%+v", p)
	}
	for place, good := range map[string]bool{"disk": true, "away": false} {
		var tested contract.TestPlaceResponse
		r := w.http(ask{"POST", "/api/place/test", "ADMIN", `{"name":"` + place + `"}`, nil})
		r.want(200).into(&tested)
		if tested.Ok != good || len(tested.Checks) == 0 || (tested.Checks[0].Result == "ok") != good || !good && tested.Checks[0].Hint == "" {
			t.Errorf("%s: %s", place, r.body)
		}
		// Its name, and what was found, in Portuguese.
		if words := tested.Checks[0].Wordings; len(words) != 2 || words[0].Of != "location "+place || words[0].Text != "local "+place || words[1].Of != "" || words[1].Text == "" && good {
			t.Errorf("%s: %+v", place, words)
		}
	}
	found := map[string]string{}
	for _, c := range w.Service.Doctor(t.Context()).Checks {
		found[c.Name] = c.Result
	}
	if found["location disk"] != "ok" || found["location away"] != "warning" {
		t.Errorf("doctor: %v", found)
	}
	if left, _ := filepath.Glob(filepath.Join(disk, "files", "probe-*")); len(left) > 0 {
		t.Errorf("left there: %v", left)
	}
	if r := w.http(ask{"POST", "/api/place/test", "ADMIN", `{"name":"third"}`, nil}); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := w.http(ask{"POST", "/api/place/test", "SUPERVISOR", `{"name":"disk"}`, nil}); r.status != http.StatusForbidden {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Places are made, shown, changed and removed over the API; what may not stand in the bucket is refused, what somebody planted there is shown and not used, what the
// file says wins, and of two who change one at once one is told.
func TestKeptPlaces(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	text := "sources:\n  - {name: shop, connection: {env: SHOP_URL}}\n  - {name: own, connection: {env: SHOP_URL}, copies: [disk]}\nplaces:\n  - {name: disk, directory: " + t.TempDir() + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "", nil, "BACKUP_CONFIG="+file, "SHOP_URL=postgresql://nowhere.invalid/shop", "COFRE_DB=postgresql://u:"+hiddenPart+"@db/shop", "BACKUP_SERVER_KEY="+id.String())
	const far = `{"settings":{"name":"far","directory":"s3://bucket/x","endpoint":"https://s3.example.com","region":"eu"},"credentials":{"accessKey":{"value":"AKIA"},"secretKey":{"value":"` + hiddenPart + `"}}}`
	var made contract.PlaceDetails
	r := w.http(ask{"POST", "/api/place/create", "ADMIN", far, nil})
	r.want(201).into(&made)
	if !made.Editable || made.Version == "" || made.SecretKey.Kind != "stored" || made.Settings.Endpoint != "https://s3.example.com" || strings.Contains(string(r.body), hiddenPart) {
		t.Fatalf("%s", r.body)
	}
	for body, c := range map[string]struct {
		status int
		says   string
	}{
		far: {409, "already"},
		strings.Replace(far, `"far"`, `"DISK"`, 1):                                                          {409, "cofre.yaml, line 5"},
		strings.NewReplacer(`"far"`, `"b"`, "https://s3.example.com", "http://127.0.0.1:1").Replace(far):    {422, "this machine"},
		`{"settings":{"name":"b","directory":"/etc"}}`:                                                      {422, "not a path"},
		`{"settings":{"name":"b","directory":"s3://b","endpoint":"https://s3.example.com"}}`:                {422, "credentials of its own"},
		strings.NewReplacer(`"far"`, `"b"`, `{"value":"AKIA"}`, `{"env":"BACKUP_SERVER_KEY"}`).Replace(far): {400, "accessKey"},
	} {
		if r := w.http(ask{"POST", "/api/place/create", "ADMIN", body, nil}); r.status != c.status || !strings.Contains(string(r.body), c.says) || strings.Contains(string(r.body), hiddenPart) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	var tested contract.TestPlaceResponse
	r = w.http(ask{"POST", "/api/place/test", "ADMIN", `{"settings":{"name":"b","directory":"s3://bucket","endpoint":"https://s3.evil.invalid"},"credentials":{"accessKey":{"env":"COFRE_DB"},"secretKey":{"env":"COFRE_DB"}}}`, nil})
	r.want(200).into(&tested)
	if tested.Ok || !strings.Contains(tested.Checks[0].Detail, "access key of location \"b\" is none") || strings.Contains(string(r.body), hiddenPart) {
		t.Errorf("the URL of a database as an access key: %s", r.body)
	}
	put := func(version, endpoint, more string) reply {
		return w.http(ask{"PUT", "/api/place/far", "ADMIN", `{"version":` + strconv.Quote(version) + `,"settings":{"name":"far","directory":"s3://bucket/y","endpoint":"` + endpoint + `"}` + more + `}`, nil})
	}
	if r := put(made.Version, "https://s3.evil.example", ""); r.status != 422 || !strings.Contains(string(r.body), "another service") {
		t.Errorf("%d %s", r.status, r.body)
	}
	var changed contract.PlaceDetails
	put(made.Version, "https://s3.example.com:443/", "").want(200).into(&changed)
	if changed.SecretKey.Kind != "stored" || changed.Settings.Directory != "s3://bucket/y" || changed.Settings.Region != "" {
		t.Errorf("%+v", changed)
	}
	if r := put(made.Version, "https://s3.example.com", ""); r.status != 409 {
		t.Errorf("an older version: %d %s", r.status, r.body)
	}
	sources, err := w.Service.Sources(t.Context())
	if err != nil || strings.Join(sources.Of("shop").Copies, " ") != "far" || strings.Join(sources.Of("own").Copies, " ") != "disk" || strings.Join(sources.Of("unlisted").Copies, " ") != "far" {
		t.Errorf("%v %v", sources, err)
	}
	data, _, err := w.Store.Get(t.Context(), registry.KeptKey(registry.KeptPlace, "far"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"planted": `{"version":1,"kind":"place","name":"planted","settings":{"name":"planted","directory":"s3://evil"},"changed":{"at":"2026-12-01T00:00:00Z"}}`,
		"turned":  strings.NewReplacer(`"far"`, `"turned"`, "s3.example.com", "s3.evil.example").Replace(string(data)),
	} {
		if _, err := w.Store.Put(t.Context(), registry.KeptKey(registry.KeptPlace, name), []byte(text), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var all contract.ListPlacesResponse
	r = w.http(ask{"GET", "/api/place/list", "SUPERVISOR", "", nil})
	r.want(200).into(&all)
	state := map[string]string{}
	for _, p := range all.Places {
		state[p.Name] = fmt.Sprint(p.Editable, p.Trouble == "")
	}
	if len(state) != 4 || state["disk"] != "false true" || state["far"] != "true true" || state["planted"] != "true false" || state["turned"] != "true false" || strings.Contains(string(r.body), "evil") || strings.Contains(string(r.body), "s3.example.com") {
		t.Errorf("%s", r.body)
	}
	for _, name := range []string{"planted", "turned"} { // that nothing gets there is told of each source
		p, err := w.Service.Place(t.Context(), name)
		if err != nil || p.Trouble == nil {
			t.Fatalf("%+v %v", p, err)
		}
		if _, _, err := p.Open(t.Context()); !fault.HasReason(err, fault.Forged) {
			t.Errorf("%s is opened: %v", name, err)
		}
		if sources, err := w.Service.Sources(t.Context()); err != nil || !slices.Contains(sources.Of("shop").Copies, name) {
			t.Errorf("%v %v", sources.Of("shop").Copies, err)
		}
	}
	if r := w.http(ask{"DELETE", "/api/place/disk", "ADMIN", "", nil}); r.status != 409 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, name := range []string{"planted", "turned", "far"} {
		w.http(ask{"DELETE", "/api/place/" + name, "ADMIN", "", nil}).want(200)
	}
	if r := w.http(ask{"GET", "/api/place/far", "ADMIN", "", nil}); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if strings.Contains(w.log.String(), hiddenPart) {
		t.Error("a secret is in the log")
	}

	// Without a key that vouches for it, nothing in the bucket gets copies of all backups.
	bare := newWorld(t, "", nil, "BACKUP_CONFIG="+file, "SHOP_URL=postgresql://nowhere.invalid/shop")
	if r := bare.http(ask{"POST", "/api/place/create", "ADMIN", `{"settings":{"name":"b","directory":"s3://b"}}`, nil}); r.status != 409 || !strings.Contains(string(r.body), "BACKUP_SERVER_KEY") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if _, err := bare.Store.Put(t.Context(), registry.KeptKey(registry.KeptPlace, "planted"), []byte(`{"version":1,"kind":"place","name":"planted","settings":{"name":"planted","directory":"s3://evil"},"changed":{"at":"2026-12-01T00:00:00Z"}}`), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if places, err := bare.Service.Places(t.Context()); err != nil || len(places) != 2 || places[1].Trouble == nil {
		t.Errorf("%+v %v", places, err)
	}
	p, err := bare.Service.Place(t.Context(), "planted")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Open(t.Context()); !fault.HasReason(err, fault.IdentityMissing) {
		t.Errorf("a planted place is opened: %v", err)
	}
}
