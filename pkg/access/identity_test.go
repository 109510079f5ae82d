package access

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"cofre/pkg/fault"
)

func TestFromClaims(t *testing.T) {
	const nested = "realm_access.roles"
	for name, c := range map[string]struct {
		claims string // JSON, without the subject
		claim  string
		role   Role
		reason fault.Reason
	}{
		"string":               {`{"role": "ADMIN"}`, "role", Admin, ""},
		"list":                 {`{"g": ["other", "SUPERVISOR"]}`, "g", Supervisor, ""},
		"twice the same":       {`{"g": ["ADMIN", "ADMIN"]}`, "g", Admin, ""},
		"no access":            {`{"g": ["USUARIO"]}`, "g", Usuario, ""},
		"as Keycloak":          {`{"realm_access": {"roles": ["offline_access", "SUPERADMIN"]}}`, nested, SuperAdmin, ""},
		"an address":           {`{"https://example.com/roles": ["ADMIN"]}`, "https://example.com/roles", Admin, ""},
		"dots further inside":  {`{"resource_access": {"my.app": {"roles": ["ADMIN"]}}}`, "resource_access.my.app.roles", Admin, ""},
		"other letters beside": {`{"g": ["admin", "ADMIN"]}`, "g", Admin, ""},

		"a list as text":         {`{"cognito:groups": "[ADMIN other]"}`, "cognito:groups", "", NotAllowed},
		"one as text":            {`{"cognito:groups": "[ADMIN]"}`, "cognito:groups", "", NotAllowed},
		"none":                   {`{}`, "g", "", NotAllowed},
		"null":                   {`{"g": null}`, "g", "", NotAllowed},
		"empty":                  {`{"g": []}`, "g", "", NotAllowed},
		"empty text":             {`{"g": ""}`, "g", "", NotAllowed},
		"brackets alone":         {`{"g": "["}`, "g", "", NotAllowed},
		"number":                 {`{"g": 1}`, "g", "", NotAllowed},
		"object":                 {`{"g": {"ADMIN": true}}`, "g", "", NotAllowed},
		"lower case":             {`{"g": ["admin"]}`, "g", "", NotAllowed},
		"two":                    {`{"g": ["ADMIN", "SUPERVISOR"]}`, "g", "", NotAllowed},
		"two, by API Gateway":    {`{"g": "[ADMIN USUARIO]"}`, "g", "", NotAllowed},
		"two words without":      {`{"g": "ADMIN other"}`, "g", "", NotAllowed},
		"list in a list":         {`{"g": [["ADMIN"]]}`, "g", "", NotAllowed},
		"in another claim":       {`{"roles": ["ADMIN"]}`, "g", "", NotAllowed},
		"nearly":                 {`{"g": ["ADMINISTRATOR", " ADMIN", "ADMIN\u0000"]}`, "g", "", NotAllowed},
		"a path through a list":  {`{"realm_access": [{"roles": ["ADMIN"]}]}`, nested, "", NotAllowed},
		"a subject with a break": {`{"sub": "a\nb", "g": "ADMIN"}`, "g", "", TokenInvalid},
		"direction of text":      {`{"sub": "a\u202eb", "g": "ADMIN"}`, "g", "", TokenInvalid},
		"a subject too long":     {`{"sub": "` + strings.Repeat("x", 256) + `", "g": "ADMIN"}`, "g", "", TokenInvalid},
		"no subject":             {`{"sub": "", "g": "ADMIN"}`, "g", "", TokenInvalid},
		"a number as subject":    {`{"sub": 7, "g": "ADMIN"}`, "g", "", TokenInvalid},
		"a name of cofre's":      {`{"sub": "local:root", "g": "ADMIN"}`, "g", "", TokenInvalid},
		"nobody":                 {`{"sub": "anonymous", "g": "ADMIN"}`, "g", "", TokenInvalid},
		"the schedule":           {`{"sub": "schedule", "g": "ADMIN"}`, "g", "", TokenInvalid},
	} {
		claims := map[string]any{"sub": "7f3c"}
		if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
			t.Fatal(err)
		}
		id, err := FromClaims(claims, c.claim)
		if c.reason == "" {
			if err != nil || id.Role != c.role || id.Subject != "7f3c" {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
			continue
		}
		if f := fault.From(err); err == nil || f.Code != fault.Permission || f.Reason != c.reason || f.Hint == "" || id != (Identity{}) {
			t.Errorf("%s: %+v, %v; want %s", name, id, err, c.reason)
		}
	}
}

// TestNameAndExpiry guards what API Gateway hands on as text, and names that would break a line of a log.
func TestNameAndExpiry(t *testing.T) {
	id, err := FromClaims(map[string]any{"sub": "x", "g": "ADMIN", "exp": "1764054000", "name": "Ana\n\u202eÇ\xff ", "email": "no"}, "g")
	if err != nil || id.Name != "AnaÇ" || id.ExpiresAt.Unix() != 1764054000 {
		t.Errorf("%+v, %v", id, err)
	}
	id, err = FromClaims(map[string]any{"sub": "x", "g": "ADMIN", "exp": "NaN", "name": strings.Repeat("é", 300)}, "g")
	if err != nil || !id.ExpiresAt.IsZero() || len(id.Name) > maxName || !utf8.ValidString(id.Name) {
		t.Errorf("%+v, %v", id, err)
	}
}

func FuzzFromClaims(f *testing.F) {
	f.Add(`{"sub": "x", "a": {"b": ["ADMIN"]}}`, "a.b")
	f.Add(`{"sub": "x", "g": "[ADMIN other]", "exp": 1e300}`, "g")
	f.Add(`{"sub": "\u0000", "..": {"": "ADMIN"}}`, "...")
	f.Fuzz(func(t *testing.T, text, claim string) {
		var claims map[string]any
		if len(claim) > 100 || json.Unmarshal([]byte(text), &claims) != nil {
			return
		}
		id, err := FromClaims(claims, claim)
		if err != nil {
			if !fault.HasCode(err, fault.Permission) {
				t.Errorf("%v", err)
			}
			return
		}
		if !id.Role.Known() || checkSubject(id.Subject) != nil || len(id.Name) > maxName {
			t.Errorf("%+v", id)
		}
	})
}
