package api_test

import (
	"strings"
	"testing"
)

// Roles and tablespaces are kept with a backup by request over both doors, and no link leads to them.
func TestCreateWithGlobals(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil, "BACKUP_AGE_RECIPIENTS=age1wsskt3vcjshavekl0v3445vgywwe82r99h2473y4l4eqle0yhpqs03wex7")
	for name, door := range map[string]func(ask) reply{"server": w.http, "gateway": w.function} {
		for body, want := range map[string]string{
			`{}`: "", `{"options":{"globals":true}}`: "kept", `{"options":{"encrypt":true}}`: "kept", `{"options":{"encrypt":true,"globals":false}}`: "",
			`{"options":{"encrypt":true,"globalsPasswords":true}}`: "kept with passwords",
		} {
			b := w.created(door, body)
			got := ""
			if b.Globals.Kept {
				got = "kept"
			}
			if b.Globals.Passwords {
				got += " with passwords"
			}
			if got != want || b.Globals.Missing != "" {
				t.Errorf("%s, %s: %+v", name, body, b.Globals)
			}
			link := door(ask{"GET", "/api/backup/download/" + b.ID, "ADMIN", "", nil}).want(200)
			if strings.Contains(string(link.body), "globals") {
				t.Errorf("%s: a link says %s", name, link.body)
			}
		}
		door(ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"globalsPasswords":true}}`, nil}).problem(422, "ValidationError", "invalid_input")
		door(ask{"POST", "/api/backup/create", "ADMIN", `{"options":{"globals":"yes"}}`, nil}).want(400)
	}
}
