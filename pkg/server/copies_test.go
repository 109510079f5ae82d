package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
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
	w := serve(t, options{env: []string{"BACKUP_CONFIG=" + file, "SHOP_URL=" + url, "SECOND_SECRET=" + m.SecretKey, "DATABASE_URL="}})
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
	has := func(id string) string {
		var there []string
		for _, c := range w.Service.Copies(t.Context(), id) {
			if c.There {
				there = append(there, c.Place)
			}
		}
		return strings.Join(there, " ")
	}
	copied := func(place, id string) bool {
		p, err := w.Service.Place(place)
		if err != nil {
			t.Fatal(err)
		}
		_, records, err := p.Open(t.Context())
		if err != nil {
			return false
		}
		there, err := records.Has(t.Context(), id)
		return err == nil && there
	}
	w.wait("the copies", func() bool { return copied("bucket", shop.ID) && copied("disk", shop.ID) })
	if got := has(shop.ID); got != "bucket disk" {
		t.Errorf("the first source's backup is in %q", got)
	}
	if got := has(other.ID); got != "" {
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
	found := false
	for _, r := range w.recorded("schedule") {
		found = found || r.Action == "copy" && r.Detail["place"] == "bucket" && r.Detail["copied"] != "0"
	}
	if !found {
		t.Error("copying is not in the audit trail")
	}
}
