package testenv

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/process"
)

// OIDCAudience is whom the access tokens of an [OIDCProvider] are for, and the id of its one client.
const OIDCAudience = "cofre"

// OIDCProvider is a running OpenID provider; see tools/oidc-provider. Its tokens carry the roles in the claim "roles".
type OIDCProvider struct {
	Issuer string // http://127.0.0.1:PORT
}

// noPage is where a provider sends people back to whom Token signs in. Nobody listens there.
const noPage = "http://127.0.0.1:1/signed-in"

// OIDC starts an OpenID provider of the test's own.
func OIDC(tb testing.TB) *OIDCProvider {
	tb.Helper()
	folder := filepath.Join(Root(), ".cache", "oidc-provider")
	program := filepath.Join(folder, "provider.mjs")
	if _, err := os.Stat(program); err != nil {
		tb.Fatalf("%v; run: make setup", err)
	}
	cmd := exec.Command("node", program)
	cmd.Dir = folder
	if _, err := cmd.StdinPipe(); err != nil { // it ends with its standard input
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		tb.Fatalf("%v; run: make setup", err)
	}
	tb.Cleanup(func() { _ = p.Stop(syscall.SIGKILL, 5*time.Second) })
	line, err := bufio.NewReader(out).ReadString('\n')
	var provider OIDCProvider
	if err != nil || json.Unmarshal([]byte(line), &provider) != nil || provider.Issuer == "" {
		tb.Fatalf("the OpenID provider did not start: %v, %q", err, line)
	}
	return &provider
}

// Token signs somebody in, by the authorization code flow with PKCE as a browser does it, and gives the access token.
// The login says the roles: "ana.ADMIN".
func (p *OIDCProvider) Token(tb testing.TB, login string) string {
	tb.Helper()
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	page := p.ask(tb, login, url.Values{
		"client_id": {OIDCAudience}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {noPage}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	})
	resp, err := http.PostForm(p.Issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {OIDCAudience}, "redirect_uri": {noPage}, "code": {page.Query().Get("code")}, "code_verifier": {verifier},
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err != nil || json.Unmarshal(body, &tokens) != nil || tokens.AccessToken == "" {
		tb.Fatalf("no token: %v, %s", err, body)
	}
	return tokens.AccessToken
}

// ask opens the provider's page, signs in on it, and gives the address that it sends people back to.
func (p *OIDCProvider) ask(tb testing.TB, login string, query url.Values) *url.URL {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	var back *url.URL
	client := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), noPage) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := client.Get(p.Issuer + "/auth?" + query.Encode())
	if err != nil {
		tb.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(page), "<form") {
		tb.Fatalf("the provider shows no form: %v, %s", err, page)
	}
	resp, err = client.PostForm(resp.Request.URL.String(), url.Values{"login": {login}, "password": {"any"}})
	if err != nil {
		tb.Fatal(err)
	}
	resp.Body.Close()
	if back == nil || back.Query().Get("code") == "" {
		tb.Fatal(fmt.Errorf("the provider sends nobody back: %s", resp.Status))
	}
	return back
}
