package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/pkg/api/contract"
	"cofre/pkg/event"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

const hiddenPart = "T0KEN-that-nobody-may-see"

// Channels are made, shown, changed, tried and removed over the API, and told from then on without a restart; what the file says is changed there
// alone, two who change one at once do not overwrite each other, and no answer, log or record has a secret.
func TestKeptChannels(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "", nil, append(withTarget(t, ""), "BACKUP_SERVER_KEY="+id.String())...)
	const slack = `{"settings":{"name":"ops","kind":"slack","severity":"info"},"where":{"value":"https://203.0.113.9/` + hiddenPart + `"}}`
	var made contract.ChannelDetails
	r := w.http(ask{"POST", "/api/channel/create", "ADMIN", slack, nil})
	r.want(201).into(&made)
	if !made.Editable || made.Origin.Kind != "bucket" || made.Where.Kind != "stored" || made.Version == "" || made.Changed.By == "" || made.Settings.Severity != "info" {
		t.Fatalf("%s", r.body)
	}
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"there already":        {slack, 409, "already"},
		"the file's":           {strings.Replace(slack, `"ops"`, `"Team"`, 1), 409, "cofre.yaml, line 6"},
		"this machine":         {`{"settings":{"name":"a","kind":"webhook"},"where":{"value":"https://127.0.0.1/` + hiddenPart + `"}}`, 422, "address of this machine"},
		"by its name":          {`{"settings":{"name":"a","kind":"webhook"},"where":{"value":"https://LocalHost./` + hiddenPart + `"}}`, 422, "address of this machine"},
		"mapped":               {`{"settings":{"name":"a","kind":"webhook"},"where":{"value":"https://[::ffff:169.254.169.254]/` + hiddenPart + `"}}`, 422, "address of this machine"},
		"in clear":             {`{"settings":{"name":"a","kind":"webhook"},"where":{"value":"http://203.0.113.9/` + hiddenPart + `"}}`, 422, "not encrypted"},
		"a relay":              {`{"settings":{"name":"a","kind":"email","from":"a@example.com","to":["b@example.com"]},"where":{"value":"smtp://203.0.113.9?tls=none"}}`, 422, "without TLS"},
		"a file":               {`{"settings":{"name":"a","kind":"slack"},"where":{"file":"/etc/passwd"}}`, 400, "where"},
		"any variable":         {`{"settings":{"name":"a","kind":"slack"},"where":{"env":"BACKUP_SERVER_KEY"}}`, 400, "where"},
		"two ways":             {`{"settings":{"name":"a","kind":"slack"},"where":{"env":"COFRE_A","value":"https://x.example/"}}`, 400, "where"},
		"allowLocal":           {`{"settings":{"name":"a","kind":"slack","allowLocal":true},"where":{"env":"COFRE_A"}}`, 400, "allowLocal"},
		"a name of the API":    {`{"settings":{"name":"list","kind":"slack"},"where":{"env":"COFRE_A"}}`, 422, "means something else"},
		"no address":           {`{"settings":{"name":"a","kind":"slack"}}`, 422, "it is not said where the channel leads"},
		"a topic of others":    {`{"settings":{"name":"a","kind":"sns","topic":"arn:aws:sns:eu-west-1:123456789012:alerts"}}`, 422, "none that this installation may be told to publish to"},
		"a bus without owner":  {`{"settings":{"name":"a","kind":"eventbridge","bus":"default"}}`, 400, "bus"},
		"no such event":        {`{"settings":{"name":"a","kind":"slack","events":["backup_fialed"]},"where":{"env":"COFRE_A"}}`, 422, "backup_fialed"},
		"a key that is none":   {`{"settings":{"name":"a","kind":"webhook"},"where":{"env":"COFRE_A"},"key":{"value":"short"}}`, 422, "16 bytes"},
		"a key of another one": {`{"settings":{"name":"a","kind":"slack"},"where":{"env":"COFRE_A"},"key":{"env":"COFRE_K"}}`, 422, "webhook alone"},
	} {
		r := w.http(ask{"POST", "/api/channel/create", "ADMIN", c.body, nil})
		if r.status != c.status || !strings.Contains(string(r.body), c.says) || strings.Contains(string(r.body), hiddenPart) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	change := func(version, more string) reply {
		return w.http(ask{"PUT", "/api/channel/ops", "ADMIN", `{"version":` + strconv.Quote(version) + `,"settings":{"name":"ops","kind":"slack","events":["overdue"]}` + more + `}`, nil})
	}
	var changed contract.ChannelDetails
	change(made.Version, "").want(200).into(&changed)
	if changed.Where.Kind != "stored" || changed.Settings.Severity != "" || len(changed.Settings.Events) != 1 || changed.Version == made.Version {
		t.Errorf("%+v", changed)
	}
	if r := change(made.Version, ""); r.status != http.StatusConflict || !strings.Contains(string(r.body), "somebody else") {
		t.Errorf("an older version: %d %s", r.status, r.body)
	}
	change(changed.Version, `,"where":{"env":"COFRE_OPS"}`).want(200).into(&changed)
	if changed.Where.Kind != "env" || changed.Where.Reference != "COFRE_OPS" {
		t.Errorf("%+v", changed)
	}
	if r := w.http(ask{"PUT", "/api/channel/ops", "ADMIN", `{"version":` + strconv.Quote(changed.Version) + `,"settings":{"name":"ops","kind":"webhook"}}`, nil}); r.status != 422 || !strings.Contains(string(r.body), "where") {
		t.Errorf("of another kind with the same address: %d %s", r.status, r.body)
	}
	for _, q := range []ask{{"PUT", "/api/channel/team", "ADMIN", `{"version":"x","settings":{"name":"team","kind":"slack"}}`, nil}, {"DELETE", "/api/channel/team", "ADMIN", "", nil}} {
		if r := w.http(q); r.status != http.StatusConflict || !strings.Contains(string(r.body), "cofre.yaml, line 6") {
			t.Errorf("%s of the file's: %d %s", q.method, r.status, r.body)
		}
	}
	var tried contract.TestChannelResponse
	w.http(ask{"POST", "/api/channel/test", "ADMIN", `{"settings":{"name":"next","kind":"slack"},"where":{"value":"https://metadata.invalid/` + hiddenPart + `"}}`, nil}).want(200).into(&tried)
	if tried.Sent || !strings.Contains(tried.Answer, "metadata.invalid is not known") {
		t.Errorf("%+v", tried)
	}
	w.http(ask{"POST", "/api/channel/test", "ADMIN", `{"name":"ops","settings":{"name":"ops","kind":"slack"}}`, nil}).want(200).into(&tried)
	if tried.Sent || !strings.Contains(tried.Answer, "COFRE_OPS, which is not set") {
		t.Errorf("%+v", tried)
	}

	// It is told from now on; one that somebody planted, changed or put elsewhere tells nobody, and is shown as such.
	key := registry.KeptKey(registry.KeptChannel, "ops")
	data, _, err := w.Store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	w.plant(t, "copied", string(data))
	w.plant(t, "planted", `{"version":1,"kind":"channel","name":"planted","settings":{"name":"planted","kind":"slack","where":{"env":"COFRE_OPS"}},"changed":{"at":"2026-12-01T00:00:00Z"}}`)
	w.plant(t, "loose", strings.Replace(strings.Replace(string(data), `"ops"`, `"loose"`, -1), "COFRE_OPS", "COFRE_EVIL", 1))
	var channels contract.ListChannelsResponse
	r = w.http(ask{"GET", "/api/channel/list", "ADMIN", "", nil})
	r.want(200).into(&channels)
	got := map[string]bool{}
	for _, c := range channels.Channels {
		got[c.Name] = c.Trouble == ""
	}
	if len(got) != 5 || !got["team"] || !got["ops"] || got["copied"] || got["planted"] || got["loose"] || !channels.SecretsKept {
		t.Errorf("%s", r.body)
	}
	found := map[string]string{}
	for _, c := range w.Service.Doctor(t.Context()).Checks {
		found[c.Name] = c.Result
	}
	if found["channel planted"] != "warning" || found["channel loose"] != "warning" {
		t.Errorf("doctor: %v", found)
	}
	if r := w.http(ask{"GET", "/api/channel/planted", "ADMIN", "", nil}); r.status != 200 || !strings.Contains(string(r.body), "trouble") || strings.Contains(string(r.body), "COFRE_OPS") {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, name := range []string{"copied", "planted", "loose"} {
		w.http(ask{"DELETE", "/api/channel/" + name, "ADMIN", "", nil}).want(200)
	}

	// What waits for a channel that is removed goes to no other one of its name.
	w.Outbox.Tell(event.Event{Kind: event.Overdue, Source: "shop", Severity: event.Critical})
	if err := w.TellPeople(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	var removed contract.DeleteChannelResponse
	w.http(ask{"DELETE", "/api/channel/ops", "ADMIN", "", nil}).want(200).into(&removed)
	if removed.Waiting != 1 {
		t.Errorf("%+v", removed)
	}
	if r := w.http(ask{"DELETE", "/api/channel/ops", "ADMIN", "", nil}); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
	w.http(ask{"POST", "/api/channel/create", "ADMIN", slack, nil}).want(201)
	w.http(ask{"GET", "/api/channel/list", "ADMIN", "", nil}).want(200).into(&channels)
	for _, c := range channels.Channels {
		if c.Name == "ops" && c.Waiting > 1 { // 1 is what was changed by making it
			t.Errorf("the new one gets what the old one did not: %+v", c)
		}
	}
	if r := w.http(ask{"POST", "/api/channel/create", "SUPERVISOR", slack, nil}); r.status != 403 {
		t.Errorf("%d", r.status)
	}
	actions := map[string]int{}
	records, _ := w.trail.List(t.Context(), contract.ListAuditParams{Limit: 1000})
	for _, rec := range records.Records {
		actions[rec.Action]++
	}
	if actions["channel_create"] == 0 || actions["channel_change"] == 0 || actions["channel_remove"] == 0 {
		t.Errorf("%v", actions)
	}
	text, _ := json.Marshal(records)
	if all := w.log.String() + string(text); strings.Contains(all, hiddenPart) || strings.Contains(all, id.String()) {
		t.Error("a secret is in the log or in the audit trail")
	}
	if w.Local {
		for o, err := range w.Store.List(t.Context(), storage.ListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(w.Directory + "/" + o.Key); err == nil && strings.Contains(string(data), hiddenPart) {
				t.Errorf("a secret is in clear in %s", o.Key)
			}
		}
	}
}

// plant writes what stands for a channel into the storage, as somebody does who may write there.
func (w *world) plant(t *testing.T, name, text string) {
	t.Helper()
	if _, err := w.Store.Put(t.Context(), registry.KeptKey(registry.KeptChannel, name), []byte(text), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}
