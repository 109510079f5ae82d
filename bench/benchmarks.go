package main

import (
	"context"
	"fmt"
	"math"
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
	{"distant", "A database at a distance: 20 MB a second over each connection", runDistant},
	{"small", "A database of 1 MB", runSmall},
	{"tables", "A database of 20,000 empty tables", runTables},
	{"nowhere", "The same pipelines without storage: streams thrown away, files left on disk", runNowhere},
	{"memory", "Peak memory and the size of the database", runMemory},
	{"validate", "Reading a backup back whole", runValidate},
	{"restore", "Restoring", runRestore},
	{"list", "Listing with 10,000 backups in the registry", runList},
	{"many", "Listing with 1,000,000 backups in the registry", runMany},
	{"crowd", "290 lists of 20,000 backups at once", runCrowd},
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
		s.cofreEntrant("cofre binary", "cofre create --rows binary", s.lab.Postgres, false, "--rows", "binary"),
		s.cofreEntrant("cofre local", "cofre create, into a directory", s.lab.Postgres, true))
	if err := s.inTurn(ctx, b, entrants); err != nil {
		return err
	}
	b.Notes = append(b.Notes, "cofre's times include verifying: the archive's structure is followed and checksums are compared while it flows. The rivals check parts in transit only.")
	b.Ratio("wall, default ÷ cofre", report.AtLeast(8), "default", "cofre", report.Wall)
	b.Ratio("wall, gzip pipe ÷ cofre", report.AtLeast(9), "gzip pipe", "cofre", report.Wall)
	b.Ratio("wall, databasus ÷ cofre", report.AtLeast(3), "databasus", "cofre", report.Wall)
	b.Ratio("wall, lambda ÷ cofre", report.AtLeast(3), "lambda", "cofre", report.Wall)
	b.Ratio("wall, stock best ÷ cofre", report.AtLeast(1.2), "stock best", "cofre", report.Wall)
	b.Ratio("wall, stock best ÷ cofre binary", report.AtLeast(1.5), "stock best", "cofre binary", report.Wall)
	b.Ratio("wall, directory ÷ cofre", nil, "directory", "cofre", report.Wall)
	b.Ratio("wall, stock best ÷ cofre local", nil, "stock best", "cofre local", report.Wall)
	b.Ratio("CPU of client and servers, cofre ÷ stock best", report.AtMost(0.95), "cofre", "stock best", report.CPU)
	b.Ratio("CPU of the servers, cofre ÷ stock best", report.AtMost(1), "cofre", "stock best", report.ServerCPU)
	b.Ratio("CPU of the client, cofre ÷ stock best", nil, "cofre", "stock best", report.ClientCPU)
	b.Ratio("CPU of client and servers, cofre binary ÷ stock best", report.AtMost(0.75), "cofre binary", "stock best", report.CPU)
	b.Ratio("CPU of the servers, cofre binary ÷ stock best", report.AtMost(0.7), "cofre binary", "stock best", report.ServerCPU)
	b.Ratio("bytes stored, cofre ÷ stock best", report.AtMost(1.05), "cofre", "stock best", report.Stored)
	b.Ratio("bytes stored, cofre binary ÷ stock best", nil, "cofre binary", "stock best", report.Stored)
	b.Ratio("bytes stored, cofre ÷ default", report.AtMost(1), "cofre", "default", report.Stored)
	for _, name := range []string{"cofre", "cofre local"} {
		if c := b.Find(name); c != nil {
			b.Figures = append(b.Figures, report.Summary("peak memory, "+name, "bytes", report.AtMost(120e6), c.Values(report.PeakAnon)...))
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

// runMemory backs a small and a big database up, and one with a row as large as few databases are.
func runMemory(ctx context.Context, s *session, b *report.Benchmark) error {
	db := s.lab.Postgres
	big, err := s.bigDatabase(ctx)
	if err != nil {
		return err
	}
	one := fmt.Sprintf("row%d", s.effort.row)
	err = db.Make(ctx, one, "template0", "CREATE TABLE one (v text STORAGE EXTERNAL)",
		fmt.Sprintf("INSERT INTO one SELECT string_agg(md5(i::text), '') FROM generate_series(1, %d) i", s.effort.row*1_000_000/32))
	if err != nil {
		return err
	}
	scale := func(times float64) string { return "scale " + trimmed(times*s.scale) }
	small, large, row := scale(1), scale(s.big), fmt.Sprintf("one row of %d MB", s.effort.row)
	err = s.inTurn(ctx, b, []entrant{
		s.cofreEntrant(small, "cofre create --jobs 2 to S3", db, false, "--jobs", "2"),
		s.cofreEntrant(small+", local", "cofre create --jobs 2 into a directory", db, true, "--jobs", "2"),
		s.cofreEntrant(large, "cofre create --jobs 2 to S3", big, false, "--jobs", "2"),
		s.cofreEntrant(large+", local", "cofre create --jobs 2 into a directory", big, true, "--jobs", "2"),
		s.cofreEntrant(row, "cofre create to S3", db.Of(one), false),
	})
	if err != nil {
		return err
	}
	for _, series := range b.Series {
		b.Figures = append(b.Figures, report.Summary("peak memory, "+series.Name, "bytes", report.AtMost(120e6), series.Values(report.PeakAnon)...))
	}
	name := "peak memory, " + large + " ÷ " + small
	b.Ratio(name, report.AtMost(sameMemory), large, small, report.PeakAnon)
	b.Ratio(name+", local", report.AtMost(sameMemory), large+", local", small+", local", report.PeakAnon)
	b.Ratio("wall, "+large+" ÷ "+small, nil, large, small, report.Wall)
	return nil
}

// bigDatabase is the lab's database with copies of its largest table, which has seven tenths of it, beside that.
func (s *session) bigDatabase(ctx context.Context) (*lab.Postgres, error) {
	name := "big" + trimmed(s.big)
	var copies []string
	for i := range int(math.Round((s.big - 1) / 0.7)) {
		copies = append(copies, fmt.Sprintf("CREATE TABLE app.events_%d AS SELECT * FROM app.events", i+1))
	}
	return s.lab.Postgres.Of(name), s.lab.Postgres.Make(ctx, name, lab.Database, copies...)
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
	b.Ratio("wall, cofre ÷ pg_restore -j2", report.AtMost(0.75), "cofre", "pg_restore", report.Wall)
	b.Ratio("CPU of client and servers, cofre ÷ pg_restore -j2", nil, "cofre", "pg_restore", report.CPU)
	return s.remove(ctx, at)
}
