package report

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// intro stands at the head of docs/benchmarks.md.
//
//go:embed intro.md
var intro string

// bounds says what bounds the figures that do not reach their goals. It stands behind them.
//
//go:embed bounds.md
var bounds string

// compressors is what bench/compress measured, and what was decided by it. It stands at the end of the page.
//
//go:embed compressors.md
var compressors string

// counting is what counting rows costs beside a dump. It stands behind that.
//
//go:embed counting.md
var counting string

// profiles is what profiles showed. It stands last.
//
//go:embed profiles.md
var profiles string

// Markdown gives a benchmark's section.
func (b *Benchmark) Markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "## %s\n\n", b.Title)
	fmt.Fprintf(&out, "`make bench ONLY=%s SCALE=%s ROUNDS=%d`, %s\n\n", b.Name, trim(b.Scale), b.Rounds, b.At.Format("2006-01-02 15:04 MST"))
	if len(b.Series) > 0 {
		out.WriteString(b.seriesTable() + "\n")
		for _, s := range b.Series {
			if s.How != "" {
				fmt.Fprintf(&out, "- **%s**: %s\n", s.Name, s.How)
			}
		}
		out.WriteString("\n")
	}
	if len(b.Figures) > 0 {
		out.WriteString(b.figureTable())
	}
	for _, n := range b.Notes {
		fmt.Fprintf(&out, "\n%s\n", n)
	}
	return out.String()
}

// Page gives docs/benchmarks.md.
func (r *Results) Page() string {
	var out strings.Builder
	out.WriteString(intro)
	if len(r.Benchmarks) == 0 {
		out.WriteString("\nNothing has been measured yet.\n")
		return out.String()
	}
	out.WriteString("\n## The machine\n\n")
	for _, m := range r.machines() {
		out.WriteString(m)
	}
	for _, b := range r.Benchmarks {
		out.WriteString("\n" + b.Markdown())
	}
	out.WriteString(bounds + compressors + counting + profiles)
	return out.String()
}

// machines describes the machines that benchmarks ran on: most often it is one.
func (r *Results) machines() (texts []string) {
	by := map[string][]*Benchmark{}
	for _, b := range r.Benchmarks {
		key := b.Machine.text()
		if by[key] == nil {
			texts = append(texts, key)
		}
		by[key] = append(by[key], b)
	}
	for i, key := range texts {
		busiest := 0.0
		var names []string
		for _, b := range by[key] {
			busiest = max(busiest, b.Machine.Load)
			names = append(names, b.Name)
		}
		who := ""
		if len(by) > 1 {
			who = "Of " + strings.Join(names, ", ") + ": "
		}
		texts[i] = fmt.Sprintf("%s%sThe load average before a benchmark was %.2f at most.\n", who, key, busiest)
	}
	return texts
}

func (m Machine) text() string {
	var v []string
	for _, name := range slices.Sorted(maps.Keys(m.Versions)) {
		version := m.Versions[name]
		if !strings.Contains(strings.ToLower(version), strings.ToLower(name)) {
			version = name + " " + version
		}
		v = append(v, version)
	}
	return fmt.Sprintf("%s, %d cores, %.0f GB of memory, %s.\nPrograms: %s.\n", m.CPU, m.Cores, float64(m.Memory)/1e9, m.System, strings.Join(v, "; "))
}

// trim writes a scale as people do: 0.05, 1, 10.
func trim(f float64) string { return fmt.Sprintf("%g", f) }
