package report

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		given := slices.Clone(c.values)
		if got := Median(c.values); got != c.want {
			t.Errorf("Median(%v) = %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(given, c.values) {
			t.Errorf("Median changed its argument %v to %v", given, c.values)
		}
	}
}

func series(name string, walls ...float64) *Series {
	s := &Series{Name: name}
	for _, w := range walls {
		s.Runs = append(s.Runs, Run{Wall: w})
	}
	return s
}

// The second round was three times slower for both. Dividing the medians of the two series would give 40 ÷ 10.
func TestRatiosArePairwise(t *testing.T) {
	b := &Benchmark{Series: []*Series{series("rival", 20, 90, 40), series("cofre", 10, 30, 10)}}
	b.Ratio("rival ÷ cofre", AtLeast(3), "rival", "cofre", Wall)
	want := Figure{Name: "rival ÷ cofre", Value: 3, Low: 2, High: 4, Goal: AtLeast(3)}
	if len(b.Figures) != 1 {
		t.Fatalf("figures: %v", b.Figures)
	}
	got := b.Figures[0]
	if *got.Goal != *want.Goal {
		t.Errorf("goal %v", *got.Goal)
	}
	got.Goal, want.Goal = nil, nil
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !AtLeast(3).Met(b.Figures[0].Value) {
		t.Error("a bound itself does not count as kept")
	}
}

func TestRatioNeedsBothAndADivisor(t *testing.T) {
	b := &Benchmark{Series: []*Series{series("a", 1, 2), series("zero", 0, 4), series("empty")}}
	b.Ratio("no such", nil, "a", "b", Wall)
	b.Ratio("no runs", nil, "a", "empty", Wall)
	if len(b.Figures) != 0 {
		t.Errorf("figures of nothing: %v", b.Figures)
	}
	b.Ratio("second only", nil, "a", "zero", Wall)
	if f := b.Figures[0]; f.Value != 0.5 || f.Low != 0.5 || math.IsInf(f.High, 0) {
		t.Errorf("divided by zero: %+v", f)
	}
}

func TestGoal(t *testing.T) {
	for _, c := range []struct {
		goal  *Goal
		value float64
		met   bool
	}{
		{AtLeast(2), 2, true}, {AtLeast(2), 1.99, false}, {AtMost(1), 1, true}, {AtMost(1), 1.01, false}, {AtMost(0), 0, true},
	} {
		if c.goal.Met(c.value) != c.met {
			t.Errorf("%+v met by %v: %v", *c.goal, c.value, !c.met)
		}
	}
}

func TestCPUIsClientAndServers(t *testing.T) {
	if got := CPU(Run{ClientCPU: 2, ServerCPU: 3}); got != 5 {
		t.Errorf("got %v", got)
	}
}

func sample() *Benchmark {
	return &Benchmark{
		Name: "backup", Title: "Backing up", At: time.Date(2026, 1, 9, 14, 30, 0, 0, time.UTC), Scale: 0.5, Rounds: 3,
		Machine: Machine{CPU: "A CPU", Cores: 2, Memory: 8e9, System: "Debian", Load: 0.1, Versions: map[string]string{"Go": "go1.26", "PostgreSQL": "postgres (PostgreSQL) 18.1"}},
		Series: []*Series{
			{Name: "plain", How: "pg_dump | discard", Runs: []Run{{Wall: 1, Stored: 5e6, PeakAnon: 3e6}}},
			{Name: "cofre", Runs: []Run{{Wall: 123.4, PeakAnon: 57e6}}},
		},
		Figures: []Figure{
			Summary("ratio", "", AtLeast(2), 1, 2, 3),
			Summary("time", "s", AtMost(0.1), 0.25),
			Summary("memory", "bytes", AtMost(100e6), 57e6),
			Summary("requests", "count", AtMost(5), 4),
		},
		Notes: []string{"A note."},
	}
}

func TestMarkdown(t *testing.T) {
	got := sample().Markdown()
	for _, want := range []string{
		"## Backing up\n",
		"`make bench ONLY=backup SCALE=0.5 ROUNDS=3`, 2026-01-09 14:30 UTC",
		"|       | wall s | peak memory MB | stored MB |\n",
		"| plain |   1.00 |            3.0 |       5.0 |\n",
		"| cofre |    123 |             57 |           |\n",
		"- **plain**: pg_dump | discard\n",
		"| ratio    |     2.00 |      1.00 to 3.00 |  ≥ 2.00 | yes |\n",
		"| time     |   250 ms |                   | ≤ 100 ms |  no |\n",
		"57 MB", "≤ 100 MB", "≤ 5 ", "A note.",
	} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "CPU s") {
		t.Error("a column that nothing was measured for is shown")
	}
	for _, line := range strings.Split(got, "\n") {
		if strings.HasPrefix(line, "| ") && !strings.HasSuffix(line, " |") {
			t.Errorf("a broken row: %q", line)
		}
	}
}

func TestPage(t *testing.T) {
	r := &Results{}
	if page := r.Page(); !strings.Contains(page, "Nothing has been measured") {
		t.Errorf("an empty page:\n%s", page)
	}
	other := sample()
	other.Name, other.Machine.Cores, other.Machine.Load = "restore", 4, 0.7
	r.Put(other, []string{"backup", "restore"})
	r.Put(sample(), []string{"backup", "restore"})
	page := r.Page()
	for _, want := range []string{"# Benchmarks", "Of backup: A CPU, 2 cores", "Of restore: A CPU, 4 cores", "was 0.70 at most", "8 GB of memory", "go1.26; postgres (PostgreSQL) 18.1"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
}

func TestResultsReplaceTheirPredecessors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	r, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	order := []string{"backup", "restore", "list"}
	for _, name := range []string{"list", "backup", "restore", "backup"} {
		b := sample()
		b.Name = name
		r.Put(b, order)
	}
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	if r, err = Load(file); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range r.Benchmarks {
		got = append(got, b.Name)
	}
	if !slices.Equal(got, order) {
		t.Errorf("order %v", got)
	}
	if before, after := sample().Markdown(), r.Benchmarks[0].Markdown(); before != after {
		t.Errorf("read back differently:\n%s\n%s", before, after)
	}
}
