package server_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/internal/testenv"
	"cofre/pkg/registry"
)

// from gives a clock that starts at a time when it is first looked at, and then goes on.
func from(at time.Time) func() time.Time {
	began := sync.OnceValue(time.Now)
	return func() time.Time { return at.Add(time.Since(began())) }
}

// lead is how long servers have to begin before something is due: one that begins behind that does not do it.
const lead = 4 * time.Second

// night is that much before a scheduled backup.
var night = time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC).Add(-lead)

func scheduled(backups []registry.Backup) (found []registry.Backup) {
	for _, b := range backups {
		if b.Trigger == "schedule" {
			found = append(found, b)
		}
	}
	return found
}

// Two servers over one place make one backup when it is due; one that starts later makes the one that was missed
// meanwhile, once, and one that starts again makes none.
func TestScheduledBackups(t *testing.T) {
	o := options{database: newDatabase(t), directory: filepath.Join(t.TempDir(), "backups"), schedule: "0 2 * * *", cleanup: "0 2 * * *", now: from(night)}
	a, b := serve(t, o), serve(t, o)
	a.wait("the scheduled backup", func() bool { return len(scheduled(a.backups())) > 0 && a.allEnded() })
	a.wait("the cleanup", func() bool {
		x, err := a.Service.Registry.Load(t.Context())
		return err == nil && x.LastCleanup != nil
	})
	time.Sleep(time.Second)
	made := a.backups()
	if len(made) != 1 || made[0].Status != registry.Success || made[0].CreatedBy != "schedule" || made[0].CreatedAt.Before(night.Add(lead)) {
		t.Fatalf("made was %+v", made)
	}
	actions := map[string]int{}
	a.wait("the audit trail", func() bool {
		clear(actions)
		for _, r := range a.recorded("schedule") {
			actions[r.Action]++
			if r.Action == "create" && (r.Resource != made[0].ID || r.Outcome != "allowed" || r.Detail["due"] != "2026-11-25T02:00:00Z" || r.RequestID == "") {
				t.Errorf("recorded as %+v", r)
			}
		}
		return actions["create"] > 0 && actions["cleanup"] > 0
	})
	if actions["create"] != 1 {
		t.Errorf("recorded were %v", actions)
	}
	for _, w := range []*world{a, b} {
		w.stop()
		if err := w.end(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
	// Every line about the run carries its id, and that of the schedule's request where the scheduler wrote it.
	log := a.log.String() + b.log.String()
	if n := strings.Count(log, `"backup_id":"`+made[0].ID+`"`); n < 2 || !strings.Contains(log, `"request_id":"`) {
		t.Errorf("%d lines of the log speak of the backup", n)
	}

	o.now = from(night.Add(3 * 24 * time.Hour)) // two nights later, and before the third
	w := serve(t, o)
	w.wait("the missed backup", func() bool { return len(w.backups()) == 2 && w.allEnded() })
	w.stop()
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	o.now = from(night.Add(3*24*time.Hour - time.Hour))
	again := serve(t, o)
	time.Sleep(700 * time.Millisecond)
	if n := len(again.backups()); n != 2 {
		t.Errorf("there are %d backups after another start", n)
	}
}

// A scheduled backup that fails is recorded, counted and logged, and the server serves on.
func TestScheduledFailure(t *testing.T) {
	w := serve(t, options{database: nowhere, schedule: "0 2 * * *", now: from(night)})
	w.wait("the failure", func() bool {
		return strings.Contains(w.do("GET", "/metrics", "", nil).body, `cofre_schedule_failures_total{task="backup"} 1`)
	})
	b := w.backups()
	if len(b) != 1 || b[0].Status != registry.Failed || b[0].Database != "none" {
		t.Errorf("recorded was %+v", b)
	}
	w.wait("the audit record", func() bool {
		r := w.recorded("schedule")
		return len(r) == 1 && r[0].Outcome == "failed" && r[0].Code == "DatabaseConnectionError" && r[0].Resource == b[0].ID
	})
	if !strings.Contains(w.log.String(), "scheduled backup failed") {
		t.Error("the log does not say so")
	}
}

// A server puts on record what it is to back up: what never gets a backup is overdue some day, also after it has gone.
func TestSourcesAreExpected(t *testing.T) {
	w := serve(t, options{database: nowhere, env: []string{"BACKUP_SOURCE=never"}})
	w.wait("the source's record", func() bool {
		rec, err := w.Service.Registry.Source(t.Context(), "never")
		return err == nil && !rec.FirstSeen.IsZero()
	})
	w.stop()
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	w.Service.Now = func() time.Time { return time.Now().AddDate(0, 0, 8) }
	o, err := w.Service.Overview(t.Context(), nil)
	if err != nil || o.Source("never") == nil || !o.Source("never").Overdue {
		t.Errorf("it is %+v: %v", o.Source("never"), err)
	}
}

// Two servers of two databases that bear one name, over one place: the second is refused, loudly, until it has a name of its
// own; then each gets its backup.
func TestSchedulesOfTwoSources(t *testing.T) {
	first := newDatabase(t)
	name := first[strings.LastIndex(first, "/")+1:]
	other := testenv.Postgres(t, 17)
	other.Exec(t, "postgres", `CREATE DATABASE "`+name+`"`)
	t.Cleanup(func() { other.Exec(t, "postgres", `DROP DATABASE "`+name+`" WITH (FORCE)`) })
	o := options{database: first, directory: filepath.Join(t.TempDir(), "backups"), schedule: "0 2 * * *", now: from(night)}
	a := serve(t, o)
	a.wait("the first source's backup", func() bool { return len(scheduled(a.backups())) > 0 && a.allEnded() })
	o.database, o.now = other.URL(name), from(night.Add(24*time.Hour))
	b := serve(t, o)
	b.wait("the refusal", func() bool { return strings.Contains(b.log.String(), "scheduled work failed") })
	if log := b.log.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "another server") {
		t.Errorf("the log says %s", log)
	}
	if r := b.do("GET", "/api/health", "", nil); r.StatusCode != 503 {
		t.Errorf("health is %d %s", r.StatusCode, r.body)
	}
	if r := b.do("GET", "/metrics", "", nil); !strings.Contains(r.body, `cofre_source_state{database="`+name+`",source="`+name+`"} 2`) {
		t.Errorf("the metrics say %s", r.body)
	}
	b.wait("the audit record", func() bool {
		for _, r := range b.recorded("schedule") {
			if r.Action == "create" && r.Reason == "server_changed" {
				return true
			}
		}
		return false
	})
	if n := len(b.backups()); n != 1 {
		t.Errorf("there are %d backups", n)
	}
	o.env, o.now = []string{"BACKUP_SOURCE=second"}, from(night.Add(24*time.Hour))
	c := serve(t, o)
	c.wait("the second source's backup", func() bool {
		for _, s := range scheduled(c.backups()) {
			if s.Source == "second" && s.Status == registry.Success {
				return true
			}
		}
		return false
	})
}

// One server looks after sources on three servers, each by its own schedule: one that hangs behind a lock and one whose server is away
// keep none of the others from their backups, and what is paused, or not due, is left alone.
func TestSchedulesOfManySources(t *testing.T) {
	url := map[string]string{}
	for major, name := range map[int]string{15: "old", 17: "middle", 18: "new"} {
		url[name] = testenv.Postgres(t, major).NewDatabase(t)
	}
	url["slow"] = newDatabase(t)
	holder, err := pgx.Connect(t.Context(), url["slow"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { holder.Close(context.Background()) })
	for _, sql := range []string{"BEGIN", "LOCK TABLE customer IN ACCESS EXCLUSIVE MODE"} {
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	text := `sources:
  - {name: slow, connection: {env: SLOW_URL}}
  - {name: old, connection: {env: OLD_URL}, schedule: 0 3 * * *, zone: Europe/Berlin, tags: {team: shop}}
  - {name: middle, connection: {env: MIDDLE_URL}, schedule: 0 11 * * *, zone: Asia/Tokyo}
  - {name: new, connection: {env: NEW_URL}, format: plain}
  - {name: gone, connection: {env: GONE_URL}}
  - {name: later, connection: {env: NEW_URL}, schedule: 0 2 * * *, zone: Europe/Berlin}
  - {name: paused, connection: {env: NEW_URL}, paused: true}
  - {name: asked, connection: {env: NEW_URL}, schedule: never}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := serve(t, options{database: "", schedule: "0 2 * * *", now: from(night), env: []string{"BACKUP_CONFIG=" + file,
		"SLOW_URL=" + url["slow"], "OLD_URL=" + url["old"], "MIDDLE_URL=" + url["middle"], "NEW_URL=" + url["new"], "GONE_URL=" + nowhere}})
	of := func() map[string]registry.Backup {
		all := map[string]registry.Backup{}
		for _, b := range w.backups() {
			all[b.Source] = b
		}
		return all
	}
	w.wait("all but the slow one", func() bool {
		all := of()
		return all["old"].Status == registry.Success && all["middle"].Status == registry.Success && all["new"].Status == registry.Success && all["gone"].Status == registry.Failed &&
			all["slow"].Status == registry.InProgress
	})
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	w.wait("the slow one", func() bool { return of()["slow"].Status == registry.Success })
	all := of()
	if len(all) != 5 || len(w.backups()) != 5 || all["new"].Format != "plain" || all["old"].Labels["team"] != "shop" || !strings.HasPrefix(all["old"].DatabaseVersion, "15.") || !strings.HasPrefix(all["middle"].DatabaseVersion, "17.") {
		t.Errorf("made were %+v", all)
	}
	o, err := w.Service.Overview(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, hour := range map[string]int{"old": 2, "middle": 2, "slow": 2, "later": 1, "paused": -1, "asked": -1} {
		s := o.Source(name)
		if s == nil || s.Overdue || s.Paused != (name == "paused") || (hour < 0) != s.NextDue.IsZero() || hour >= 0 && s.NextDue.UTC().Hour() != hour {
			t.Errorf("%s: %+v", name, s)
		}
	}
	w.stop()
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	w.Service.Now = func() time.Time { return night.AddDate(0, 1, 0) }
	if o, err = w.Service.Overview(t.Context(), nil); err != nil || o.Source("paused").Overdue || !o.Source("later").Overdue {
		t.Errorf("a month later: %+v, %v", o.Sources, err)
	}
}
