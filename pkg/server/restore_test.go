package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/server"
)

// withTarget is the environment of a file that names a URL's server as the target staging.
func withTarget(t testing.TB, url string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	if err := os.WriteFile(file, []byte("targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"BACKUP_CONFIG=" + file, "STAGING_URL=" + url}
}

func (w *world) restore(backup, database string) (x contract.Restore) {
	w.t.Helper()
	r := w.do("POST", "/api/restore/create", fmt.Sprintf(`{"backup":%q,"target":"staging","database":%q}`, backup, database), with(w.signedIn("ADMIN"), "Content-Type", "application/json"))
	if err := json.Unmarshal([]byte(r.body), &x); err != nil || r.StatusCode != 202 {
		w.t.Fatalf("%d, %v: %s", r.StatusCode, err, r.body)
	}
	return x
}

func (w *world) restoreStatus(id string) (x contract.Restore) {
	w.t.Helper()
	r := w.do("GET", "/api/restore/status/"+id, "", w.signedIn("ADMIN"))
	if err := json.Unmarshal([]byte(r.body), &x); err != nil || r.StatusCode != 200 {
		w.t.Fatalf("%d, %v: %s", r.StatusCode, err, r.body)
	}
	return x
}

// A server makes as many restores at once as backups, which do not wait for them, and others see how far they are. One that is stopped says of each what became
// of it, and the next server makes others.
func TestRestoresInAServer(t *testing.T) {
	pg := testenv.Postgres(t, testenv.NewestMajor)
	url := pg.NewDatabase(t)
	testenv.LoadSQL(t, url, bulkySQL)
	proxy := testenv.Proxy(t, pg.Addr())
	proxy.Throttle(testenv.ToServer, 1_000_000)
	o := options{database: url, directory: filepath.Join(t.TempDir(), "backups"), env: withTarget(t, pg.URLThrough(proxy.Addr(), "postgres")), change: func(c *server.Config) {
		c.Grace, c.MaxConcurrent, c.KeepRestoreEvery = 300*time.Millisecond, 1, 20*time.Millisecond
	}}
	w := serve(t, o)
	b := w.create()
	w.wait("the backup", w.allEnded)
	name := fmt.Sprintf("restored_%d", time.Now().UnixNano())
	first, second := w.restore(b, name), w.restore(b, name+"_2")
	other := serve(t, options{database: url, directory: o.directory, env: withTarget(t, url)})
	w.wait("the restore to be under way", func() bool {
		x := other.restoreStatus(first.ID)
		return x.State == "running" && x.BytesRead > 0
	})
	if x := other.restoreStatus(second.ID); x.State != "reserved" {
		t.Errorf("there is one slot, and the second is %+v", x)
	}
	w.wait("the second to be kept while it waits", func() bool {
		x, err := other.Service.RestoreStatus(t.Context(), second.ID)
		return err == nil && x.Beat > 3 && x.State == "reserved"
	})
	w.create()
	w.wait("a backup beside them", func() bool { return len(w.backups()) == 2 && w.allEnded() })
	// One that is canceled while it waits is waited for no more.
	canceled := w.restore(b, name+"_3")
	if r := other.do("POST", "/api/restore/cancel/"+canceled.ID, "", other.signedIn("ADMIN")); r.StatusCode != 202 {
		t.Errorf("%d: %s", r.StatusCode, r.body)
	}
	w.wait("the third to be dropped", func() bool {
		return strings.Contains(w.log.String(), `"msg":"nothing to do for this restore any more","restore_id":"`+canceled.ID)
	})
	w.stop()
	if err := w.end(); !fault.HasCode(err, fault.Canceled) || !strings.Contains(fault.From(err).Message, "0 running backups and 2 restores") {
		t.Errorf("it ended with %v", err)
	}
	for _, b := range other.backups() {
		if b.Status != registry.Success {
			t.Errorf("a backup that was made beside restores: %+v", b)
		}
	}
	if x := other.restoreStatus(first.ID); x.State != "interrupted" || !x.HalfFilled || !strings.Contains(x.Error.Message, "the server was stopped before the restore was finished") || !strings.Contains(x.Error.Message, name) {
		t.Errorf("%+v", x)
	}
	if x := other.restoreStatus(second.ID); x.State != "failed" || x.HalfFilled || x.Error.Reason != string(fault.NotStarted) {
		t.Errorf("%+v", x)
	}
	if log := w.log.String(); strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log of what was meant to stop:\n%s", log)
	}
	third := other.restore(b, name+"_2")
	other.wait("the restore", func() bool {
		return other.restoreStatus(third.ID).State != "reserved" && other.restoreStatus(third.ID).State != "running"
	})
	if x := other.restoreStatus(third.ID); x.State != "succeeded" {
		t.Errorf("%+v", x)
	}
}
