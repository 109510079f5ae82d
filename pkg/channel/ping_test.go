package channel

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cofre/pkg/event"
	"cofre/pkg/fault"
)

// A watcher of jobs is told of the begin, of a good end with figures and of a bad one with the reason; it is tried again, and what it is called stands in
// no error.
func TestPing(t *testing.T) {
	var got []string
	status := []int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.String()+" "+strings.ReplaceAll(string(body), "\n", "; "))
		if len(status) > 0 {
			w.WriteHeader(status[0])
			status = status[1:]
		}
	}))
	defer server.Close()
	ping := Ping{Source: "shop", Where: fixed(server.URL + "/" + token + "?a=b"), AllowLocal: true}
	const id = "01KAQ4X1Q0000000000000000A"
	for _, err := range []error{
		ping.Started(t.Context(), id),
		ping.Ended(t.Context(), event.Event{Kind: event.BackupEnded, Source: "shop", Resource: id, Bytes: 1 << 30, Duration: 6200}),
		ping.Ended(t.Context(), event.Event{Kind: event.BackupFailed, Source: "shop", Resource: id, Detail: "no route"}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	const query = "?a=b&rid=019aae4e-86e0-0000-0000-00000000000a "
	want := []string{"POST /" + token + "/start" + query, "POST /" + token + query + "shop: backup done; Size: 1.0 GB; Duration: 6.2 s; ID: " + id, "POST /" + token + "/fail" + query + "shop: backup failed; no route; ID: " + id}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got, status = nil, []int{500, 200}
	if err := ping.Started(t.Context(), id); err != nil || len(got) != 2 {
		t.Errorf("%v after %d tries", err, len(got))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range []Ping{ping, {Source: "shop", Where: ping.Where}, {Source: "shop", Where: fixed("http://203.0.113.1/" + token)}} {
		if err := p.Started(ctx, id); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%v", err)
		}
	}
	if err := (Ping{Where: fixed(strings.Replace(server.URL, "http:", "https:", 1))}).Started(t.Context(), id); !fault.HasReason(err, fault.PlaceForbidden) {
		t.Errorf("%v", err)
	}
}
