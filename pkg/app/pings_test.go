package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// That a backup is good is told also where nobody answered that it begins: a watcher that does not hear of it raises an alarm in vain.
func TestEndIsToldBehindABeginThatHangs(t *testing.T) {
	told, end := make(chan string, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/start" {
			<-end
			return
		}
		told <- r.URL.Path
	}))
	defer server.Close()
	defer close(end)
	p := &pings{log: slog.New(slog.DiscardHandler), yield: time.Millisecond, last: map[string]*pinging{}, of: func(of source.Settings) channel.Ping {
		return channel.Ping{Source: of.Name, AllowLocal: true, Where: func(context.Context) (string, error) { return server.URL, nil }}
	}}
	of := source.Settings{Name: "shop", Ping: &source.Ping{}}
	p.Began(source.Settings{Name: "shop"}, backup.Backup{}) // of which nobody is told
	b := backup.Backup{ID: "01KAQ4X1Q0000000000000000A", Source: "shop", Status: registry.Success}
	p.Began(of, b)
	p.Ended(of, b, nil)
	select {
	case path := <-told:
		if path != "/" {
			t.Errorf("%s was told", path)
		}
	case <-time.After(20 * time.Second): // the begin alone is tried for longer than that
		t.Error("it was not told")
	}
	p.work.Wait()
	if len(p.last) != 0 {
		t.Errorf("%d backups are remembered", len(p.last))
	}
}
