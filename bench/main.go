// Bench measures cofre beside the pipelines that people back PostgreSQL up with, and against its own goals.
//
//	make bench                             everything
//	make bench ONLY=backup,restore         some benchmarks
//	make bench ONLY=backup/cofre+plain     one of them, some of its contestants; nothing is recorded
//	go run ./bench -list                   the benchmarks there are
//	go run ./bench -markdown               the tables of the last results, nothing is measured
//	go run ./bench -render                 docs/benchmarks.md, from the last results
//
// Variables:
//
//	SCALE    size of the database: 1 (the default) is about 1 GB of COPY text
//	BIG      how many times as large the second database of the benchmark memory is; default 10, which takes 25 GB of disk at SCALE=1
//	ROUNDS   how often everyone has his turn; default 3, after a warm-up
//	ONLY     see above
//	RESULTS  file to record in; default bench/results.json from SCALE=1 on, so that trials leave it alone
//	BENCH_DIR  where databases are kept; default .cache/bench, or /var/tmp/cofre-bench when the user that PostgreSQL
//	           runs as cannot enter the checkout
//
// Everything is measured in turn, A B C A B C, on one machine, with real servers of its own (see package lab).
// Machines are noisy, so only ratios within a round are compared: every ratio is the median over the rounds. What
// is measured of a contestant (see package measure): wall time; processor time of all of its processes; processor
// time of PostgreSQL and the S3 server meanwhile; anonymous memory of all of its processes together at its peak;
// bytes stored.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"cofre/bench/measure"
	"cofre/bench/report"
	"cofre/bench/upload"
)

//go:embed workload.sql
var workload string

func main() {
	playRole()
	list := flag.Bool("list", false, "list the benchmarks")
	markdown := flag.Bool("markdown", false, "print the tables of the last results")
	render := flag.Bool("render", false, "print docs/benchmarks.md, made from the last results")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *list:
		for _, b := range benchmarks {
			fmt.Printf("%-10s %s\n", b.name, b.title)
		}
	case *markdown, *render:
		err = printResults(resultsFile(), *render)
	default:
		err = measureAll(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// playRole is called first of all: this program starts itself again as a supervisor and as an uploader.
func playRole() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case measure.Role:
		measure.Supervise()
	case upload.Role:
		upload.Main(os.Args[2:])
	default:
		return
	}
	os.Exit(0)
}

func printResults(file string, page bool) error {
	results, err := report.Load(file)
	if err != nil {
		return err
	}
	if page {
		fmt.Print(results.Page())
		return nil
	}
	for _, b := range results.Benchmarks {
		fmt.Print(b.Markdown(), "\n")
	}
	return nil
}

// measureAll runs the chosen benchmarks, prints each as it ends, and records it.
func measureAll(ctx context.Context) error {
	cfg, err := configFrom(os.Getenv)
	if err != nil {
		return err
	}
	clearEnvironment()
	results := &report.Results{}
	if cfg.results != "" {
		if results, err = report.Load(cfg.results); err != nil {
			return err
		}
	}
	s, err := openSession(ctx, cfg)
	if err != nil {
		return err
	}
	err = s.runAll(ctx, func(b *report.Benchmark, complete bool) error {
		fmt.Print(b.Markdown(), "\n")
		if !complete || cfg.results == "" {
			return nil
		}
		results.Put(b, names())
		return results.Save(cfg.results)
	})
	if cerr := s.close(); err == nil {
		err = cerr
	}
	return err
}

// clearEnvironment removes what would lead programs to other servers than the lab's.
func clearEnvironment() {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		for _, prefix := range []string{"PG", "AWS_", "BACKUP_", "DATABASE_URL"} {
			if strings.HasPrefix(name, prefix) {
				_ = os.Unsetenv(name)
			}
		}
	}
}
