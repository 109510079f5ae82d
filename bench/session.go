package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"cofre/bench/lab"
	"cofre/bench/measure"
	"cofre/bench/report"
)

// session is one run of this program.
type session struct {
	config
	lab     *lab.Lab
	self    string
	machine report.Machine
	say     func(format string, args ...any)
	serial  int // of prefixes and folders
}

func openSession(ctx context.Context, c config) (*session, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	say := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
	}
	if _, err := os.Stat(c.cofre); err != nil {
		return nil, fmt.Errorf("%w; run: make build", err)
	}
	s := &session{config: c, self: self, say: say}
	s.lab, err = lab.Open(ctx, lab.Options{Dir: c.dir, Workload: workload, Scale: c.scale, NoSync: c.noSync, Say: say})
	if err != nil {
		return nil, err
	}
	// The AWS SDK within this process finds the lab's server, too.
	for _, kv := range append(s.lab.MinIO.Env(s.lab.MinIO.Addr), "BENCH_BUCKET="+lab.Bucket) {
		name, value, _ := strings.Cut(kv, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	if s.machine, err = s.describeMachine(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *session) close() error { return s.lab.Close() }

// runAll runs the chosen benchmarks. done is given each; complete is false when contestants were left out.
func (s *session) runAll(ctx context.Context, done func(b *report.Benchmark, complete bool) error) error {
	for _, m := range benchmarks {
		chosen, named := s.only[m.name]
		if len(s.only) > 0 && !named {
			continue
		}
		s.say("%s: %s", m.name, m.title)
		b := &report.Benchmark{
			Name: m.name, Title: m.title, At: time.Now().UTC().Truncate(time.Second), Scale: s.scale, Rounds: s.rounds, Machine: s.machine,
		}
		b.Machine.Load = loadAverage()
		if err := m.run(ctx, s, b); err != nil {
			return fmt.Errorf("benchmark %s: %w", m.name, err)
		}
		if err := done(b, len(chosen) == 0); err != nil {
			return err
		}
	}
	return nil
}

// entrant is one who takes part in a benchmark.
type entrant struct {
	name, how string
	run       func(ctx context.Context) (report.Run, error)
}

// inTurn gives every entrant his turn in every round.
func (s *session) inTurn(ctx context.Context, b *report.Benchmark, entrants []entrant) error {
	var taking []entrant
	var all []string
	for _, e := range entrants {
		all = append(all, e.name)
		if s.wants(b.Name, e.name) {
			taking = append(taking, e)
			b.Series = append(b.Series, &report.Series{Name: e.name, How: e.how})
		}
	}
	for _, name := range s.only[b.Name] {
		if !slices.Contains(all, name) {
			return fmt.Errorf("ONLY names an unknown contestant %.40q; there are: %s", name, strings.Join(all, ", "))
		}
	}
	for round := range s.rounds {
		for i, e := range taking {
			run, err := e.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			s.say("  round %d of %d  %-12s %.2f s", round+1, s.rounds, e.name, run.Wall)
			b.Series[i].Runs = append(b.Series[i].Runs, run)
		}
	}
	return nil
}

// place is where a run may store: a prefix of the bucket and a folder, both empty.
type place struct{ prefix, dir string }

func (s *session) newPlace() (place, error) {
	s.serial++
	name := fmt.Sprintf("run%04d", s.serial)
	p := place{prefix: name, dir: filepath.Join(s.lab.Work, name)}
	return p, os.Mkdir(p.dir, 0o755)
}

func (s *session) remove(ctx context.Context, p place) error {
	return errors.Join(s.lab.MinIO.Remove(ctx, p.prefix), os.RemoveAll(p.dir))
}

// settleTimeout is how long servers may take to become idle.
const settleTimeout = 10 * time.Second

// settle waits until the server of a database has no clients, and what others wrote is on disk.
func (s *session) settle(ctx context.Context, p *lab.Postgres) error {
	for deadline := time.Now().Add(settleTimeout); ; {
		n, err := p.Int(ctx, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d clients are still connected %v after their program has ended", n, settleTimeout)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !s.noSync {
		syscall.Sync()
	}
	return nil
}

// measure runs a job while nothing else runs, against a database server and MinIO.
func (s *session) measure(ctx context.Context, p *lab.Postgres, job measure.Job) (report.Run, measure.Usage, error) {
	if err := s.settle(ctx, p); err != nil {
		return report.Run{}, measure.Usage{}, err
	}
	before, err := s.serverCPU(p)
	if err != nil {
		return report.Run{}, measure.Usage{}, err
	}
	usage, err := measure.Run(ctx, s.self, job)
	if err != nil {
		return report.Run{}, usage, err
	}
	if err := s.settle(ctx, p); err != nil {
		return report.Run{}, usage, err
	}
	after, err := s.serverCPU(p)
	return report.Run{
		Wall: usage.Wall, ClientCPU: usage.CPU(), ServerCPU: after - before, PeakAnon: usage.PeakAnon,
	}, usage, err
}

// serverCPU is what both servers have used up to now, in seconds.
func (s *session) serverCPU(p *lab.Postgres) (float64, error) {
	a, errA := measure.CPU(p.Pid())
	b, errB := measure.CPU(s.lab.MinIO.Pid())
	return a + b, errors.Join(errA, errB)
}

// cofreJob is a call of cofre whose backups lie in directory: an s3:// URL or a folder.
func (s *session) cofreJob(p *lab.Postgres, directory string, args ...string) measure.Job {
	env := []string{"DATABASE_URL=" + p.URL(p.Name()), "BACKUP_DIRECTORY=" + directory}
	if s.pgDump != "" {
		env = append(env, "PGDUMP_PATH="+s.pgDump)
	}
	return measure.Job{Steps: []measure.Pipeline{{append(measure.Stage{s.cofre}, args...)}}, Env: env, Dir: s.lab.Work}
}

func bucketURL(prefix string) string { return "s3://" + lab.Bucket + "/" + prefix }

// createBackup makes a backup with cofre and gives its id.
func (s *session) createBackup(ctx context.Context, p *lab.Postgres, directory string, options ...string) (id string, run report.Run, err error) {
	run, usage, err := s.measure(ctx, p, s.cofreJob(p, directory, append([]string{"create", "--json"}, options...)...))
	if err != nil {
		return "", run, err
	}
	var b struct{ ID string }
	if err := json.Unmarshal(usage.Output, &b); err != nil || b.ID == "" {
		return "", run, fmt.Errorf("cofre create --json printed no backup with an id: %w\n%.300s", err, usage.Output)
	}
	return b.ID, run, nil
}

// folderSize adds up the sizes of the files below a folder, in bytes.
func folderSize(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		total += info.Size()
		return err
	})
	return total, err
}
