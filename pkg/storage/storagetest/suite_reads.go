package storagetest

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

var readChecks = []check{
	{"Ranges", func(t *testing.T, p Place) {
		body := data(8, 3*mib)
		_, err := p.Store.Put(ctxFor(t), "r", body, storage.PutOptions{})
		must(t, err)
		n := int64(len(body))
		for _, c := range []struct{ offset, length int64 }{{0, -1}, {0, 1}, {0, n}, {5, 10}, {n - 1, 1}, {n - 1, -1}, {n - 5, 100}, {n, -1}, {n, 1}, {7, 0}, {1, -1}} {
			r, o, err := p.Store.Open(ctxFor(t), "r", c.offset, c.length)
			must(t, err)
			got, err := io.ReadAll(r)
			must(t, err)
			must(t, r.Close())
			end := n
			if c.length >= 0 {
				end = min(n, c.offset+c.length)
			}
			if o.Size != n || !bytes.Equal(got, body[c.offset:end]) {
				t.Errorf("Open(%d, %d) gives %d bytes of an object of %d", c.offset, c.length, len(got), o.Size)
			}
		}
		_, _, err = p.Store.Open(ctxFor(t), "r", n+1, -1)
		wantReason(t, err, fault.Validation, fault.InvalidInput)
		_, _, err = p.Store.Open(ctxFor(t), "r", -1, -1)
		if fault.From(err).Code != fault.Validation {
			t.Errorf("negative offset: %v", err)
		}
		_, _, err = p.Store.Open(ctxFor(t), "absent", 0, -1)
		wantReason(t, err, fault.FileSystem, fault.NotFound)
	}},
	{"Download", func(t *testing.T, p Place) {
		for _, size := range []int{0, 1, 20*mib + 3} {
			body := data(9, size)
			upload(t, p.Store, "d", body, storage.UploadOptions{})
			f, err := os.Create(filepath.Join(t.TempDir(), "d"))
			must(t, err)
			n, err := p.Store.Download(ctxFor(t), "d", f)
			must(t, err)
			must(t, f.Close())
			got, err := os.ReadFile(f.Name())
			must(t, err)
			if n != int64(size) || !bytes.Equal(got, body) {
				t.Errorf("downloaded %d bytes of %d", n, size)
			}
			must(t, p.Store.Delete(ctxFor(t), "d"))
		}
		_, err := p.Store.Download(ctxFor(t), "absent", nil)
		wantReason(t, err, fault.FileSystem, fault.NotFound)
	}},
}

// fetch gets a link as a browser does.
func fetch(t *testing.T, link string) (int, http.Header, []byte) {
	t.Helper()
	resp, err := http.Get(link)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, resp.Header, body
}

var linkChecks = []check{
	{"Links", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		body := data(10, 100_000)
		_, err := p.Store.Put(ctx, "files/l.dump", body, storage.PutOptions{})
		must(t, err)
		for _, name := range []string{"backup_2025-01-09.dump", `ação "final" 100%.dump`, "バックアップ.sql.gz", "a;b,c.dump"} {
			before := time.Now()
			link, err := p.Store.Presign(ctx, "files/l.dump", storage.PresignOptions{Expires: time.Hour, Filename: name, ContentType: "application/x-test"})
			must(t, err)
			if d := link.ExpiresAt.Sub(before); d < 59*time.Minute || d > time.Hour+time.Second {
				t.Errorf("link lives %s", d)
			}
			status, header, got := fetch(t, link.URL)
			_, params, err := mime.ParseMediaType(header.Get("Content-Disposition"))
			if status != 200 || !bytes.Equal(got, body) || err != nil || params["filename"] != name || header.Get("Content-Type") != "application/x-test" {
				t.Errorf("link gives %d, %d bytes, file %q (%v), type %q", status, len(got), params["filename"], err, header.Get("Content-Type"))
			}
		}
	}},
	{"LinksAltered", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		for _, k := range []string{"mine", "yours"} {
			_, err := p.Store.Put(ctx, k, []byte("secret"), storage.PutOptions{})
			must(t, err)
		}
		link, err := p.Store.Presign(ctx, "mine", storage.PresignOptions{Expires: time.Minute, Filename: "a"})
		must(t, err)
		expires, name, signature := "X-Amz-Expires", "response-content-disposition", "X-Amz-Signature"
		if p.Dir != "" {
			expires, name, signature = "expires", "name", "signature"
		}
		for what, change := range map[string]func(*url.URL, url.Values){
			"another object":   func(u *url.URL, _ url.Values) { u.Path = strings.Replace(u.Path, "mine", "yours", 1) },
			"a longer life":    func(_ *url.URL, q url.Values) { q.Set(expires, q.Get(expires)+"0") },
			"another name":     func(_ *url.URL, q url.Values) { q.Set(name, "inline") },
			"a bad signature":  func(_ *url.URL, q url.Values) { q.Set(signature, strings.Repeat("0", 64)) },
			"an odd signature": func(_ *url.URL, q url.Values) { q.Set(signature, "%zz\x00") },
			"no signature":     func(_ *url.URL, q url.Values) { q.Del(signature) },
			"nothing":          func(u *url.URL, q url.Values) { clear(q) },
		} {
			u, err := url.Parse(link.URL)
			must(t, err)
			q := u.Query()
			change(u, q)
			u.RawQuery = q.Encode()
			if status, _, got := fetch(t, u.String()); status < 400 || bytes.Contains(got, []byte("secret")) {
				t.Errorf("link with %s gives %d", what, status)
			}
		}
		must(t, p.Store.Delete(ctx, "mine"))
		if status, _, _ := fetch(t, link.URL); status != 404 {
			t.Errorf("link to a deleted object gives %d", status)
		}
	}},
	{"LinksExpire", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		_, err := p.Store.Put(ctx, "x", []byte("x"), storage.PutOptions{})
		must(t, err)
		link, err := p.Store.Presign(ctx, "x", storage.PresignOptions{Expires: time.Second})
		must(t, err)
		time.Sleep(2100 * time.Millisecond)
		if status, _, _ := fetch(t, link.URL); status != 403 {
			t.Errorf("expired link gives %d", status)
		}
		for _, d := range []time.Duration{0, -time.Second, 8 * 24 * time.Hour} {
			_, err := p.Store.Presign(ctx, "x", storage.PresignOptions{Expires: d})
			wantReason(t, err, fault.Validation, fault.InvalidInput)
		}
		_, err = p.Store.Presign(ctx, "x", storage.PresignOptions{Expires: time.Minute, Filename: "a\r\nSet-Cookie: x"})
		wantReason(t, err, fault.Validation, fault.InvalidInput)
	}},
}
