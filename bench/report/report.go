// Package report holds what benchmarks found: the form of results.json, the arithmetic that turns runs into
// figures, and the tables for people. Units: seconds, bytes.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// Results is results.json: the last outcome of every benchmark.
type Results struct {
	Benchmarks []*Benchmark `json:"benchmarks"`
}

// Benchmark is the outcome of one benchmark. Its runs were made side by side, and its figures compare nothing
// with other benchmarks.
type Benchmark struct {
	Name    string    `json:"name"`
	Title   string    `json:"title"`
	Notes   []string  `json:"notes,omitempty"`
	At      time.Time `json:"at"`
	Scale   float64   `json:"scale"`
	Rounds  int       `json:"rounds"`
	Machine Machine   `json:"machine"`
	Series  []*Series `json:"series,omitempty"`
	Figures []Figure  `json:"figures"`
}

// Machine is where and with what a benchmark ran.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory"` // bytes
	System string `json:"system"`
	// Load is the load average of the last minute before the benchmark began: what else was running.
	Load float64 `json:"load"`
	// Versions are those of the programs, by name.
	Versions map[string]string `json:"versions"`
}

// Series is the runs of one contestant, one for each round.
type Series struct {
	Name string `json:"name"`
	How  string `json:"how,omitempty"`
	Runs []Run  `json:"runs"`
}

// Run is one measured run. What was not measured is 0.
type Run struct {
	Wall      float64 `json:"wall"`
	ClientCPU float64 `json:"clientCPU,omitempty"`
	ServerCPU float64 `json:"serverCPU,omitempty"`
	PeakAnon  int64   `json:"peakAnon,omitempty"`
	Stored    int64   `json:"stored,omitempty"`
}

// CPU is the processor time of client and servers.
func (r Run) CPU() float64 { return r.ClientCPU + r.ServerCPU }

// Figure is one number that people look for: the median of several, and their extremes.
type Figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"` // "": a ratio or a count; "s"; "bytes"
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Goal  *Goal   `json:"goal,omitempty"`
}

// Goal is a bound that a figure is to keep.
type Goal struct {
	AtLeast bool    `json:"atLeast,omitempty"` // otherwise: at most
	Bound   float64 `json:"bound"`
}

// Met tells whether a value keeps the goal.
func (g Goal) Met(value float64) bool {
	if g.AtLeast {
		return value >= g.Bound
	}
	return value <= g.Bound
}

// AtLeast and AtMost make goals.
func AtLeast(bound float64) *Goal { return &Goal{AtLeast: true, Bound: bound} }

// AtMost is a goal, see AtLeast.
func AtMost(bound float64) *Goal { return &Goal{Bound: bound} }

// Find gives the series of a name, or nil.
func (b *Benchmark) Find(name string) *Series {
	for _, s := range b.Series {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Put replaces the benchmark of the same name, or adds it. order lists the names as they stand in reports.
func (r *Results) Put(b *Benchmark, order []string) {
	r.Benchmarks = slices.DeleteFunc(r.Benchmarks, func(old *Benchmark) bool { return old.Name == b.Name })
	r.Benchmarks = append(r.Benchmarks, b)
	slices.SortStableFunc(r.Benchmarks, func(a, b *Benchmark) int {
		return slices.Index(order, a.Name) - slices.Index(order, b.Name)
	})
}

// Load reads results.json. A missing file is no results.
func Load(file string) (*Results, error) {
	r := &Results{}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(b, r)
	}
	if err != nil {
		return nil, fmt.Errorf("read earlier results: %w; remove %s to begin anew", err, file)
	}
	return r, nil
}

// Save writes results.json.
func (r *Results) Save(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
