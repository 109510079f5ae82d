package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cofre/internal/testenv"
)

// minRounds is the least number of rounds that a median means something of.
const minRounds = 3

// config is what the environment says.
type config struct {
	scale   float64
	big     float64 // times scale
	rounds  int
	effort  effort
	noSync  bool                // for tests, see lab.Options
	only    map[string][]string // benchmark → contestants, none for all; empty: everything
	dir     string              // of the lab
	results string              // file to record in; "" records nothing
	cofre   string              // the program
	pgDump  string              // PGDUMP_PATH for cofre; "" lets it look for itself
}

// effort is how much of the small things is done.
type effort struct {
	repeats int // of what takes milliseconds, in each round
	many    int // backups in the registry with pages
	crowded int // backups in the registry that many list at once
	readers int // who do that
	tables  int // in the database of very many
	row     int // MB of the one row
	kept    int // backups in the registry that is listed
	writers int // at the same time
	updates int // of each writer
}

// fullEffort is what the goals speak of.
var fullEffort = effort{repeats: 10, tables: 20_000, row: 300, kept: 10_000, many: 1_000_000, crowded: 20_000, readers: 290, writers: 32, updates: 20}

// resultsFile holds the results that docs/benchmarks.md is made from.
func resultsFile() string { return filepath.Join(testenv.Root(), "bench", "results.json") }

func configFrom(getenv func(string) string) (config, error) {
	c := config{scale: 1, rounds: minRounds, effort: fullEffort, dir: getenv("BENCH_DIR"), cofre: filepath.Join(testenv.Root(), "bin", "cofre")}
	var err error
	if c.scale, err = decimal("SCALE", getenv("SCALE"), 1); err != nil {
		return c, err
	}
	if c.big, err = decimal("BIG", getenv("BIG"), 10); err != nil {
		return c, err
	}
	if v := getenv("ROUNDS"); v != "" {
		if c.rounds, err = strconv.Atoi(v); err != nil || c.rounds < minRounds || c.rounds > 1000 {
			return c, fmt.Errorf("ROUNDS=%.40q is not a whole number from %d; for example ROUNDS=5", v, minRounds)
		}
	}
	if c.results = getenv("RESULTS"); c.results == "" && c.scale >= 1 {
		c.results = resultsFile()
	}
	c.only, err = parseOnly(getenv("ONLY"))
	return c, err
}

func decimal(name, v string, otherwise float64) (float64, error) {
	if v == "" {
		return otherwise, nil
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0.001 && f <= 1000) {
		return 0, fmt.Errorf("%s=%.40q is not a number from 0.001 to 1000; for example %s=0.1", name, v, name)
	}
	return f, nil
}

// parseOnly reads "backup/cofre+plain,restore".
func parseOnly(v string) (map[string][]string, error) {
	only := map[string][]string{}
	for _, item := range strings.Split(v, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, contestants, some := strings.Cut(item, "/")
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("ONLY names an unknown benchmark %.40q; there are: %s", name, strings.Join(names(), ", "))
		}
		if some {
			only[name] = append(only[name], strings.Split(contestants, "+")...)
		} else {
			only[name] = nil
		}
	}
	return only, nil
}

// wants tells whether a contestant takes part in a benchmark.
func (c config) wants(benchmark, contestant string) bool {
	chosen := c.only[benchmark]
	return len(chosen) == 0 || slices.Contains(chosen, contestant)
}
