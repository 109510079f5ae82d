package local

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

func get(t *testing.T, s *Store, method, target string, header http.Header) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, target, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestLinks(t *testing.T) {
	s := open(t, Config{Volatile: true, LinkBase: "http://host/store/"})
	store(t, s, "files/ação +%.dump", []byte("0123456789"), nil)
	link, err := s.Presign(t.Context(), "files/ação +%.dump", storage.PresignOptions{Expires: time.Hour, Filename: "x.dump"})
	must(t, err)
	u, err := url.Parse(link.URL)
	must(t, err)
	target, ours := strings.CutPrefix(link.URL, "http://host/store")
	if !ours || u.Path != "/store/files/ação +%.dump" {
		t.Fatalf("%s", link.URL)
	}
	fi, err := os.Stat(s.own(keyFile))
	if err != nil || fi.Mode() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
	r := get(t, s, "GET", target, http.Header{"Range": {"bytes=2-4"}})
	body, _ := io.ReadAll(r.Body)
	if r.StatusCode != 206 || string(body) != "234" || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("ETag") == "" {
		t.Errorf("%d %q %v", r.StatusCode, body, r.Header)
	}
	if r := get(t, s, "GET", target, http.Header{"Range": {"bytes=20-"}}); r.StatusCode != 416 {
		t.Errorf("behind the end: %d", r.StatusCode)
	}
	if r := get(t, s, "HEAD", target, nil); r.StatusCode != 200 || r.ContentLength != 10 {
		t.Errorf("HEAD: %d, %d bytes", r.StatusCode, r.ContentLength)
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "OPTIONS"} {
		if r := get(t, s, method, target, nil); r.StatusCode != 405 {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
	// Another process serves the link; another directory does not.
	other := reopened(t, s)
	if r := get(t, other, "GET", target, nil); r.StatusCode != 200 {
		t.Errorf("another process: %d", r.StatusCode)
	}
	if r := get(t, open(t, Config{Volatile: true}), "GET", target, nil); r.StatusCode != 403 {
		t.Errorf("another directory: %d", r.StatusCode)
	}
	// The key is replaced: old links end, new ones work.
	must(t, os.Remove(s.own(keyFile)))
	if r := get(t, s, "GET", target, nil); r.StatusCode != 403 {
		t.Errorf("without the key: %d", r.StatusCode)
	}
	again, err := s.Presign(t.Context(), "files/ação +%.dump", storage.PresignOptions{Expires: time.Hour})
	must(t, err)
	if again.URL == link.URL {
		t.Error("the same link by another key")
	}
	for _, bad := range []string{"", "x", strings.Repeat("0", 62), strings.Repeat("0", 66), strings.Repeat("z", 64)} {
		must(t, os.WriteFile(s.own(keyFile), []byte(bad), 0o600))
		_, err := s.Presign(t.Context(), "x", storage.PresignOptions{Expires: time.Hour})
		wantReason(t, err, fault.FileSystem, fault.StorageFailed)
		if r := get(t, s, "GET", target, nil); r.StatusCode != 403 {
			t.Errorf("with the key %q: %d", bad, r.StatusCode)
		}
	}
}

// Without a place that serves them there is nobody whom a link could reach.
func TestNoLinks(t *testing.T) {
	_, err := open(t, Config{}).Presign(t.Context(), "x", storage.PresignOptions{Expires: time.Minute})
	wantReason(t, err, fault.Validation, storage.Unsupported)
}

// No request gets anything but by a link.
func FuzzLink(f *testing.F) {
	dir := f.TempDir()
	s, err := Open(Config{Directory: dir, Volatile: true, LinkBase: "http://x"})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.Put(f.Context(), "a", []byte("secret"), storage.PutOptions{}); err != nil {
		f.Fatal(err)
	}
	if _, err := s.Presign(f.Context(), "a", storage.PresignOptions{Expires: time.Hour}); err != nil {
		f.Fatal(err)
	}
	f.Add("/a", "expires=99999999999&signature="+strings.Repeat("0", 64))
	f.Add("/../a", "expires=-1&name=%0a&signature=")
	f.Fuzz(func(t *testing.T, path, query string) {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, &http.Request{Method: "GET", URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}})
		if w.Code != 403 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%q?%q gives %d", path, query, w.Code)
		}
	})
}
