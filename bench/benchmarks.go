package main

import (
	"context"
	"path/filepath"

	"cofre/bench/lab"
	"cofre/bench/measure"
	"cofre/bench/report"
)

// benchmark is one thing that is measured.
type benchmark struct {
	name, title string
	run         func(ctx context.Context, s *session, b *report.Benchmark) error
}

// benchmarks are all of them, in the order of reports.
var benchmarks = []benchmark{
	{"backup", "Backing up to S3-compatible storage", runBackup},
	{"nowhere", "The same pipelines without storage: streams thrown away, files left on disk", runNowhere},
	{"memory", "Peak memory and the size of the database", runMemory},
	{"validate", "Reading a backup back whole", runValidate},
	{"restore", "Restoring", runRestore},
	{"list", "Listing with 10,000 backups in the registry", runList},
	{"registry", "32 writers update the registry at the same time", runRegistry},
	{"reserve", "Accepting a request to back up", runReserve},
	{"start", "Starting the program", runStart},
}

// names lists the benchmarks' names.
func names() []string {
	list := make([]string, len(benchmarks))
	for i, b := range benchmarks {
		list[i] = b.name
	}
	return list
}

// runBackup compares everybody on the way into MinIO.
func runBackup(ctx context.Context, s *session, b *report.Benchmark) error {
	if err := s.warmUp(ctx, b); err != nil {
		return err
	}
	var entrants []entrant
	for _, c := range rivals {
		entrants = append(entrants, c.entrant(s, true))
	}
	entrants = append(entrants,
		s.cofreEntrant("cofre", "cofre create", s.lab.Postgres, false),
		s.cofreEntrant("cofre local", "cofre create, into a directory", s.lab.Postgres, true))
	if err := s.inTurn(ctx, b, entrants); err != nil {
		return err
	}
	b.Notes = append(b.Notes, "cofre's times include verifying: the archive's structure is followed and checksums are compared while it flows. The rivals check parts in transit only.")
	b.Ratio("wall, default ÷ cofre", report.AtLeast(6), "default", "cofre", report.Wall)
	b.Ratio("wall, gzip pipe ÷ cofre", report.AtLeast(7), "gzip pipe", "cofre", report.Wall)
	b.Ratio("wall, databasus ÷ cofre", report.AtLeast(2), "databasus", "cofre", report.Wall)
	b.Ratio("wall, lambda ÷ cofre", report.AtLeast(2), "lambda", "cofre", report.Wall)
	b.Ratio("wall, stock best ÷ cofre", report.AtLeast(1), "stock best", "cofre", report.Wall)
	b.Ratio("wall, directory ÷ cofre", nil, "directory", "cofre", report.Wall)
	b.Ratio("wall, stock best ÷ cofre local", nil, "stock best", "cofre local", report.Wall)
	b.Ratio("CPU of client and servers, cofre ÷ stock best", report.AtMost(1), "cofre", "stock best", report.CPU)
	b.Ratio("bytes stored, cofre ÷ default", report.AtMost(1), "cofre", "default", report.Stored)
	for _, name := range []string{"cofre", "cofre local"} {
		if c := b.Find(name); c != nil {
			b.Figures = append(b.Figures, report.Summary("peak memory, "+name, "bytes", report.AtMost(100e6), c.Values(report.PeakAnon)...))
		}
	}
	return nil
}

// warmUp gets what is missing, reads the whole database once and runs the quick contestants, unrecorded.
func (s *session) warmUp(ctx context.Context, b *report.Benchmark) error {
	if s.wants(b.Name, "gzip pipe") {
		if _, err := s.lab.AWS(ctx); err != nil {
			return err
		}
	}
	s.say("  warm-up")
	for _, c := range rivals {
		if c.name == "plain" || c.name == "stock best" {
			if _, err := c.entrant(s, c.name != "plain").run(ctx); err != nil {
				return err
			}
		}
	}
	_, err := s.cofreEntrant("cofre", "", s.lab.Postgres, false).run(ctx)
	return err
}

// runNowhere shows what the storage adds. cofre always stores.
func runNowhere(ctx context.Context, s *session, b *report.Benchmark) error {
	if _, err := rivals[0].entrant(s, false).run(ctx); err != nil {
		return err
	}
	var entrants []entrant
	for _, c := range rivals {
		entrants = append(entrants, c.entrant(s, false))
	}
	return s.inTurn(ctx, b, entrants)
}

// runMemory backs a small and a big database up.
func runMemory(ctx context.Context, s *session, b *report.Benchmark) error {
	big, err := s.lab.Another(ctx, s.big)
	if err != nil {
		return err
	}
	defer func() { _ = big.Stop() }()
	label := func(scale float64) string { return "scale " + trimmed(scale) }
	var entrants []entrant
	for _, db := range []struct {
		p     *lab.Postgres
		scale float64
	}{{s.lab.Postgres, s.scale}, {big, s.big}} {
		entrants = append(entrants,
			s.cofreEntrant(label(db.scale), "cofre create to S3", db.p, false),
			s.cofreEntrant(label(db.scale)+", local", "cofre create into a directory", db.p, true))
	}
	if err := s.inTurn(ctx, b, entrants); err != nil {
		return err
	}
	for _, series := range b.Series {
		b.Figures = append(b.Figures, report.Summary("peak memory, "+series.Name, "bytes", report.AtMost(100e6), series.Values(report.PeakAnon)...))
	}
	name := "peak memory, scale " + trimmed(s.big) + " ÷ scale " + trimmed(s.scale)
	b.Ratio(name, report.AtMost(sameMemory), label(s.big), label(s.scale), report.PeakAnon)
	b.Ratio(name+", local", report.AtMost(sameMemory), label(s.big)+", local", label(s.scale)+", local", report.PeakAnon)
	return nil
}

// sameMemory is the ratio up to which two peaks count as the same: when a garbage collector runs is chance.
const sameMemory = 1.1

// runValidate compares reading back with backing up.
func runValidate(ctx context.Context, s *session, b *report.Benchmark) error {
	at, err := s.newPlace()
	if err != nil {
		return err
	}
	id := ""
	entrants := []entrant{
		{"backup", "cofre create", func(ctx context.Context) (run report.Run, err error) {
			id, run, err = s.createBackup(ctx, s.lab.Postgres, bucketURL(at.prefix))
			return run, err
		}},
		{"validate", "cofre validate ID: size, SHA-256, the service's checksum, every block decompressed", func(ctx context.Context) (report.Run, error) {
			run, _, err := s.measure(ctx, s.lab.Postgres, s.cofreJob(s.lab.Postgres, bucketURL(at.prefix), "validate", id))
			return run, err
		}},
	}
	if err := s.inTurn(ctx, b, entrants); err != nil {
		return err
	}
	b.Ratio("wall, validate ÷ backup", report.AtMost(0.5), "validate", "backup", report.Wall)
	if v := b.Find("validate"); v != nil {
		b.Figures = append(b.Figures, report.Summary("peak memory, validate", "bytes", report.AtMost(100e6), v.Values(report.PeakAnon)...))
	}
	return s.remove(ctx, at)
}

// runRestore compares cofre, which reads from storage, with pg_restore, which has a file that it may seek in.
func runRestore(ctx context.Context, s *session, b *report.Benchmark) error {
	at, err := s.newPlace()
	if err != nil {
		return err
	}
	file := filepath.Join(at.dir, "backup.dump")
	dump := (&course{s: s}).dump("--format=custom", "--compress=zstd:1", "--file="+file)
	if _, _, err := s.measure(ctx, s.lab.Postgres, measure.Job{
		Steps: []measure.Pipeline{{dump}}, Env: s.lab.Postgres.Env(lab.Database), Dir: at.dir,
	}); err != nil {
		return err
	}
	id, _, err := s.createBackup(ctx, s.lab.Postgres, bucketURL(at.prefix))
	if err != nil {
		return err
	}
	stock := measure.Job{Steps: []measure.Pipeline{{{
		filepath.Join(s.lab.ClientBin, "pg_restore"), "--no-password", "--exit-on-error", "--jobs=2", "--dbname=" + restored, file,
	}}}, Env: s.lab.Postgres.Env(restored), Dir: at.dir}
	ours := s.cofreJob(s.lab.Postgres, bucketURL(at.prefix), "restore", id, "--to", s.lab.Postgres.URL(restored))
	err = s.inTurn(ctx, b, []entrant{
		{"pg_restore", "pg_restore -j2 from a local file that pg_dump -Fc --compress=zstd:1 wrote, with offsets in its table of contents", s.restoreRun(stock)},
		{"cofre", "cofre restore ID --to URL, straight from storage", s.restoreRun(ours)},
	})
	if err != nil {
		return err
	}
	b.Ratio("wall, cofre ÷ pg_restore -j2", report.AtMost(1), "cofre", "pg_restore", report.Wall)
	b.Ratio("CPU of client and servers, cofre ÷ pg_restore -j2", nil, "cofre", "pg_restore", report.CPU)
	return s.remove(ctx, at)
}
