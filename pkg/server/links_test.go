package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"cofre/pkg/api/contract"
)

// Links to a local directory work wherever the server is reached, whole and in parts; without the right signature nothing does.
func TestDownloadThroughTheServer(t *testing.T) {
	w := serve(t, options{database: newDatabase(t)})
	id := w.create()
	w.wait("the backup", w.allEnded)
	var link contract.DownloadLink
	r := w.do("GET", "/api/backup/download/"+id, "", w.signedIn("SUPERVISOR"))
	if err := json.Unmarshal([]byte(r.body), &link); err != nil || !strings.HasPrefix(link.URL, w.server.URL()+"/store/") {
		t.Fatalf("%v: %s", err, r.body)
	}
	fetch := func(url string, header ...string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, body
	}
	// A browser that sends what it has for this site along gets it all the same.
	resp, body := fetch(link.URL, "Authorization", "Bearer x", "Cookie", "a=b")
	sum := sha256.Sum256(body)
	if resp.StatusCode != 200 || hex.EncodeToString(sum[:]) != link.Checksum || !strings.Contains(resp.Header.Get("Content-Disposition"), link.Filename) {
		t.Errorf("%s, %d bytes, %v", resp.Status, len(body), resp.Header)
	}
	if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers are %v", resp.Header)
	}
	if resp, part := fetch(link.URL, "Range", "bytes=10-19"); resp.StatusCode != 206 || string(part) != string(body[10:20]) {
		t.Errorf("a range: %s, %q", resp.Status, part)
	}
	for what, url := range map[string]string{
		"another signature": link.URL[:len(link.URL)-4] + "0000",
		"another file":      strings.Replace(link.URL, link.Filename, "registry.json", 1),
		"another expiry":    strings.Replace(link.URL, "expires=", "expires=9", 1),
		"no signature":      strings.Split(link.URL, "?")[0],
		"the store's list":  w.server.URL() + "/store/",
	} {
		if resp, body := fetch(url); resp.StatusCode != 403 {
			t.Errorf("%s: %s, %.100s", what, resp.Status, body)
		}
	}
	if r := w.do("DELETE", strings.TrimPrefix(link.URL, w.server.URL()), "", nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("DELETE answers %d", r.StatusCode)
	}
}

// A path that reads as the address of another host must not make the server ask that host: anybody could reach what only
// the server can.
func TestLinksLeadNowhereElse(t *testing.T) {
	w := serve(t, options{database: newDatabase(t)})
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		io.WriteString(rw, "inside")
	}))
	defer other.Close()
	host := strings.TrimPrefix(other.URL, "http://")
	for _, path := range []string{"/store//" + host + "/x", "/store///" + host + "/x", "/store/%2F" + host + "/x", "/store/\\" + host, "/store//user@" + host, "/store/http://" + host + "/x", "/store/x/..//" + host} {
		req, err := http.NewRequest(http.MethodGet, w.server.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = path + "?expires=99999999999&signature=0"
		resp, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode < 400 || string(body) == "inside" {
			t.Errorf("%s: %s, %.100s, %v", path, resp.Status, body, err)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("another host was asked %d times", n)
	}
}
