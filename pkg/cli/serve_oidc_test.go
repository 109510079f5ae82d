package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
)

// Tokens of a real OpenID provider, got as a browser gets them: each role may what it may; no role, an unknown one and
// two may nothing. The audit trail says who it was and why.
func TestServeWithARealProvider(t *testing.T) {
	provider := testenv.OIDC(t)
	env := environment(t, "postgresql://nobody@127.0.0.1:1/none", filepath.Join(t.TempDir(), "backups"),
		"BACKUP_OIDC_ISSUER="+provider.Issuer, "BACKUP_OIDC_AUDIENCE="+testenv.OIDCAudience, "BACKUP_OIDC_ROLES_CLAIM=roles")
	cmd := cofre(t, env, "serve", "--listen", "127.0.0.1:0", "--json")
	out, log := testenv.Log(t), testenv.Log(t)
	cmd.Stdout, cmd.Stderr = out.File(), log.File()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var doc announcement
	waitFor(t, "the server to say where it is", func() bool { return json.Unmarshal([]byte(out.String()), &doc) == nil })
	if doc.SignIn != "oidc" || doc.Issuer != provider.Issuer {
		t.Errorf("it says %s", out)
	}
	get := func(path, token string, want int, into any) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, doc.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want || json.Unmarshal(body, into) != nil {
			t.Errorf("%s: %v, %s: %s", path, err, resp.Status, body)
		}
	}
	admin := provider.Token(t, "bia.ADMIN")
	for login, want := range map[string]int{
		"ana.SUPERADMIN": 200, "caio.SUPERVISOR": 200, "dora.USUARIO": 403, "edu": 403, "fabi.admin": 403, "gil.ADMIN.SUPERVISOR": 403,
	} {
		var p contract.Problem
		get("/api/backup/list", provider.Token(t, login), want, &p)
		if want == 403 && p.Reason != "not_allowed" {
			t.Errorf("%s: %+v", login, p)
		}
	}
	var s contract.Session
	if get("/api/session", admin, 200, &s); s.Subject != "bia.ADMIN" || s.Name != "bia" || s.Role != "ADMIN" {
		t.Errorf("session is %+v", s)
	}
	var p contract.Problem
	if get("/api/backup/list", admin[:len(admin)-5]+"AAAAA", 401, &p); p.Reason != "token_signature" {
		t.Errorf("a changed token: %+v", p)
	}
	var denied contract.ListAuditResponse
	get("/api/audit?outcome=denied", admin, 200, &denied)
	if len(denied.Records) != 5 {
		t.Errorf("denied: %+v", denied.Records)
	}
	// What the web UI is told to sign in with.
	var config struct {
		Auth struct{ Mode, Issuer, ClientID, Scope string }
	}
	if get("/config.json", "", 200, &config); config.Auth.Mode != "oidc" || config.Auth.Issuer != provider.Issuer || config.Auth.ClientID != testenv.OIDCAudience {
		t.Errorf("config.json is %+v", config)
	}
	get("/dev/token", "", 404, &struct{}{})
}
