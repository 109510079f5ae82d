package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// report collects what happened in each package until it can be told.
type report struct {
	out                     io.Writer
	passed, failed, skipped int
	packages                int // that ended
	tests                   map[string]*tests
	slow                    []taken // tests, not parts of them
	costly                  []taken // packages
	cost                    time.Duration
}

// taken is how long something took.
type taken struct {
	name string
	time time.Duration
}

const (
	most      = 15 // packages and tests are listed at the end
	shortTest = 60 // seconds of a run that says nothing of how long it took
)

// tests are those of one package.
type tests struct {
	passed, failed, skipped int
	cost                    time.Duration       // of processors: the tests', and that of all that they start
	output                  map[string][]string // by test; "" is the package's own
}

func newReport(out io.Writer) *report {
	return &report{out: out, tests: map[string]*tests{}}
}

func (r *report) of(pkg string) *tests {
	t := r.tests[pkg]
	if t == nil {
		t = &tests{output: map[string][]string{}}
		r.tests[pkg] = t
	}
	return t
}

// add takes one event into account.
func (r *report) add(e event) {
	t := r.of(e.Package)
	if e.Test != "" && !strings.Contains(e.Test, "/") && e.Elapsed > 0 {
		r.slow = append(r.slow, taken{e.Package + " " + e.Test, seconds(e.Elapsed)})
	}
	if cost, found := costOf(e.Output); found {
		t.cost = cost
		return
	}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "output":
		t.output[e.Test] = append(t.output[e.Test], e.Output)
	case e.Test == "":
		r.endPackage(e, t)
	case e.Action == "pass":
		t.passed++
		delete(t.output, e.Test)
	case e.Action == "fail":
		t.failed++
		r.show("FAIL", e, t)
	case e.Action == "skip":
		t.skipped++
		r.show("SKIP", e, t)
	}
}

// show prints a test's output under its name.
func (r *report) show(how string, e event, t *tests) {
	fmt.Fprintf(r.out, "%s %s %s\n", how, e.Package, e.Test)
	r.dump(t.output[e.Test])
	delete(t.output, e.Test)
}

func (r *report) dump(output []string) {
	for _, line := range output {
		if said := strings.TrimSpace(line); strings.HasPrefix(said, "=== ") || strings.HasPrefix(said, "--- ") {
			continue // the names of tests, which the report prints itself
		}
		fmt.Fprint(r.out, "    "+line)
	}
}

// endPackage adds a package up. A package without test files ends with "skip", which is no
// skipped test.
func (r *report) endPackage(e event, t *tests) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(r.out, "ok   %s  %d tests, %.1f s, %.1f s of processors\n", e.Package, t.passed, e.Elapsed, t.cost.Seconds())
	case "fail":
		if t.failed == 0 {
			t.failed = 1 // it did not build, crashed, or ran out of time
		}
		fmt.Fprintf(r.out, "FAIL %s  %.1f s\n", e.Package, e.Elapsed)
		// Tests that had not ended hold the reason of a crash.
		for _, test := range slices.Sorted(maps.Keys(t.output)) {
			r.dump(t.output[test])
		}
	case "skip":
	default:
		return
	}
	r.packages++
	r.costly = append(r.costly, taken{e.Package, t.cost})
	r.cost += t.cost
	r.passed += t.passed
	r.failed += t.failed
	r.skipped += t.skipped
	delete(r.tests, e.Package)
}

// times prints which packages took most of the processors, which tests took longest, and how long all of them together.
// Tests of a package may run side by side: of one test nobody knows what it took of the processors.
func (r *report) times(wall, processors time.Duration) {
	if wall < shortTest*time.Second {
		return
	}
	for _, p := range longest(r.costly) {
		fmt.Fprintf(r.out, "cost %s  %.1f s of processors\n", p.name, p.time.Seconds())
	}
	for _, t := range longest(r.slow) {
		fmt.Fprintf(r.out, "slow %s  %.1f s\n", t.name, t.time.Seconds())
	}
	fmt.Fprintf(r.out, "%.0f s, and %.0f s of processors, %.0f of them to compile and link\n",
		wall.Seconds(), processors.Seconds(), (processors - r.cost).Seconds())
}

// longest gives what took longest, longest first.
func longest(all []taken) []taken {
	slices.SortFunc(all, func(a, b taken) int { return cmp.Compare(b.time, a.time) })
	return all[:min(len(all), most)]
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// summary prints the last line and tells whether all went well.
func (r *report) summary() bool {
	if r.skipped > 0 {
		fmt.Fprintln(r.out, "a test was skipped: install what it needs (make setup), tests do not skip here")
	}
	if r.packages == 0 {
		fmt.Fprintln(r.out, "no package was tested")
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0 && r.skipped == 0 && r.packages > 0 && r.passed > 0
}
