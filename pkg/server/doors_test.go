package server_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
)

// doors is how it stands with all sources, as each view tells it.
type doors struct {
	health  int
	detail  string // of the health check of sources
	metrics string
	summary contract.MetricsSummary
	doctor  backup.Diagnosis
}

func (w *world) doors() doors {
	w.t.Helper()
	admin := w.signedIn("ADMIN")
	r := w.do("GET", "/api/health", "", admin)
	var h contract.HealthResponse
	if err := json.Unmarshal([]byte(r.body), &h); err != nil {
		w.t.Fatalf("%v: %s", err, r.body)
	}
	d := doors{health: r.StatusCode, metrics: w.do("GET", "/metrics", "", nil).body, doctor: w.Service.Doctor(w.t.Context())}
	for _, c := range h.Checks {
		if c.Name == contract.HealthCheckNameSources {
			d.detail = string(c.Result) + ": " + c.Detail
		}
	}
	r = w.do("GET", "/api/metrics/summary?tz=America/Sao_Paulo", "", admin)
	if err := json.Unmarshal([]byte(r.body), &d.summary); err != nil || r.StatusCode != 200 || d.summary.TimeZone != "America/Sao_Paulo" {
		w.t.Fatalf("%v: %d %s", err, r.StatusCode, r.body)
	}
	return d
}

// of is what doctor and the summary say of one source.
func (d doors) of(name string) (check backup.Check, s contract.SourceSummary) {
	for _, c := range d.doctor.Checks {
		if c.Name == "source "+name {
			check = c
		}
	}
	for _, x := range d.summary.Sources {
		if x.Source == name {
			s = x
		}
	}
	return check, s
}

// Every view tells the same of a source that nobody backs up, of one whose last good backup is too old, and by which age.
func TestEveryDoorTellsOverdue(t *testing.T) {
	url := newDatabase(t)
	loja := url[strings.LastIndex(url, "/")+1:]
	o := options{database: url, directory: filepath.Join(t.TempDir(), "backups")}
	due := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 41).Add(2 * time.Hour)
	a := serve(t, o)
	if r := a.do("POST", "/api/backup/create", `{"options":{"source":"financeiro"}}`, with(a.signedIn("ADMIN"), "Content-Type", "application/json")); r.StatusCode != 202 {
		t.Fatal(r.body)
	}
	a.create()
	a.wait("two backups", func() bool { return len(a.backups()) == 2 && a.allEnded() })
	if d := a.doors(); d.health != 200 || d.summary.State != "ok" || !strings.HasPrefix(d.detail, "ok: 2 sources") || !d.doctor.OK {
		t.Errorf("when all is well: %+v", d)
	} else if s := d.summary.Sentence; s.Code != "all_good" || s.State != "ok" || s.Sources != 2 || s.At.IsZero() {
		t.Errorf("the sentence is %+v", s)
	}

	// The schedule makes one of the two.
	o.schedule, o.env, o.now = "0 2 * * *", []string{"BACKUP_SCHEDULE=0 2 * * *"}, from(due.Add(-lead))
	b := serve(t, o)
	b.wait("the scheduled backup", func() bool { return len(b.backups()) == 3 && b.allEnded() })
	d := b.doors()
	told := fmt.Sprintf("nobody backs it up; the last good backup is %d days old", int(due.Sub(a.backups()[1].CreatedAt)/(24*time.Hour))) // 40 or 41
	check, source := d.of("financeiro")
	if d.health != 200 || d.detail != "warning: financeiro: "+told || d.summary.State != "warning" || check.Result != backup.CheckWarning || check.Detail != told ||
		source.State != "warning" || source.Scheduled || !source.NextScheduledAt.IsZero() || len(source.Findings) != 1 || source.Findings[0].Code != "unscheduled" {
		t.Errorf("of financeiro: %d %s, %+v, %+v", d.health, d.detail, check, source)
	}
	of := func(source string) string { return `{database="` + loja + `",source="` + source + `"} ` }
	for _, line := range []string{"cofre_source_state" + of("financeiro") + "1", "cofre_source_state" + of(loja) + "0", "cofre_backup_overdue" + of(loja) + "0"} {
		if !strings.Contains(d.metrics, line) {
			t.Errorf("there is no %s in\n%s", line, d.metrics)
		}
	}
	if check, source := d.of(loja); check.Result != backup.CheckOK || source.State != "ok" || source.NextScheduledAt.IsZero() {
		t.Errorf("of the other: %+v, %+v", check, source)
	}
	b.stop()
	if err := b.end(); err != nil {
		t.Error(err)
	}

	// Without a schedule seven days count, and what is configured decides.
	o.schedule, o.env, o.now = "", nil, from(due.AddDate(0, 0, 58))
	d = serve(t, o).doors()
	check, source = d.of(loja)
	if d.health != 503 || !strings.HasPrefix(d.detail, "failed: ") || d.summary.State != "failing" || d.doctor.OK || check.Result != backup.CheckFailed || !strings.Contains(check.Detail, "the last good backup is 58 days old") ||
		!source.Overdue || source.Findings[0].Code != "overdue" || !strings.Contains(d.metrics, "cofre_backup_overdue"+of(loja)+"1") || !strings.Contains(d.metrics, "cofre_source_state"+of(loja)+"2") {
		t.Errorf("of %s: %d %s, %+v, %+v, %s", loja, d.health, d.detail, check, source, d.metrics)
	}
	o.env = []string{"BACKUP_MAX_AGE_HOURS=24000"}
	w := serve(t, o)
	if d = w.doors(); d.health != 200 || !strings.HasPrefix(d.detail, "ok: ") || d.summary.State != "ok" || !d.doctor.OK || !strings.Contains(d.metrics, "cofre_backup_overdue"+of(loja)+"0") {
		t.Errorf("with a longer age: %d %s, %s, %+v", d.health, d.detail, d.summary.State, d.doctor)
	}
	if r := w.do("GET", "/api/metrics/summary?tz=nowhere", "", w.signedIn("ADMIN")); r.StatusCode < 400 || r.StatusCode > 499 || !strings.Contains(r.body, "no time zone") {
		t.Errorf("a zone that is none: %d %s", r.StatusCode, r.body)
	}
}

// Every view warns of a backup that is half as large as the one before, and of tables that lost their rows.
func TestEveryDoorTellsLosses(t *testing.T) {
	url := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE t AS SELECT md5(random()::text) FROM generate_series(1, 3000)")
	w := serve(t, options{database: url})
	w.create()
	w.wait("the first", func() bool { return w.allEnded() })
	testenv.LoadSQL(t, url, "TRUNCATE t")
	id := w.create()
	w.wait("the second", w.allEnded)
	d := w.doors()
	name := url[strings.LastIndex(url, "/")+1:]
	check, source := d.of(name)
	for _, want := range []string{"smaller than the one before", "public.t lost 100 % of its rows"} {
		if !strings.Contains(d.detail, want) || !strings.HasPrefix(d.detail, "warning: ") || !strings.Contains(check.Detail, want) || check.Result != backup.CheckWarning {
			t.Errorf("%s: health says %s, doctor %+v", want, d.detail, check)
		}
	}
	of := `{database="` + name + `",source="` + name + `"} `
	if !strings.Contains(d.metrics, "cofre_backup_shrunk"+of+"1") || !strings.Contains(d.metrics, "cofre_backup_tables_lost_rows"+of+"1") || source.ShrunkFrom <= source.ShrunkTo || source.TablesLost != 1 ||
		!slices.ContainsFunc(source.Findings, func(f contract.Finding) bool { return string(f.Code) == string(overview.BackupShrunk) }) {
		t.Errorf("%+v, %s", source, d.metrics)
	}
	var page contract.ListBackupsResponse
	var one contract.BackupMetadata
	for path, into := range map[string]any{"/api/backup/list": &page, "/api/backup/" + id: &one} {
		if err := json.Unmarshal([]byte(w.do("GET", path, "", w.signedIn("ADMIN")).body), into); err != nil {
			t.Fatal(err)
		}
	}
	if len(page.Backups) != 2 || !page.Backups[0].Shrunk || page.Backups[1].Shrunk || !one.Shrunk || one.PreviousSize <= one.Size || one.Status != contract.BackupStatus(registry.Success) {
		t.Errorf("%+v, %+v", page.Backups, one)
	}
}
