package api_test

import (
	"net/http"
	"strings"
	"testing"

	"cofre/pkg/api/contract"
)

// What people are told is listed; so are channels, without where they lead to; and a test says what came of it.
func TestPeople(t *testing.T) {
	w := newWorld(t, "", nil, withTarget(t, "")...)
	w.http(ask{"PUT", "/api/backup/settings", "ADMIN", `{"maxBackups":5,"retentionDays":30,"defaultDirectory":""}`, nil})
	if err := w.TellPeople(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	var events contract.ListEventsResponse
	r := w.http(ask{"GET", "/api/event/list", "SUPERVISOR", "", nil})
	r.want(200).into(&events)
	if len(events.Events) != 1 || events.Events[0].Kind != "settings_changed" || events.Events[0].Title != "settings changed" || events.Events[0].By == "" || events.Events[0].Severity != "warning" {
		t.Errorf("%+v", events)
	}
	var channels contract.ListChannelsResponse
	r = w.http(ask{"GET", "/api/channel/list", "ADMIN", "", nil})
	r.want(200).into(&channels)
	if c := channels.Channels; len(c) != 1 || c[0].Name != "team" || c[0].Failures != 1 || c[0].Waiting != 1 || !strings.Contains(c[0].LastError, "allowLocal") || strings.Contains(string(r.body), "hidden") {
		t.Errorf("%s", r.body)
	}
	var tested contract.TestChannelResponse
	r = w.http(ask{"POST", "/api/channel/test/team", "ADMIN", "", nil})
	r.want(200).into(&tested)
	if tested.Sent || !strings.Contains(tested.Answer, "address of this machine") || strings.Contains(string(r.body), "hidden") {
		t.Errorf("%s", r.body)
	}
	if r = w.http(ask{"POST", "/api/channel/test/other", "ADMIN", "", nil}); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.body)
	}
	bare := newWorld(t, "", nil)
	for target, want := range map[string]string{"/api/channel/list": `{"channels":[],"secretsKept":false}`, "/api/event/list": `{"events":[]}`} {
		if r := bare.http(ask{"GET", target, "ADMIN", "", nil}); strings.TrimSpace(string(r.body)) != want {
			t.Errorf("without channels: %s", r.body)
		}
	}
	if r := bare.http(ask{"POST", "/api/channel/test/team", "ADMIN", "", nil}); r.status != http.StatusNotFound {
		t.Errorf("without channels: %d", r.status)
	}
}
