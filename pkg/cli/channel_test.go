package cli

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const channelsFile = `sources:
  - name: shop
    connection: {env: SHOP_URL}
    ping: {env: PING_URL, allowLocal: true}
channels:
  - name: hook
    kind: webhook
    where: {file: %s/hook}
    key: {file: %s/key}
    severity: info
    allowLocal: true
  - name: team
    kind: slack
    where: {env: TEAM_URL}
    language: pt-BR
    allowLocal: true
  - name: critical
    kind: slack
    where: {env: CRITICAL_URL}
    severity: critical
    events: [backup_failed]
    allowLocal: true
`

// People are told of what commands do, once each, by the command itself; where they are told stands in nothing that it prints, and nothing
// about how a backup ends changes.
func TestPeopleAreTold(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string][]string{} // by path
	const key = "a key that is long enough"
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m struct{ Kind, Text, ID string }
		if json.Unmarshal(body, &m) != nil {
			m.Kind, _, _ = strings.Cut("ping "+string(body), "\n")
		} else if m.Kind == "" {
			m.Kind, _, _ = strings.Cut(m.Text, "\n")
		} else {
			mac := hmac.New(sha256.New, []byte(key))
			io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+"."+string(body))
			if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want || r.Header.Get("webhook-id") != m.ID {
				t.Errorf("signed with %s, want %s", r.Header.Get("webhook-signature"), want)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		got[r.URL.Path] = append(got[r.URL.Path], m.Kind)
	}))
	defer receiver.Close()
	expect := func(when string, want map[string]string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		for path, list := range got {
			if text := strings.Join(list, ", "); text != want[path] {
				t.Errorf("%s: %s was told %q, want %q", when, path, text, want[path])
			}
			delete(want, path)
		}
		for path, text := range want {
			t.Errorf("%s: %s was told nothing, want %q", when, path, text)
		}
		clear(got)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"hook": receiver.URL + "/secret-hook", "key": key, "cofre.yaml": strings.ReplaceAll(channelsFile, "%s", dir)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	places := []string{"BACKUP_CONFIG=" + dir + "/cofre.yaml", "TEAM_URL=" + receiver.URL + "/secret-team", "CRITICAL_URL=" + receiver.URL + "/secret-critical", "PING_URL=" + receiver.URL + "/secret-ping"}
	url := newSample(t)
	env := append(environment(t, "", filepath.Join(dir, "backups"), places...), "SHOP_URL="+url)
	dead := append(environment(t, "", filepath.Join(dir, "backups"), places...), "SHOP_URL=postgresql://u@127.0.0.1:1/shop")
	said := works(t, env, nil, "create", "-n", "first")
	expect("a good backup", map[string]string{"/secret-hook": "backup_ended", "/secret-ping/start": "ping ", "/secret-ping": "ping shop: backup done"})
	for n, want := range []map[string]string{
		{"/secret-hook": "backup_failed", "/secret-team": "*🟡 shop: o backup falhou*"},
		{"/secret-hook": "backup_failed", "/secret-team": "*🔴 shop: o backup falhou*", "/secret-critical": "*🔴 shop: backup failed*"},
		{},
	} {
		cmd := cofre(t, dead, "create")
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 {
			t.Fatalf("exit code %d\n%s", cmd.ProcessState.ExitCode(), out)
		}
		want["/secret-ping/start"], want["/secret-ping/fail"] = "ping ", "ping shop: backup failed"
		expect([]string{"a failure", "the second", "the third"}[n], want)
	}
	said += works(t, env, nil, "create", "-n", "second")
	expect("a good one", map[string]string{"/secret-hook": "backup_ended, recovered", "/secret-team": "*🟢 shop: normalizado*", "/secret-critical": "*🟢 shop: recovered*", "/secret-ping/start": "ping ", "/secret-ping": "ping shop: backup done"})
	said += works(t, env, nil, "list")
	var all struct {
		Channels []struct {
			Name, Kind, Severity string
			Sent, Waiting        int
		}
	}
	works(t, env, &all, "channel", "list")
	if len(all.Channels) != 3 || all.Channels[0].Sent != 5 || all.Channels[1].Sent != 3 || all.Channels[2].Sent != 2 || all.Channels[1].Severity != "warning" || all.Channels[0].Waiting != 0 {
		t.Errorf("%+v", all)
	}
	var answered struct{ Channel, Answer string }
	works(t, env, &answered, "channel", "test", "team")
	if answered.Answer != "HTTP 200" {
		t.Errorf("%+v", answered)
	}
	expect("a test", map[string]string{"/secret-team": "*🟢 mensagem de teste do cofre*"})
	receiver.Close()
	said += works(t, env, nil, "create", "-n", "third")
	if !strings.Contains(said, "channel hook: the connection is refused") {
		t.Errorf("a receiver that is away is not told of: %s", said)
	}
	cmd := cofre(t, env, "channel", "test", "team")
	out, _ := cmd.CombinedOutput()
	list, _ := cofre(t, env, "channel", "list").CombinedOutput()
	if said += string(out) + string(list); cmd.ProcessState.ExitCode() != 5 || !strings.Contains(string(list), "1 failure in a row") {
		t.Errorf("exit code %d\n%s\n%s", cmd.ProcessState.ExitCode(), out, list)
	}
	cmd = cofre(t, append(env, "CRITICAL_URL="), "doctor")
	out, _ = cmd.CombinedOutput()
	if said += string(out); cmd.ProcessState.ExitCode() != 0 || !strings.Contains(string(out), "nobody could be told since") || !strings.Contains(string(out), "CRITICAL_URL, which is not set") {
		t.Errorf("exit code %d\n%s", cmd.ProcessState.ExitCode(), out)
	}
	if strings.Contains(said, "secret-") || strings.Contains(said, key) {
		t.Errorf("a secret is told: %s", said)
	}
}
