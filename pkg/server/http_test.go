package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/server"
)

// nowhere is a database that these tests do not need.
const nowhere = "postgresql://nobody@127.0.0.1:1/none"

var page = fstest.MapFS{
	"index.html":           {Data: []byte("<!doctype html><title>cofre</title>" + strings.Repeat("<p>text</p>", 100))},
	"assets/app-B4dF00.js": {Data: []byte(strings.Repeat("console.log('cofre');\n", 100))},
	"assets/logo.png":      {Data: []byte("\x89PNG\r\n\x1a\n")},
	"notes.map":            {Data: []byte("{}")},
}

// The UI's files: with the right type, cached as far as that is safe, compressed for whoever wants it.
func TestFiles(t *testing.T) {
	w := serve(t, options{database: nowhere, change: func(c *server.Config) { c.UI = page }})
	w.client.Transport = &http.Transport{DisableCompression: true}
	for _, test := range []struct {
		path, accept string
		status       int
		kind, cache  string
		zipped       bool
	}{
		{"/", "", 200, "text/html; charset=utf-8", "no-cache", false},
		{"/index.html", "gzip, br", 200, "text/html; charset=utf-8", "no-cache", true},
		{"/assets/app-B4dF00.js", "br;q=1, gzip;q=0.5", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", true},
		{"/assets/app-B4dF00.js", "gzip;q=0", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", false},
		{"/assets/logo.png", "gzip", 200, "image/png", "public, max-age=31536000, immutable", false},
		{"/notes.map", "", 404, "application/problem+json", "no-store", false},
		{"/assets/", "", 404, "application/problem+json", "no-store", false},
		{"/../go.mod", "", 404, "application/problem+json", "no-store", false},
	} {
		r := w.do("GET", test.path, "", map[string]string{"Accept-Encoding": test.accept})
		h := r.Header
		if r.StatusCode != test.status || h.Get("Content-Type") != test.kind || h.Get("Cache-Control") != test.cache || (h.Get("Content-Encoding") == "gzip") != test.zipped {
			t.Errorf("%s: %d, %v", test.path, r.StatusCode, h)
		}
		if tag := h.Get("ETag"); tag != "" {
			if again := w.do("GET", test.path, "", map[string]string{"Accept-Encoding": test.accept, "If-None-Match": tag}); again.StatusCode != 304 {
				t.Errorf("%s with its ETag: %d", test.path, again.StatusCode)
			}
		}
	}
	if r := w.do("POST", "/", "", nil); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST / answers %d", r.StatusCode)
	}
	if r := w.do("HEAD", "/", "", nil); r.StatusCode != 200 || r.body != "" {
		t.Errorf("HEAD / answers %d: %s", r.StatusCode, r.body)
	}
	if _, err := server.New(server.Config{UI: fstest.MapFS{}}); err == nil {
		t.Error("a UI without a page is taken")
	}
}

// Every answer forbids what the UI does not need, whatever the path.
func TestHeaders(t *testing.T) {
	w := serve(t, options{database: nowhere, change: func(c *server.Config) { c.UI = page }})
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'"
	for _, path := range []string{"/", "/nothing", "/config.json", "/metrics", "/healthz", "/dev/token"} {
		h := w.do("GET", path, "", nil).Header
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			!strings.Contains(h.Get("Permissions-Policy"), "camera=()") || h.Get("Strict-Transport-Security") != "" || h.Get("Content-Type") == "" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if h := w.do("GET", "/api/backup/list", "", nil).Header; h.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("the API: %v", h)
	}
}

// The policy lets the UI reach its identity provider, also where that has tokens fetched elsewhere.
func TestPolicyKnowsTheProvider(t *testing.T) {
	var provider *httptest.Server
	provider = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/realm/.well-known/openid-configuration" {
			w.Write([]byte(`{"issuer":"` + provider.URL + `/realm","token_endpoint":"https://login.example.com/oauth2/token"}`))
		}
	}))
	defer provider.Close()
	w := serve(t, options{database: nowhere, change: func(c *server.Config) {
		c.SignIn = server.SignIn{Issuer: provider.URL + "/realm", ClientID: "cofre-ui"}
	}})
	w.wait("the provider to be asked", func() bool {
		return strings.Contains(w.do("GET", "/", "", nil).Header.Get("Content-Security-Policy"), "connect-src 'self' "+provider.URL+" https://login.example.com;")
	})
	if r := w.do("GET", "/config.json", "", nil); r.body != `{"api":"","auth":{"clientId":"cofre-ui","issuer":"`+provider.URL+`/realm","mode":"oidc","scope":"openid"}}`+"\n" {
		t.Errorf("/config.json is %s", r.body)
	}
	if r := w.do("POST", "/dev/token", `{"role":"ADMIN"}`, map[string]string{"Content-Type": "application/json"}); r.StatusCode != 405 {
		t.Errorf("/dev/token answers %d: %s", r.StatusCode, r.body)
	} else if !strings.Contains(r.body, `"wordings":[{"language":"pt-BR","text":"só GET e HEAD funcionam aqui"}]`) {
		t.Errorf("in Portuguese: %s", r.body)
	}
}

// Development tokens: for programs and pages of this machine, for nobody else. F: a page of another site, a name that
// was made to point here, a proxy.
func TestDevelopmentToken(t *testing.T) {
	w := serve(t, options{database: nowhere})
	own := w.server.URL()
	host := strings.TrimPrefix(own, "http://")
	for _, test := range []struct {
		name   string
		header map[string]string
		body   string
		status int
	}{
		{"a program", nil, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 200},
		{"the UI", map[string]string{"Origin": own, "Sec-Fetch-Site": "same-origin"}, `{"role":"SUPERVISOR","secret":"` + devSecret + `"}`, 200},
		{"the UI by another name", map[string]string{"Origin": "http://localhost:1", "Host": "localhost:1"}, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 200},
		{"a page of another site", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 403},
		{"a page of another port", map[string]string{"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 403},
		{"a page without an origin", map[string]string{"Origin": "null"}, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 403},
		{"a form", map[string]string{"Content-Type": "text/plain"}, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 415},
		{"a name that was made to point here", map[string]string{"Host": "evil.example", "Origin": "http://evil.example"}, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 421},
		{"through a proxy", map[string]string{"X-Forwarded-For": "203.0.113.7"}, `{"role":"ADMIN","secret":"` + devSecret + `"}`, 403},
		{"no such role", nil, `{"role":"KING","secret":"` + devSecret + `"}`, 422},
		{"more than a role", nil, `{"role":"ADMIN","secret":"` + devSecret + `","sub":"root"}`, 400},
		{"nothing", nil, ``, 400},
		// A plain proxy on this machine says nothing of whoever is behind it.
		{"without the secret", nil, `{"role":"ADMIN"}`, 403},
		{"with another secret", nil, `{"role":"ADMIN","secret":"0123456789abcdef0123456788"}`, 403},
		{"with a part of it", nil, `{"role":"ADMIN","secret":"0123456789abcdef"}`, 403},
		{"behind a plain proxy", map[string]string{"Host": host}, `{"role":"SUPERADMIN"}`, 403},
	} {
		header := map[string]string{"Content-Type": "application/json"}
		for k, v := range test.header {
			header[k] = v
		}
		r := w.do("POST", "/dev/token", test.body, header)
		if r.StatusCode != test.status || strings.Contains(r.body, `"token":`) != (test.status == 200) {
			t.Errorf("%s (%s): %d, %s", test.name, host, r.StatusCode, r.body)
		}
		if r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other origins are let in", test.name)
		}
	}
	if r := w.do("GET", "/api/health", "", map[string]string{"Host": "evil.example"}); r.StatusCode != 421 {
		t.Errorf("the API answers to another name: %d", r.StatusCode)
	}
	if r := w.do("OPTIONS", "/dev/token", "", map[string]string{"Origin": "https://evil.example"}); r.StatusCode != 405 {
		t.Errorf("asking first is answered with %d", r.StatusCode)
	}
}

// Metrics: to this machine, or to whoever has the token; behind a proxy everybody comes from this machine.
func TestWhoMayScrape(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	oidc := server.SignIn{Issuer: "http://127.0.0.1:1", ClientID: "cofre"}
	plain := serve(t, options{database: nowhere, change: func(c *server.Config) { c.SignIn = oidc }})
	guarded := serve(t, options{database: nowhere, change: func(c *server.Config) { c.SignIn, c.MetricsToken = oidc, token }})
	proxied := serve(t, options{database: nowhere, change: func(c *server.Config) { c.SignIn, c.BehindProxy = oidc, true }})
	for _, test := range []struct {
		w      *world
		header map[string]string
		status int
	}{
		{plain, nil, 200},
		{plain, map[string]string{"X-Forwarded-For": "203.0.113.7"}, 403},
		{plain, map[string]string{"Host": "evil.example"}, 403},
		{guarded, nil, 401},
		{guarded, map[string]string{"Authorization": "Bearer " + token + "0"}, 401},
		{guarded, map[string]string{"Authorization": token}, 401},
		{guarded, map[string]string{"Authorization": "Bearer " + token, "X-Forwarded-For": "203.0.113.7"}, 200},
		{proxied, nil, 403},
		{proxied, map[string]string{"X-Forwarded-For": "127.0.0.1"}, 403},
	} {
		if r := test.w.do("GET", "/metrics", "", test.header); r.StatusCode != test.status || strings.Contains(r.body, "cofre_build_info") != (test.status == 200) {
			t.Errorf("%v: %d, want %d", test.header, r.StatusCode, test.status)
		}
	}
}

// What is not safe is refused before anything listens.
func TestRefused(t *testing.T) {
	oidc := func(c *server.Config) { c.SignIn = server.SignIn{Issuer: "https://id.example.com", ClientID: "cofre"} }
	for _, test := range []struct {
		name   string
		change func(*server.Config)
		says   string
	}{
		{"development mode on all addresses", func(c *server.Config) { c.Listen = ":0" }, "no identity provider"},
		{"development mode on the network", func(c *server.Config) { c.Listen = "192.0.2.1:8080" }, "no identity provider"},
		{"development mode by a name", func(c *server.Config) { c.Listen = "backup.example.com:8080" }, "no identity provider"},
		{"development mode behind a proxy", func(c *server.Config) { c.BehindProxy = true }, "does not work behind a proxy"},
		{"no TLS on the network", func(c *server.Config) { oidc(c); c.Listen = "0.0.0.0:0" }, "without TLS"},
		{"no TLS on all addresses", func(c *server.Config) { oidc(c); c.Listen = "[::]:0" }, "without TLS"},
		{"no address", func(c *server.Config) { c.Listen = "8080" }, "not an address"},
		{"half a certificate", func(c *server.Config) { c.CertFile = "cert.pem" }, "belong together"},
		{"no certificate", func(c *server.Config) { c.CertFile, c.KeyFile = "/nowhere/cert.pem", "/nowhere/key.pem" }, "cannot be used"},
		{"development mode without a secret", func(c *server.Config) { c.SignIn.Secret = "" }, "needs a secret"},
		{"nobody", func(c *server.Config) { c.SignIn = server.SignIn{} }, "nobody who could sign in"},
	} {
		_, conf := configure(t, options{database: nowhere, change: test.change})
		s, err := server.New(conf)
		if err == nil {
			s.Close()
		}
		f := fault.From(err)
		if f == nil || f.Code != fault.Validation || f.Hint == "" || !strings.Contains(f.Message, test.says) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0"} {
		_, conf := configure(t, options{database: nowhere, change: func(c *server.Config) { c.Listen = listen }})
		if err := conf.Check(); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
	_, conf := configure(t, options{database: nowhere, change: func(c *server.Config) { oidc(c); c.Listen, c.BehindProxy = "0.0.0.0:0", true }})
	if err := conf.Check(); err != nil {
		t.Errorf("behind a proxy: %v", err)
	}
}

// TLS: 1.2 at least, and a certificate that is renewed while it serves.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put := func() *x509.CertPool {
		ca, cert, key := testenv.Certificate(t)
		pem, err := os.ReadFile(ca)
		if err != nil {
			t.Fatal(err)
		}
		for file, data := range map[string][]byte{certFile: cert, keyFile: key} {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		return pool
	}
	first := put()
	w := serve(t, options{database: nowhere, change: func(c *server.Config) { c.CertFile, c.KeyFile = certFile, keyFile }})
	use := func(pool *x509.CertPool, newest uint16) error {
		w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: newest}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
		resp, err := w.client.Get(w.server.URL() + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := use(first, 0); err != nil {
		t.Fatal(err)
	}
	if r := w.do("GET", "/healthz", "", nil); r.ProtoMajor != 2 || r.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s, %v", r.Proto, r.Header)
	}
	w.signedIn("ADMIN")
	if err := use(first, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	second := put()
	server.LookAgain(w.server)
	if err := use(second, 0); err != nil {
		t.Errorf("the new certificate is not used: %v", err)
	}
	if err := os.WriteFile(certFile, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	server.LookAgain(w.server)
	if err := use(second, 0); err != nil {
		t.Errorf("without a good new certificate the old one is not used: %v", err)
	}
}

// The audit trail shows whom the proxy names, and not what the caller made up.
func TestForwardedFor(t *testing.T) {
	w := serve(t, options{database: nowhere, change: func(c *server.Config) {
		c.SignIn, c.BehindProxy = server.SignIn{Issuer: "http://127.0.0.1:1", ClientID: "cofre"}, true
	}})
	for header, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "10.0.0.1, 203.0.113.8": "203.0.113.8", "2001:db8::1": "2001:db8::1", "[2001:db8::2]:443": "2001:db8::2", "203.0.113.9:1234": "203.0.113.9",
		"": "127.0.0.1", "nonsense": "127.0.0.1", "203.0.113.7, nonsense": "127.0.0.1",
	} {
		w.do("GET", "/api/backup/list", "", map[string]string{"X-Forwarded-For": header, "User-Agent": "for (" + header + ")"})
		found := ""
		for _, r := range w.recorded("anonymous") {
			if r.UserAgent == "for ("+header+")" {
				found = r.Source
			}
		}
		if found != want {
			t.Errorf("%q: the trail says %q, want %q", header, found, want)
		}
	}
}

// Somebody who sends headers for ever, or too many, is cut off.
func TestLimits(t *testing.T) {
	w := serve(t, options{database: nowhere})
	if r := w.do("GET", "/healthz", "", map[string]string{"X-Long": strings.Repeat("x", 64<<10)}); r.StatusCode != 431 {
		t.Errorf("64 KiB of headers: %d", r.StatusCode)
	}
	if r := w.do("POST", "/api/backup/create", strings.Repeat(" ", 128<<10), w.signedIn("ADMIN")); r.StatusCode != 413 {
		t.Errorf("128 KiB of body: %d", r.StatusCode)
	}
}
