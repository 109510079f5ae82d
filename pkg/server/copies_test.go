package server_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
)

// TestServerCopies: what a server makes goes to the places that the source names, by the credentials that the file leads to; a place that is
// away holds up no other, and gets what it lacks later.
func TestServerCopies(t *testing.T) {
	m := testenv.MinIO(t)
	dir := t.TempDir()
	away, disk := filepath.Join(dir, "away"), filepath.Join(dir, "disk")
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("away", "no folder")
	url := newDatabase(t)
	file := write("cofre.yaml", `
sources:
  - name: shop
    connection: {env: SHOP_URL}
    copies: [bucket, away, disk]
  - name: other
    connection: {env: SHOP_URL}
    copies: []
  - {name: plain, connection: {env: SHOP_URL}}
places:
  - name: bucket
    directory: s3://`+m.NewBucket(t)+`/copies
    endpoint: `+m.Endpoint+`
    region: `+testenv.Region+`
    accessKey: {file: `+write("id", m.AccessKey)+`}
    secretKey: {env: SECOND_SECRET}
  - {name: away, directory: `+away+`}
  - {name: disk, directory: `+disk+`}
`)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, options{env: []string{"BACKUP_CONFIG=" + file, "SHOP_URL=" + url, "SECOND_SECRET=" + m.SecretKey, "DATABASE_URL=", "BACKUP_SERVER_KEY=" + key.String()}})
	for _, source := range []string{"shop", "other"} {
		if r := w.do("POST", "/api/backup/create", `{"options":{"source":"`+source+`"}}`, with(w.signedIn("ADMIN"), "Content-Type", "application/json")); r.StatusCode != 202 {
			t.Fatal(r.body)
		}
	}
	w.wait("both backups", func() bool { return len(w.backups()) == 2 && w.allEnded() })
	shop, other := w.backups()[0], w.backups()[1]
	if shop.Source != "shop" {
		shop, other = other, shop
	}
	has := func(b backup.Backup) string {
		var there []string
		all, err := w.Service.Copies(t.Context(), &b)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if c.There {
				there = append(there, c.Place)
			}
		}
		return strings.Join(there, " ")
	}
	copied := func(place, id string) bool {
		p, err := w.Service.Place(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		_, records, err := p.Open(t.Context())
		if err != nil {
			return false
		}
		there, err := records.Has(t.Context(), id)
		return err == nil && there != nil
	}
	w.wait("the copies", func() bool { return copied("bucket", shop.ID) && copied("disk", shop.ID) })
	if got := has(shop); got != "bucket disk" {
		t.Errorf("the first source's backup is in %q", got)
	}
	if got := has(other); got != "" {
		t.Errorf("the other's is in %q", got)
	}
	w.wait("the place that is away is told of", func() bool { return strings.Contains(w.log.String(), `"place":"away"`) })

	// It is there again, and the next backup brings all that it lacks.
	if err := os.Remove(away); err != nil {
		t.Fatal(err)
	}
	if r := w.do("POST", "/api/backup/create", `{"options":{"source":"shop"}}`, with(w.signedIn("ADMIN"), "Content-Type", "application/json")); r.StatusCode != 202 {
		t.Fatal(r.body)
	}
	w.wait("the third", func() bool { return len(w.backups()) == 3 && w.allEnded() })
	w.wait("what lacked", func() bool { return copied("away", shop.ID) })
	// A place that is made meanwhile gets what is made from then on of who does not say where it is copied, and nothing of the others.
	body, _ := json.Marshal(map[string]any{"settings": map[string]any{"name": "kept", "directory": "s3://" + m.NewBucket(t) + "/kept", "endpoint": m.Endpoint, "region": testenv.Region},
		"credentials": map[string]any{"accessKey": map[string]any{"value": m.AccessKey}, "secretKey": map[string]any{"value": m.SecretKey}}})
	headers := with(w.signedIn("ADMIN"), "Content-Type", "application/json")
	if r := w.do("POST", "/api/place/test", string(body), headers); r.StatusCode != 200 || !strings.Contains(r.body, `"ok":true`) {
		t.Fatal(r.body)
	}
	if r := w.do("POST", "/api/place/create", string(body), headers); r.StatusCode != 201 || strings.Contains(r.body, m.SecretKey) {
		t.Fatal(r.body)
	}
	if r := w.do("POST", "/api/backup/create", `{"options":{"source":"plain"}}`, headers); r.StatusCode != 202 {
		t.Fatal(r.body)
	}
	w.wait("the fourth", func() bool { return len(w.backups()) == 4 && w.allEnded() })
	var plain backup.Backup
	for _, b := range w.backups() {
		if b.Source == "plain" {
			plain = b
		}
	}
	w.wait("its copy", func() bool { return copied("kept", plain.ID) })
	if got := has(plain) + "; " + has(shop); got != "kept; bucket away disk" {
		t.Errorf("the copies are in %q", got)
	}
	var place struct{ Version string }
	if r := w.do("GET", "/api/place/kept", "", headers); json.Unmarshal([]byte(r.body), &place) != nil || place.Version == "" || strings.Contains(r.body, m.SecretKey) {
		t.Fatal(r.body)
	}
	moved, _ := json.Marshal(map[string]any{"version": place.Version, "settings": map[string]any{"name": "kept", "directory": "s3://elsewhere", "endpoint": "https://s3.evil.example"}})
	if r := w.do("PUT", "/api/place/kept", string(moved), headers); r.StatusCode != 422 || !strings.Contains(r.body, "another service") {
		t.Errorf("credentials go to another service: %s", r.body)
	}
	if r := w.do("DELETE", "/api/place/kept", "", headers); r.StatusCode != 200 || !strings.Contains(r.body, "s3://") {
		t.Errorf("%s", r.body)
	}
	if strings.Contains(w.log.String(), m.SecretKey) {
		t.Error("the secret key is in the log")
	}
	found := false
	for _, r := range w.recorded("schedule") {
		found = found || r.Action == "copy" && r.Detail["place"] == "bucket" && r.Detail["copied"] != "0"
	}
	if !found {
		t.Error("copying is not in the audit trail")
	}
}
