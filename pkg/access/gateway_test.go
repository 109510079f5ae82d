package access

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cofre/pkg/fault"
)

// asText are claims as API Gateway hands them on.
func asText(claims map[string]any) map[string]string {
	texts := map[string]string{}
	for name, v := range claims {
		switch v := v.(type) {
		case string:
			texts[name] = v
		case []string:
			texts[name] = "[" + strings.Join(v, " ") + "]"
		case []any:
			var parts []string
			for _, e := range v {
				parts = append(parts, fmt.Sprint(e))
			}
			texts[name] = "[" + strings.Join(parts, " ") + "]"
		default:
			texts[name] = fmt.Sprint(v)
		}
	}
	return texts
}

// claimsTable are what a provider may say of somebody's groups, as JSON.
var claimsTable = []string{
	`"ADMIN"`, `"SUPERADMIN"`, `"SUPERVISOR"`, `"USUARIO"`, `"admin"`, `"Admin"`, `""`, `" "`, `"ADMIN other"`, `"other ADMIN"`, `" ADMIN"`, `"ADMIN "`,
	`"ADMIN,other"`, `"DB ADMIN"`, `"[ADMIN]"`, `"[ADMIN other]"`, `"[DB ADMIN]"`, `"[shop SUPERADMIN users]"`, `"["`, `"[]"`, `"[ADMIN"`, `"ADMIN]"`, `"\"ADMIN\""`,
	`["ADMIN"]`, `["SUPERADMIN"]`, `["other", "ADMIN"]`, `["DB ADMIN"]`, `["shop SUPERADMIN users"]`, `["ADMIN USUARIO"]`, `["x ADMIN y", "SUPERVISOR"]`, `["[ADMIN]"]`,
	`["ADMIN", "ADMIN"]`, `["ADMIN", "USUARIO"]`, `["ADMIN", "SUPERADMIN"]`, `["ADMIN", "admin"]`, `["admin"]`, `["ADMIN]"]`, `["[ADMIN"]`, `["a", "b]", "[ADMIN"]`,
	`[]`, `[""]`, `[null]`, `[1, "ADMIN"]`, `[["ADMIN"]]`, `[{"ADMIN": true}, "SUPERVISOR"]`, `{"ADMIN": true}`, `null`, `1`, `true`, `"ADMIN\n"`, `["ADMIN\u0000"]`, `["ADMIN\u00a0other"]`,
	`["\tADMIN"]`, `"ADMIN\u2028"`, `["SUPERADMIN\u2003x"]`,
}

// A server, which verifies a token itself, and a function, for which the gateway has, see the same person in it: a group with a
// space in its name is no role to either.
func TestBothAgreeOnClaims(t *testing.T) {
	c := newClock()
	p := newProvider(t, true)
	v := p.verifier(t, c)
	if len(claimsTable) < 50 {
		t.Fatalf("%d claims", len(claimsTable))
	}
	for _, groups := range claimsTable {
		for _, more := range []map[string]any{nil, {"sub": "[a b]"}, {"sub": "anonymous"}, {"name": []string{"A", "B"}}, {"exp": nil}} {
			claims := p.good(c, more)
			var value any
			if err := json.Unmarshal([]byte(groups), &value); err != nil {
				t.Fatal(groups, err)
			}
			claims["cognito:groups"] = value
			if _, forever := more["exp"]; forever {
				claims["exp"] = c.now().Unix() + 100
			}
			token := p.sign(t, "rsa-1", claims)
			server, serverErr := v.Verify(t.Context(), token)
			function, functionErr := FromGateway(asText(claims), token, DefaultRolesClaim)
			if server != function || fmt.Sprint(serverErr) != fmt.Sprint(functionErr) {
				t.Errorf("%s %v: %+v, %v behind the server; %+v, %v behind the gateway", groups, more, server, serverErr, function, functionErr)
			}
			// Without the token, what was a list gives no role.
			bare, err := FromGateway(asText(claims), "", DefaultRolesClaim)
			if _, isText := value.(string); err == nil && (!isText || bare.Role != server.Role) {
				t.Errorf("%s without a token: %+v", groups, bare)
			}
		}
	}
	for _, groups := range []string{"[DB ADMIN]", "[shop SUPERADMIN users]"} {
		if id, err := FromGateway(map[string]string{"sub": "x", "cognito:groups": groups}, "", DefaultRolesClaim); !fault.HasReason(err, NotAllowed) {
			t.Errorf("%s: %+v, %v", groups, id, err)
		}
	}
}

// What stands in the token counts only if it is the one that the gateway has verified.
func TestAnotherToken(t *testing.T) {
	c := newClock()
	p := newProvider(t, true)
	mine := p.good(c, map[string]any{"cognito:groups": []string{"USUARIO"}})
	for name, token := range map[string]string{
		"of somebody else":  signWith(t, jose.RS256, rsaKey(t), "", p.good(c, map[string]any{"sub": "root"})),
		"without a subject": signWith(t, jose.RS256, rsaKey(t), "", p.good(c, map[string]any{"sub": nil})),
		"of another issuer": signWith(t, jose.RS256, rsaKey(t), "", p.good(c, map[string]any{"iss": "https://example.org"})),
		"without the claim": signWith(t, jose.RS256, rsaKey(t), "", p.good(c, map[string]any{"cognito:groups": nil})),
		"a role as text":    signWith(t, jose.RS256, rsaKey(t), "", p.good(c, map[string]any{"cognito:groups": "ADMIN"})),
		"two tokens":        p.sign(t, "rsa-1", mine) + "," + p.sign(t, "rsa-1", mine),
		"garbage":           "a.b.c", "not base 64": "a.!.c", "no claims": "a." + raw("[]") + ".c", "huge": strings.Repeat("x", maxToken) + "..",
	} {
		if id, err := FromGateway(asText(mine), token, DefaultRolesClaim); !fault.HasReason(err, TokenInvalid) {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}

func FuzzGatewayToken(f *testing.F) {
	f.Add("a."+raw(`{"sub": "x", "cognito:groups": ["ADMIN"]}`)+".c", "x", "[ADMIN]")
	f.Add("", "x", "[ADMIN other]")
	f.Fuzz(func(t *testing.T, token, sub, groups string) {
		id, err := FromGateway(map[string]string{"sub": sub, "cognito:groups": groups}, token, DefaultRolesClaim)
		if err != nil {
			if !fault.HasCode(err, fault.Permission) {
				t.Errorf("%v", err)
			}
			return
		}
		if !id.Role.Known() || id.Subject != sub || token == "" && string(id.Role) != groups {
			t.Errorf("%+v", id)
		}
	})
}
