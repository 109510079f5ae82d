package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Two servers over one place tell of a backup that failed once, by whichever it is, and of one that nobody made: the one that still lives notices.
func TestServersTellPeople(t *testing.T) {
	var mu sync.Mutex
	var got []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ Kind, Source string }
		json.NewDecoder(r.Body).Decode(&m)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, m.Kind+" "+m.Source)
	}))
	defer receiver.Close()
	told := func(what string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(got, what)
		}
	}
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	if err := os.WriteFile(file, []byte("sources:\n  - {name: never, connection: {env: NEVER}, maxAge: 3h, schedule: '@yearly'}\nchannels:\n  - {name: hook, kind: webhook, where: {env: HOOK}, allowLocal: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64
	clock := from(night)
	o := options{database: nowhere, directory: filepath.Join(t.TempDir(), "backups"), schedule: "0 2 * * *", env: []string{"BACKUP_CONFIG=" + file, "HOOK=" + receiver.URL},
		now: func() time.Time { return clock().Add(time.Duration(later.Load())) }}
	a, b := serve(t, o), serve(t, o)
	a.wait("word of the failure", told("backup_failed none"))
	later.Store(int64(4 * time.Hour))
	for _, w := range []*world{a, b} {
		w.Outbox.Look()
	}
	a.wait("word of what nobody made", told("overdue never"))
	a.wait("word of what was not made", told("overdue none"))
	for _, w := range []*world{a, b} {
		w.stop()
		if err := w.end(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
	slices.Sort(got)
	if want := []string{"backup_failed none", "overdue never", "overdue none"}; !slices.Equal(got, want) {
		t.Errorf("told was %q, want %q", got, want)
	}
}
