package functions_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"cofre/internal/testenv"
)

// The route of health has no authorizer, as anybody may ask. A token that comes all the same is verified by the function
// itself, a real provider's: administrators are told more, others not, and a bad one is refused. Where the provider cannot
// be reached, everybody is told the same.
func TestHealthTellsAdministratorsMore(t *testing.T) {
	w, provider := newWorld(t), testenv.OIDC(t)
	health := w.start("health", "BACKUP_OIDC_ISSUER="+provider.Issuer, "BACKUP_OIDC_AUDIENCE="+testenv.OIDCAudience, "BACKUP_OIDC_ROLES_CLAIM=roles")
	with := func(token string) []byte {
		t.Helper()
		var e map[string]any
		if err := json.Unmarshal(event(t, "health", ""), &e); err != nil {
			t.Fatal(err)
		}
		if token != "" {
			e["headers"].(map[string]any)["authorization"] = "Bearer " + token
		}
		delete(e["requestContext"].(map[string]any), "authorizer")
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	admin := provider.Token(t, "ana.ADMIN")
	for _, x := range []struct {
		who, token string
		status     int
		checks     int
	}{
		{"nobody", "", 200, 0}, {"an administrator", admin, 200, 5}, {"a supervisor", provider.Token(t, "bia.SUPERVISOR"), 200, 0},
		{"a user", provider.Token(t, "caio.USUARIO"), 200, 0}, {"a changed token", admin[:len(admin)-4] + "AAAA", 401, 0},
		{"an unknown role", provider.Token(t, "dora.admin"), 403, 0},
	} {
		var answer struct{ Checks []any }
		health.invoke(with(x.token)).http(x.status, &answer)
		if len(answer.Checks) != x.checks {
			t.Errorf("%s is told of %d checks", x.who, len(answer.Checks))
		}
	}
	cut := w.start("health", "BACKUP_OIDC_ISSUER=http://127.0.0.1:1", "BACKUP_OIDC_AUDIENCE="+testenv.OIDCAudience)
	forged := "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"http://127.0.0.1:1","sub":"x"}`)) + ".AAAA"
	var answer struct{ Checks []any }
	if cut.invoke(with(forged)).http(200, &answer); len(answer.Checks) != 0 {
		t.Errorf("without the provider somebody is told of %d checks", len(answer.Checks))
	}
}
