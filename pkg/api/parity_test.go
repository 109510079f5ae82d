package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
)

// TestBothDoorsAnswerAlike sends every operation, with success and with each kind of refusal, through the server's door
// of one backup directory and through the function's door of another, and compares the answers.
func TestBothDoorsAnswerAlike(t *testing.T) {
	database := newDatabase(t)
	target := withTarget(t, database)
	// A proof that ends does so nowhere at the same moment: what both say of one that they took is compared.
	taken := func(c *api.Config) { c.LaunchProof = func(context.Context, string, string) error { return nil } }
	server, function := newWorld(t, database, taken, target...), newWorld(t, database, taken, target...)
	server.launcher.idle, function.launcher.idle = true, true // a restore that runs is nowhere the same at the same moment
	first := server.created(server.http, `{"options":{"filename":"same"}}`)
	second := function.created(function.function, `{"options":{"filename":"same"}}`)
	const unknown = "01JZ8Q4M9T4Y3V6K2W1X0N5BCD"
	asks := []ask{
		{"GET", "/api/health", "", "", nil},
		{"GET", "/api/health", "ADMIN", "", nil},
		{"POST", "/api/backup/create", "ADMIN", `{"options":{"filename":"same"}}`, nil}, // taken: 409
		{"POST", "/api/backup/create", "ADMIN", `{"options":{"filename":"../x"}}`, nil},
		{"POST", "/api/backup/create", "ADMIN", `{"options":{"includeData":false,"includeSchema":false}}`, nil},
		{"POST", "/api/backup/create", "ADMIN", `{"options":{"nonsense":1}}`, nil},
		{"POST", "/api/backup/create", "ADMIN", `{`, nil},
		{"POST", "/api/backup/create", "ADMIN", `a=b`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{"POST", "/api/backup/create", "ADMIN", strings.Repeat(" ", 65<<10), nil},
		{"POST", "/api/backup/create", "ADMIN", `{}`, map[string]string{"Idempotency-Key": "a key"}},
		{"POST", "/api/backup/create", "SUPERVISOR", `{}`, nil},
		{"POST", "/api/backup/create", "USUARIO", `{}`, nil},
		{"POST", "/api/backup/create", "", `{}`, nil},
		{"GET", "/api/backup/list", "SUPERVISOR", "", nil},
		{"GET", "/api/backup/list?limit=1&search=SAME", "ADMIN", "", nil},
		{"GET", "/api/backup/list?limit=1&limit=2", "ADMIN", "", nil},
		{"GET", "/api/backup/list?cursor=AAAA", "ADMIN", "", nil},
		{"GET", "/api/backup/list?bad=%zz", "ADMIN", "", nil},
		{"GET", "/api/backup/{id}", "ADMIN", "", nil},
		{"GET", "/api/backup/" + unknown, "ADMIN", "", nil},
		{"GET", "/api/backup/%3Cscript%3E", "ADMIN", "", nil},
		{"GET", "/api/backup/..%2F..%2Fetc", "ADMIN", "", nil},
		{"GET", "/api/backup/status/{id}", "ADMIN", "", nil},
		{"GET", "/api/backup/contents/{id}", "SUPERVISOR", "", nil},
		{"GET", "/api/backup/log/{id}", "SUPERVISOR", "", nil},
		{"GET", "/api/backup/log/{id}", "USUARIO", "", nil},
		{"GET", "/api/backup/log/" + unknown, "ADMIN", "", nil},
		{"GET", "/api/backup/contents/{id}?search=A&sort=rows&limit=2&offset=1", "ADMIN", "", nil},
		{"GET", "/api/backup/contents/{id}?sort=color", "ADMIN", "", nil},
		{"GET", "/api/backup/rows/{id}?table=sales.customer", "ADMIN", "", nil},
		{"GET", "/api/backup/rows/{id}?table=sales.customer&limit=1&columns=id", "ADMIN", "", nil},
		{"GET", "/api/backup/rows/{id}?table=sales.customer&columns=none", "ADMIN", "", nil},
		{"GET", "/api/backup/rows/{id}?table=none", "ADMIN", "", nil},
		{"GET", "/api/backup/rows/{id}", "ADMIN", "", nil},
		{"GET", "/api/backup/rows/{id}?table=sales.customer", "SUPERVISOR", "", nil},
		{"GET", "/api/backup/rows/" + unknown + "?table=t", "ADMIN", "", nil},
		{"GET", "/api/backup/contents/{id}", "USUARIO", "", nil},
		{"GET", "/api/backup/contents/" + unknown, "ADMIN", "", nil},
		{"GET", "/api/backup/diff/{id}?with={id}", "SUPERVISOR", "", nil},
		{"GET", "/api/backup/diff/{id}", "ADMIN", "", nil}, // there is none before it: 404
		{"GET", "/api/backup/diff/{id}?with=latest", "ADMIN", "", nil},
		{"GET", "/api/backup/download/{id}", "SUPERVISOR", "", nil},
		{"GET", "/api/backup/download/{id}?redirect=1", "ADMIN", "", nil},
		{"GET", "/api/backup/download/{id}?expiresIn=1", "ADMIN", "", nil},
		{"GET", "/api/backup/download/" + unknown, "ADMIN", "", nil},
		{"POST", "/api/backup/validate/{id}", "ADMIN", "", nil},
		{"POST", "/api/backup/validate/{id}", "SUPERVISOR", "", nil},
		{"POST", "/api/backup/prove/{id}", "ADMIN", "", nil},
		{"POST", "/api/backup/prove/{id}", "SUPERVISOR", "", nil},
		{"POST", "/api/backup/prove/" + unknown, "ADMIN", "", nil},
		{"POST", "/api/backup/cancel/{id}", "ADMIN", "", nil}, // has ended: 409
		{"PUT", "/api/backup/pin/{id}", "ADMIN", `{"reason":"audit","until":"2020-01-01T00:00:00Z"}`, nil},
		{"PUT", "/api/backup/pin/{id}", "SUPERVISOR", `{"reason":"audit"}`, nil},
		{"PUT", "/api/backup/pin/" + unknown, "ADMIN", `{"reason":"audit"}`, nil},
		{"DELETE", "/api/backup/pin/{id}", "ADMIN", "", nil},
		{"GET", "/api/backup/settings", "ADMIN", "", nil},
		{"PUT", "/api/backup/settings", "ADMIN", `{"maxBackups":5,"retentionDays":30,"defaultDirectory":""}`, nil},
		{"PUT", "/api/backup/settings", "ADMIN", `{"maxBackups":-5,"retentionDays":30,"defaultDirectory":""}`, nil},
		{"PUT", "/api/backup/settings", "ADMIN", `{"maxBackups":5,"retentionDays":30,"defaultDirectory":""}`, map[string]string{"If-Match": `"0123456789abcdef"`}},
		{"POST", "/api/backup/cleanup", "ADMIN", `{"dryRun":true,"days":1}`, nil},
		{"POST", "/api/backup/cleanup", "ADMIN", `{"dryRun":true,"maxBackups":1}`, nil},
		{"POST", "/api/backup/cleanup", "ADMIN", `{"dryRun":true,"at":"2020-01-01T00:00:00Z"}`, nil},
		{"POST", "/api/backup/cleanup", "ADMIN", `{"at":"2099-01-01T00:00:00Z"}`, nil},
		{"POST", "/api/backup/cleanup", "ADMIN", "", nil},
		{"GET", "/api/metrics/summary", "ADMIN", "", nil},
		{"GET", "/api/metrics/summary?source=none&tz=America/Sao_Paulo", "SUPERVISOR", "", nil},
		{"GET", "/api/metrics/summary?tz=nowhere", "SUPERVISOR", "", nil},
		{"GET", "/api/database/list", "ADMIN", "", nil},
		{"GET", "/api/database/list", "SUPERVISOR", "", nil},
		{"GET", "/api/session", "SUPERVISOR", "", nil},
		{"GET", "/api/session", "USUARIO", "", nil},
		{"GET", "/api/session", "", "", nil},
		{"GET", "/api/restore/targets", "ADMIN", "", nil},
		{"GET", "/api/restore/targets", "SUPERVISOR", "", nil},
		{"POST", "/api/restore/plan", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_restored"}`, nil},
		{"POST", "/api/restore/plan", "ADMIN", `{"backup":"{id}","target":"staging","database":"postgres"}`, nil},
		{"POST", "/api/restore/plan", "ADMIN", `{"backup":"{id}","target":"production","database":"shop"}`, nil},
		{"POST", "/api/restore/plan", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_restored","part":{"tables":["none"]}}`, nil},
		{"POST", "/api/restore/plan", "ADMIN", `{"backup":"` + unknown + `","target":"staging","database":"shop"}`, nil},
		{"POST", "/api/restore/plan", "SUPERVISOR", `{"backup":"{id}","target":"staging","database":"shop"}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_restored"}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_restored"}`, nil}, // goes on: 409
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_part","mode":"part","part":{"tables":["sales.customer"],"as":"sales.rescued"}}`, map[string]string{"Idempotency-Key": "r1"}},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_part","mode":"part","part":{"tables":["sales.customer"],"as":"sales.rescued"}}`, map[string]string{"Idempotency-Key": "r1"}},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_other"}`, map[string]string{"Idempotency-Key": "r1"}},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_part","mode":"part"}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop_part","mode":"part","part":{"table":["sales.customer"]}}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"production","database":"shop_restored"}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"postgres"}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","target":"staging","database":"shop","mode":"replace"}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"` + unknown + `","target":"staging","database":"shop"}`, nil},
		{"POST", "/api/restore/create", "ADMIN", `{"backup":"{id}","url":"postgresql://elsewhere/shop","database":"shop"}`, nil},
		{"POST", "/api/restore/create", "SUPERVISOR", `{"backup":"{id}","target":"staging","database":"shop"}`, nil},
		{"POST", "/api/restore/create", "USUARIO", `{}`, nil},
		{"POST", "/api/restore/switch", "ADMIN", `{"target":"staging","from":"shop_restored","database":"shop"}`, nil},
		{"POST", "/api/restore/switch", "ADMIN", `{"target":"production","from":"shop_restored","database":"shop","dryRun":true}`, nil},
		{"POST", "/api/restore/switch", "SUPERVISOR", `{"target":"staging","from":"shop_restored","database":"shop"}`, nil},
		{"GET", "/api/restore/list", "ADMIN", "", nil},
		{"GET", "/api/restore/list?limit=1", "SUPERVISOR", "", nil},
		{"GET", "/api/restore/status/" + unknown, "ADMIN", "", nil},
		{"GET", "/api/restore/status/" + unknown, "SUPERVISOR", "", nil},
		{"POST", "/api/restore/cancel/" + unknown, "ADMIN", "", nil},
		{"POST", "/api/restore/cancel/" + unknown, "USUARIO", "", nil},
		{"GET", "/api/place/list", "SUPERVISOR", "", nil},
		{"GET", "/api/place/list", "USUARIO", "", nil},
		{"POST", "/api/place/test", "ADMIN", `{"name":"none"}`, nil},
		{"GET", "/api/source/list", "SUPERVISOR", "", nil},
		{"GET", "/api/source/list", "USUARIO", "", nil},
		{"POST", "/api/source/create", "ADMIN", `{"settings":{"name":"a"},"connection":{"env":"DATABASE_URL"}}`, nil},
		{"POST", "/api/source/create", "SUPERVISOR", `{"settings":{"name":"a"},"connection":{"env":"COFRE_A"}}`, nil},
		{"POST", "/api/source/test", "ADMIN", `{"name":"none"}`, nil},
		{"GET", "/api/source/none", "ADMIN", "", nil},
		{"GET", "/api/source/none", "SUPERVISOR", "", nil},
		{"PUT", "/api/source/none", "ADMIN", `{"version":"x","settings":{"name":"none"}}`, nil},
		{"DELETE", "/api/source/none", "ADMIN", "", nil},
		{"POST", "/api/place/create", "ADMIN", `{"settings":{"name":"a","directory":"/etc"}}`, nil},
		{"POST", "/api/place/create", "SUPERVISOR", `{"settings":{"name":"a","directory":"s3://b"}}`, nil},
		{"GET", "/api/place/none", "ADMIN", "", nil},
		{"PUT", "/api/place/none", "ADMIN", `{"version":"x","settings":{"name":"none","directory":"s3://b"}}`, nil},
		{"DELETE", "/api/place/none", "ADMIN", "", nil},
		{"POST", "/api/place/test", "SUPERVISOR", `{"name":"none"}`, nil},
		{"GET", "/api/channel/list", "ADMIN", "", nil},
		{"GET", "/api/channel/list", "SUPERVISOR", "", nil},
		{"POST", "/api/channel/test/team", "ADMIN", "", nil}, // may not lead there
		{"POST", "/api/channel/test/none", "ADMIN", "", nil},
		{"POST", "/api/channel/test/team", "SUPERVISOR", "", nil},
		{"POST", "/api/channel/create", "ADMIN", `{"settings":{"name":"ops","kind":"slack"},"where":{"value":"https://x.example/hidden"}}`, nil}, // without BACKUP_SERVER_KEY
		{"POST", "/api/channel/create", "SUPERVISOR", `{"settings":{"name":"ops","kind":"slack"},"where":{"env":"COFRE_OPS"}}`, nil},
		{"POST", "/api/channel/test", "ADMIN", `{"settings":{"name":"ops","kind":"slack"},"where":{"env":"COFRE_OPS"}}`, nil},
		{"GET", "/api/channel/team", "ADMIN", "", nil},
		{"GET", "/api/channel/none", "ADMIN", "", nil},
		{"PUT", "/api/channel/team", "ADMIN", `{"version":"x","settings":{"name":"team","kind":"slack"}}`, nil},
		{"DELETE", "/api/channel/none", "ADMIN", "", nil},
		{"GET", "/api/event/list", "SUPERVISOR", "", nil},
		{"GET", "/api/event/list?limit=1&cursor=x", "SUPERVISOR", "", nil},
		{"GET", "/api/event/list", "USUARIO", "", nil},
		{"DELETE", "/api/backup/{id}", "SUPERVISOR", "", nil},
		{"DELETE", "/api/backup/{id}", "ADMIN", "", nil},
		{"DELETE", "/api/backup/{id}", "ADMIN", "", nil}, // is gone: 404
		{"GET", "/api/audit?limit=200", "ADMIN", "", nil},
		{"GET", "/api/audit?limit=3&outcome=denied", "SUPERVISOR", "", nil},
		{"DELETE", "/api/backup/list", "ADMIN", "", nil},
		{"GET", "/api/nothing", "ADMIN", "", nil},
		{"HEAD", "/api/backup/list", "ADMIN", "", nil},
	}
	covered := map[string]bool{"createBackup": true}
	for _, q := range asks {
		at := func(id string) ask {
			q := q
			q.target, q.body = strings.ReplaceAll(q.target, "{id}", id), strings.ReplaceAll(q.body, "{id}", id)
			return q
		}
		path, _, _ := strings.Cut(q.target, "?")
		if op, _, _ := server.contract.Find(q.method, path); op != nil {
			covered[op.ID] = true
		}
		a, b := server.http(at(first.ID)), function.function(at(second.ID))
		if q.method == "HEAD" {
			a.body, b.body = nil, nil // a server sends none
		}
		if got, want := plain(t, a), plain(t, b); got != want {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Errorf("%s %s as %q: behind\n%s\nthe server answers\n%.300s\nand the function\n%.300s", q.method, q.target, q.role, got[:at], got[at:], want[at:])
		}
	}
	for _, op := range server.contract.Operations() {
		if !covered[op.ID] {
			t.Errorf("%s is not compared", op.ID)
		}
	}
}

// What differs from one run to the next by its nature.
var unlike = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`"limitBytes":[0-9]+`), `"limitBytes":0`}, // what the disk has room for
	{regexp.MustCompile(`"lastWholeAge":[0-9]+`), `"lastWholeAge":0`},
	{regexp.MustCompile(`"lastProofAge":[0-9]+`), `"lastProofAge":0`},
	{regexp.MustCompile(`"test_[0-9]+",?`), ""}, // other databases of the server come and go
	{regexp.MustCompile(`(expires|signature)=[^&"\\]*`), "$1"},
	{regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`), "http://store"},
	{regexp.MustCompile(`/[^" ]*/backups`), "/backups"},
	{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`"(requestId)":"[^"]*"`), `"$1":"R"`},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "SHA"},
	{regexp.MustCompile(`Etag: "[0-9a-f]{16}"`), "Etag: X"},
	{regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b`), "ID"},
	{regexp.MustCompile(`"(duration|size|bytes|read|freedBytes|averageDuration|averageSizeBytes|storageUsedBytes|lastSuccessAge|bytesPerSec|dumpBytes|expiresIn)":[0-9.]+`), `"$1":0`},
	{regexp.MustCompile(`[0-9.]+ (bytes|[kMGT]B)`), "N bytes"},
	{regexp.MustCompile(`(?i)"(etag|previous|hash|id)":"[^"]*"`), `"$1":"X"`},
}

// plain writes an answer in a form that two doors can be compared by.
func plain(t *testing.T, r reply) string {
	t.Helper()
	body := string(r.body)
	if len(r.body) > 0 {
		var v any
		r.into(&v)
		data, err := json.Marshal(v) // sorted
		if err != nil {
			t.Fatal(err)
		}
		body = strings.ReplaceAll(string(data), `\u0026`, "&")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", r.status)
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		switch name {
		case "X-Request-Id", "Date", "Content-Length":
		default:
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.header[name], ", "))
		}
	}
	out := b.String() + body
	for _, u := range unlike {
		out = u.form.ReplaceAllString(out, u.as)
	}
	return out
}

var _ contract.Problem
