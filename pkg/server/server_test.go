package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// The whole of it once: sign in, ask for a backup, look at it, scrape; then a failure, and scrape again.
func TestServe(t *testing.T) {
	w := serve(t, options{database: newDatabase(t), schedule: "0 2 * * *", env: []string{"BACKUP_SCHEDULE=0 2 * * *"}})
	if r := w.do("GET", "/healthz", "", nil); r.StatusCode != 200 || r.body != "ok\n" {
		t.Errorf("/healthz answers %d: %s", r.StatusCode, r.body)
	}
	if r := w.do("GET", "/config.json", "", nil); r.body != `{"api":"","auth":{"mode":"development"}}`+"\n" {
		t.Errorf("/config.json is %s", r.body)
	}
	id := w.create()
	w.wait("the backup", w.allEnded)
	if r := w.do("GET", "/api/backup/"+id, "", w.signedIn("SUPERVISOR")); r.StatusCode != 200 || !strings.Contains(r.body, `"status":"success"`) {
		t.Fatalf("%d: %s", r.StatusCode, r.body)
	}
	database := w.Config().Database.Database()
	// What ended is recorded first, and then counted.
	shows := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			w.wait("/metrics to show "+line, func() bool {
				r := w.do("GET", "/metrics", "", nil)
				return r.StatusCode == 200 && strings.Contains(r.body, line)
			})
		}
	}
	of := `{database="` + database + `",source="` + database + `"} `
	shows(`cofre_backup_success_total`+of+`1`, `cofre_backup_failure_total`+of+`0`, `cofre_last_good_backup_age_seconds`+of, `cofre_backups{status="success"} 1`,
		`cofre_backup_overdue`+of+`0`, `cofre_source_state`+of+`0`,
		`cofre_api_requests_total{operation="createBackup",status="202"} 1`, "cofre_registry_readable 1", "cofre_next_backup_timestamp_seconds ")
	post := with(w.signedIn("ADMIN"), "Content-Type", "application/json")
	if r := w.do("POST", "/api/backup/create", `{"options":{"database":"is_not_there"}}`, post); r.StatusCode != 422 || !strings.Contains(r.body, "database_missing") || !strings.Contains(r.body, database) {
		t.Errorf("a database that is not there: %d %s", r.StatusCode, r.body)
	}
	shows(`cofre_backups{status="failed"} 0`)
	if r := w.do("GET", "/metrics", "", nil); strings.Contains(r.body, "is_not_there") {
		t.Errorf("a name that was typed wrong is a source: %s", r.body)
	}
	r := w.do("POST", "/api/backup/create", `{"options":{"selection":{"tables":["is_not_there"]}}}`, post)
	if r.StatusCode != 202 {
		t.Fatalf("%d: %s", r.StatusCode, r.body)
	}
	w.wait("the failure", w.allEnded)
	shows(`cofre_errors_total{code="`, `cofre_backup_failure_total`+of+`1`, `cofre_backups{status="failed"} 1`, `cofre_backup_success_total`+of+`1`)
	w.stop()
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func with(header map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		header[more[i]] = more[i+1]
	}
	return header
}

// A server that is told to stop takes no more, and lets a running backup end.
func TestStopWithGrace(t *testing.T) {
	url, proxy := newSlow(t)
	w := serve(t, options{database: url})
	id := w.create()
	w.wait("the dump to be under way", w.underWay(id))
	w.stop()
	w.wait("the address to be closed", func() bool {
		_, err := w.client.Get(w.server.URL() + "/healthz")
		return err != nil
	})
	select {
	case err := <-w.ended:
		t.Fatalf("it ended before its backup: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	proxy.Heal()
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if b := w.backups()[0]; b.Status != registry.Success {
		t.Errorf("the backup is %+v", b)
	}
}

// A request that is under way when the server is told to stop gets its answer.
func TestRequestUnderWay(t *testing.T) {
	w := serve(t, options{database: nowhere})
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"role":"ADMIN","secret":"` + devSecret + `"}`
	fmt.Fprintf(conn, "POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:8])
	time.Sleep(100 * time.Millisecond)
	w.stop()
	time.Sleep(300 * time.Millisecond)
	fmt.Fprint(conn, body[8:])
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("it is answered with %s", resp.Status)
	}
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A server that loses its address gives running backups the same grace, and no more.
func TestAddressLost(t *testing.T) {
	url, _ := newSlow(t)
	w := serve(t, options{database: url, change: configured(300*time.Millisecond, 1)})
	w.wait("the dump to be under way", w.underWay(w.create()))
	start := time.Now()
	w.server.Close()
	if err := w.end(); !fault.HasCode(err, fault.Canceled) || !strings.Contains(err.Error(), "serve on") {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(start); took > 20*time.Second { // of the 32 that the dump takes
		t.Errorf("it took %v", took)
	}
	if b := w.backups()[0]; b.Status != registry.Failed || b.Error.Code != fault.Canceled {
		t.Errorf("the backup is %+v", b)
	}
}

// A backup that waits here for its turn may have been begun elsewhere: a request or a schedule that two servers got. A server that
// is stopped leaves it alone.
func TestStopLeavesWhatAnotherMakes(t *testing.T) {
	url, proxy := newSlow(t)
	o := options{database: url, env: []string{"BACKUP_MAX_CONCURRENT=3"}, directory: filepath.Join(t.TempDir(), "backups")}
	o.change = configured(0, 1)
	w := serve(t, o)
	w.wait("the first dump to be under way", w.underWay(w.create()))
	second := w.create() // waits for the only slot
	other, _ := configure(t, o)
	made := make(chan error, 1)
	go func() {
		_, err := other.Service.Run(t.Context(), second, nil)
		made <- err
	}()
	w.wait("the second dump to be under way", w.underWay(second))
	w.stop()
	if err := w.end(); !fault.HasCode(err, fault.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	proxy.Heal()
	if err := <-made; err != nil {
		t.Errorf("the other's backup: %v", err)
	}
}

// When the time of grace is over, or on a second signal, running backups are stopped cleanly, and those that wait never begin.
func TestStopByForce(t *testing.T) {
	url, _ := newSlow(t)
	for _, test := range []struct {
		name  string
		grace time.Duration
		abort bool
	}{{"the grace is over", 300 * time.Millisecond, false}, {"a second signal", time.Hour, true}} {
		t.Run(test.name, func(t *testing.T) {
			o := options{database: url, env: []string{"BACKUP_MAX_CONCURRENT=3"}}
			o.change = configured(test.grace, 1)
			w := serve(t, o)
			first := w.create()
			w.wait("the dump to be under way", w.underWay(first))
			w.create() // waits for the only slot
			w.stop()
			if test.abort {
				time.Sleep(200 * time.Millisecond)
				w.abort()
			}
			start := time.Now()
			if err := w.end(); !fault.HasCode(err, fault.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			for _, b := range w.backups() {
				if b.Status != registry.Failed || b.Error == nil || b.Error.Code != fault.Canceled {
					t.Errorf("%s is %s, %+v", b.ID, b.Status, b.Error)
				}
			}
			if left := leftovers(t, w.Directory); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if log := w.log.String(); strings.Contains(log, `"level":"ERROR"`) || strings.Count(log, `"level":"WARN","msg":"backup failed"`) != 2 {
				t.Errorf("the log of what was meant to stop:\n%s", log)
			}
		})
	}
}

// What a user cancels is no error in the log.
func TestCanceledIsNoError(t *testing.T) {
	url, _ := newSlow(t)
	w := serve(t, options{database: url})
	id := w.create()
	w.wait("the dump to be under way", w.underWay(id))
	if r := w.do("POST", "/api/backup/cancel/"+id, "", w.signedIn("ADMIN")); r.StatusCode != 202 {
		t.Fatalf("%d: %s", r.StatusCode, r.body)
	}
	w.wait("its end", func() bool { return strings.Contains(w.log.String(), `"reason":"canceled_by_user"`) })
	if log := w.log.String(); strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, `"level":"INFO","msg":"backup failed"`) {
		t.Errorf("the log is\n%s", log)
	}
	w.stop()
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
