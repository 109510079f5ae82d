package metrics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cofre/pkg/fault"
	"cofre/pkg/metrics"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/schedule"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// state is what is shown of backups, one of which a database is backed up by a schedule of.
func state(t *testing.T, backups []registry.Backup) overview.Overview {
	return overview.Of(overview.Input{Now: now, Backups: slices.Values(backups), LastCleanup: now,
		Expected: []overview.Expected{{Source: "shop", Database: "shop", Schedule: daily(t)}}})
}

func good(database string, age time.Duration, size int64) registry.Backup {
	return registry.Backup{
		ID: database + age.String(), Database: database, CreatedAt: now.Add(-age), Size: size, Status: registry.Success, Duration: 2000,
		UncompressedSize: 4 * size, Verification: &registry.Verification{OK: true, Level: registry.LevelStream},
	}
}

func failed(database string, age time.Duration) registry.Backup {
	return registry.Backup{ID: database + age.String(), Database: database, CreatedAt: now.Add(-age), Status: registry.Failed}
}

func daily(t *testing.T) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse("0 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// value finds one sample; the second result tells whether it is there.
func value(samples []metrics.Sample, d *metrics.Definition, labels ...string) (float64, bool) {
	for _, s := range samples {
		if s.Definition == d && slices.Equal(s.LabelValues, labels) {
			return s.Value, true
		}
	}
	return 0, false
}

func TestState(t *testing.T) {
	damaged := good("shop", time.Hour, 50)
	damaged.Verification = &registry.Verification{OK: false}
	got := metrics.State(state(t, []registry.Backup{good("shop", 36*time.Hour, 100), good("other", 2*time.Hour, 7), failed("shop", 10*time.Hour), damaged}), 1000)
	for _, want := range []metrics.Sample{
		metrics.StorageUsed.Of(157), metrics.Damaged.Of(1), metrics.StorageQuota.Of(1000),
		metrics.Backups.Of(3, "success"), metrics.Backups.Of(1, "failed"), metrics.Backups.Of(0, "in_progress"),
		metrics.LastGoodBackupAge.Of(36*3600, "shop", "shop"), metrics.LastGoodBackupAge.Of(2*3600, "other", "other"),
		metrics.Overdue.Of(1, "shop", "shop"), metrics.SourceState.Of(2, "shop", "shop"), metrics.Missed.Of(1, "shop", "shop"), metrics.NextBackup.Of(float64(time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC).Unix())),
	} {
		if v, ok := value(got, want.Definition, want.LabelValues...); !ok || v != want.Value {
			t.Errorf("%s%v is %v (%v), want %v", want.Name, want.LabelValues, v, ok, want.Value)
		}
	}
	// A source that was never proven has no age of a proof: 0 would be green.
	proof := good("shop", 36*time.Hour, 100)
	proof.Verification = &registry.Verification{OK: true, Level: registry.LevelProven, At: now.Add(-30 * time.Hour)}
	bad := good("other", 2*time.Hour, 7)
	bad.Verification = &registry.Verification{Level: registry.LevelProven, At: now.Add(-time.Hour)}
	proofs := metrics.State(state(t, []registry.Backup{proof, bad}), 0)
	if age, ok := value(proofs, metrics.LastProofAge, "shop", "shop"); !ok || age != 30*3600 {
		t.Errorf("the last proof is %v seconds old (%v)", age, ok)
	}
	if age, ok := value(proofs, metrics.LastProofAge, "other", "other"); ok {
		t.Errorf("what was never proven was proven %v seconds ago", age)
	}
	// A proof in part has an age, and is not taken for a whole one.
	part := good("shop", 12*time.Hour, 100)
	part.Verification = &registry.Verification{OK: true, Level: registry.LevelProvenInPart, At: now.Add(-10 * time.Hour)}
	inPart := metrics.State(state(t, []registry.Backup{proof, part}), 0)
	if age, ok := value(inPart, metrics.LastProofAge, "shop", "shop"); !ok || age != 10*3600 {
		t.Errorf("the last proof is %v seconds old (%v)", age, ok)
	}
	if age, ok := value(inPart, metrics.LastFullProofAge, "shop", "shop"); !ok || age != 30*3600 {
		t.Errorf("the last whole proof is %v seconds old (%v)", age, ok)
	}
	if age, ok := value(metrics.State(state(t, []registry.Backup{part}), 0), metrics.LastFullProofAge, "shop", "shop"); ok {
		t.Errorf("what was never proven whole was so %v seconds ago", age)
	}
	for name, want := range map[string]float64{"shop": 0, "other": 1} {
		if v, ok := value(proofs, metrics.ProofFailed, name, name); !ok || v != want {
			t.Errorf("the failed proofs of %s are %v (%v)", name, v, ok)
		}
	}
	for name, test := range map[string]struct {
		backups []registry.Backup
		overdue float64
	}{
		"no backup ever":              {nil, 0},
		"made tonight":                {[]registry.Backup{good("shop", 9*time.Hour, 1)}, 0},
		"missed tonight":              {[]registry.Backup{good("shop", 34*time.Hour, 1)}, 1},
		"only failures, since today":  {[]registry.Backup{failed("shop", 3*time.Hour)}, 0},
		"only failures, for two days": {[]registry.Backup{failed("shop", 48*time.Hour)}, 1},
		"of another database":         {[]registry.Backup{good("other", 90*time.Hour, 1)}, 0},
	} {
		v, ok := value(metrics.State(state(t, test.backups), 0), metrics.Overdue, "shop", "shop")
		if v != test.overdue || !ok {
			t.Errorf("%s: overdue is %v (%v)", name, v, ok)
		}
	}
}

// Every line of EMF is what the specification demands, and says what happened.
func TestEMF(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("testdata", "emf.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("emf.json", v); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("emf.json")
	if err != nil {
		t.Fatal(err)
	}
	samples := metrics.Ended(good("shop", 0, 100<<20), nil)
	samples = append(samples, metrics.Ended(failed("", 0), fault.New(fault.DatabaseConnection, fault.Timeout, "", "no answer"))...)
	samples = append(samples, metrics.Ended(failed(strings.Repeat("ä", 400), 0), errors.New("a defect"))...)
	samples = append(samples, metrics.State(state(t, []registry.Backup{good("shop", time.Hour, 100)}), 0)...)
	var out bytes.Buffer
	if err := metrics.EMF(&out, "cofre/shop", now, samples); err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for line := range strings.Lines(out.String()) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		checkTargets(t, line, found)
	}
	for name, want := range map[string]float64{
		"BackupSuccess Source=shop Database=shop": 1, "BackupSuccess": 0, "BackupFailure Source=shop Database=shop": 0, "BackupFailure Source=unknown Database=unknown": 1, "BackupDuration Source=shop Database=shop": 2000,
		"BackupBytes Source=shop Database=shop": 100 << 20, "BackupRate Source=shop Database=shop": 50 << 20, "CompressionRatio Source=shop Database=shop": 4, "Errors Code=DatabaseConnectionError": 1,
		"Errors Code=InternalError": 1, "LastGoodBackupAge Source=shop Database=shop": 3600, "StorageUsed": 100, "Overdue Source=shop Database=shop": 0, "Damaged": 0,
	} {
		if got, ok := found[name]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v; there are %v", name, got, ok, want, found)
		}
	}
	if _, ok := found["LastGoodBackupAge"]; ok {
		t.Error("ages of different databases are thrown together")
	}
}

// checkTargets asserts what a schema cannot say: what is referred to is there, with the right type.
func checkTargets(t *testing.T, line string, found map[string]float64) {
	t.Helper()
	var root map[string]any
	var meta struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	if err := errors.Join(json.Unmarshal([]byte(line), &root), json.Unmarshal([]byte(line), &meta)); err != nil {
		t.Fatal(err)
	}
	d := meta.AWS.CloudWatchMetrics[0]
	for _, m := range d.Metrics {
		v, ok := root[m.Name].(float64)
		if !ok {
			t.Errorf("%s is no number in %s", m.Name, line)
		}
		for _, dims := range d.Dimensions {
			name := m.Name
			for _, dim := range dims {
				text, ok := root[dim].(string)
				if !ok || text == "" || len([]rune(text)) > 255 {
					t.Errorf("%s is no dimension in %s", dim, line)
				}
				name += " " + dim + "=" + text
			}
			found[name] = v
		}
	}
}

// A scrape shows what was counted and the state, in a form that Prometheus's own linter accepts.
func TestScrape(t *testing.T) {
	r := metrics.New("1.2.3")
	r.Expect("shop", "shop")
	r.Add(metrics.Ended(good("shop", 0, 100<<20), nil)...)
	r.Add(metrics.Ended(failed("shop", 0), fault.New(fault.DiskSpace, fault.StorageFull, "", "full"))...)
	for i := range 200 { // whoever may name databases must not fill the memory
		r.Add(metrics.BackupFailure.Of(1, fmt.Sprint("made-up-", i), "shop"))
	}
	r.Add(metrics.Requests.Of(1, "listBackups", "200"), metrics.RequestDuration.Of(0.02, "listBackups"), metrics.ScheduleFailures.Of(1, "backup"))
	shown := []registry.Backup{good("shop", time.Hour, 100), failed("shop", time.Minute)}
	shown[0].Verification.Level = registry.LevelProven
	scrape := func(err error) string {
		w := httptest.NewRecorder()
		r.Handler(func(context.Context) ([]metrics.Sample, error) {
			if err != nil {
				return nil, err
			}
			return metrics.State(state(t, shown), 5), nil
		}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if w.Code != 200 {
			t.Fatalf("answer %d: %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	text := scrape(nil)
	for _, want := range []string{
		`cofre_backup_success_total{database="shop",source="shop"} 1`, `cofre_backup_failure_total{database="shop",source="shop"} 1`, `cofre_errors_total{code="DiskSpaceError"} 1`,
		`cofre_backup_duration_seconds_count{database="shop",source="shop"} 1`, `cofre_last_good_backup_age_seconds{database="shop",source="shop"} 3600`,
		`cofre_registry_readable 1`, `cofre_build_info{version="1.2.3"} 1`, `cofre_backup_failure_total{database="other",source="other"} 101`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	for _, d := range metrics.Definitions {
		if !strings.Contains(text, "# TYPE "+d.Name+" "+string(d.Kind)+"\n") {
			t.Errorf("%s is not shown", d.Name)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	text = scrape(errors.New("storage is away"))
	if !strings.Contains(text, "cofre_registry_readable 0\n") || !strings.Contains(text, `cofre_backup_success_total{database="shop",source="shop"} 1`) || strings.Contains(text, "cofre_storage_used_bytes") {
		t.Errorf("without the registry:\n%s", text)
	}
}

// The table in docs/operating.md is this list.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(cofre_[a-z_]+)(?:\\{([a-z, ]+)\\})?` \\| (?:`(\\w+)`)? ?\\| (\\w+) \\| ([a-z ]+) \\| (.*) \\|$").FindAllStringSubmatch(string(doc), -1) {
		got = append(got, strings.Join(m[1:], "|"))
	}
	for _, d := range metrics.Definitions {
		want = append(want, strings.Join([]string{d.Name, strings.Join(d.Labels, ", "), d.EMF, string(d.Kind), string(d.Unit), d.Help}, "|"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/operating.md lists\n%s\nand there are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		for _, d := range metrics.Definitions {
			labels, emf := "", " "
			if len(d.Labels) > 0 {
				labels = "{" + strings.Join(d.Labels, ", ") + "}"
			}
			if d.EMF != "" {
				emf = " `" + d.EMF + "` "
			}
			t.Logf("| `%s%s` |%s| %s | %s | %s |", d.Name, labels, emf, d.Kind, d.Unit, d.Help)
		}
	}
}
