package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"cofre/bench/measure"
	"cofre/bench/report"
	"cofre/pkg/app"
	"cofre/pkg/backup"
)

// pageSize is how many backups a page shows.
const pageSize = 50

// through prepares a job to reach storage by the proxy.
func (s *session) through(p *countingProxy, job measure.Job) measure.Job {
	job.Env = append(job.Env, s.lab.MinIO.Env(p.Addr)...)
	return job
}

// runList lists from a registry of 10,000 backups.
func runList(ctx context.Context, s *session, b *report.Benchmark) error {
	return s.listFrom(ctx, b, s.effort.kept, nil)
}

// runMany lists from a registry of 1,000,000 backups, of which all but the newest stand in pages.
func runMany(ctx context.Context, s *session, b *report.Benchmark) error {
	return s.listFrom(ctx, b, s.effort.many, s.listDeep)
}

// listFrom lists from a registry of so many backups: by the program from its start to its end, and in a process that
// runs already, as a server does.
func (s *session) listFrom(ctx context.Context, b *report.Benchmark, backups int, more func(ctx context.Context, b *report.Benchmark, prefix string) error) error {
	at, err := s.newPlace()
	if err != nil {
		return err
	}
	if err := fillRegistry(ctx, at.prefix, backups); err != nil {
		return err
	}
	proxy, err := startProxy(s.lab.MinIO)
	if err != nil {
		return err
	}
	defer proxy.close()
	job := s.cofreJob(s.lab.Postgres, bucketURL(at.prefix), "list", "--json", "--limit", fmt.Sprint(pageSize))
	var times, counts []float64
	for range s.rounds * s.effort.repeats {
		usage, err := measure.Run(ctx, s.self, job)
		if err != nil {
			return err
		}
		var page struct{ Backups []json.RawMessage }
		if err := json.Unmarshal(usage.Output, &page); err != nil || len(page.Backups) != pageSize {
			return fmt.Errorf("cofre list gave %d backups, not %d: %w", len(page.Backups), pageSize, err)
		}
		times = append(times, usage.Wall)
	}
	for range s.rounds {
		if _, err := measure.Run(ctx, s.self, s.through(proxy, job)); err != nil {
			return err
		}
		requests, _ := proxy.take()
		counts = append(counts, float64(len(requests)))
	}
	served, err := s.listServed(ctx, at.prefix)
	if err != nil {
		return err
	}
	b.Figures = []report.Figure{
		report.Summary("requests to storage", "count", report.AtMost(3), counts...),
		report.Summary(fmt.Sprintf("first page of %d, whole command", pageSize), "s", report.AtMost(0.2), times...),
		report.Summary(fmt.Sprintf("first page of %d, in a running process", pageSize), "s", report.AtMost(0.1), served...),
	}
	if more != nil {
		if err := more(ctx, b, at.prefix); err != nil {
			return err
		}
	}
	return s.remove(ctx, at)
}

// listServed tells how many seconds each first page took in this process.
func (s *session) listServed(ctx context.Context, prefix string) (times []float64, err error) {
	a, err := s.openApp(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for range s.rounds * s.effort.repeats {
		start := time.Now()
		page, err := a.Service.List(ctx, backup.ListOptions{Limit: pageSize})
		if err != nil {
			return nil, err
		}
		if len(page.Backups) != pageSize {
			return nil, fmt.Errorf("the service listed %d backups, not %d", len(page.Backups), pageSize)
		}
		times = append(times, time.Since(start).Seconds())
	}
	return times, nil
}

// listDeep measures what takes looking into pages, once each: a page of the oldest, a search, what a cleanup would remove.
func (s *session) listDeep(ctx context.Context, b *report.Benchmark, prefix string) (err error) {
	a, err := s.openApp(ctx, prefix)
	if err != nil {
		return err
	}
	timed := func(name string, do func() error) error {
		start := time.Now()
		if err := do(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.Figures = append(b.Figures, report.Summary(name, "s", nil, time.Since(start).Seconds()))
		s.say("  %s: %.2f s", name, time.Since(start).Seconds())
		return nil
	}
	list := func(o backup.ListOptions) func() error {
		return func() error {
			o.Limit, o.Fates = pageSize, true
			_, err := a.Service.List(ctx, o)
			return err
		}
	}
	v, err := a.Service.Registry.Read(ctx)
	if err != nil {
		return err
	}
	oldest := time.Now().Add(-time.Duration(v.Len()-10) * apart(v.Len()))
	return errors.Join(
		timed("the oldest backups", list(backup.ListOptions{Until: oldest})),
		timed("a search in all backups", list(backup.ListOptions{Search: "no such name"})),
		timed("the overview", func() error { _, err := a.Service.Overview(ctx, nil); return err }),
		timed("what a cleanup would remove", func() error {
			days := 365
			_, err := a.Service.Cleanup(ctx, backup.CleanupOptions{DryRun: true, Days: &days})
			return err
		}),
	)
}

// openApp opens the service on a prefix, with the endpoint of this process's environment.
func (s *session) openApp(ctx context.Context, prefix string) (*app.App, error) {
	cfg, err := app.Load(append(os.Environ(), "BACKUP_DIRECTORY="+bucketURL(prefix), "BACKUP_MAX_CONCURRENT=1000"))
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, cfg, app.Options{})
}

// runReserve measures what an API call waits for before it is answered: the reservation of a backup.
func runReserve(ctx context.Context, s *session, b *report.Benchmark) error {
	at, err := s.newPlace()
	if err != nil {
		return err
	}
	if err := fillRegistry(ctx, at.prefix, 100); err != nil {
		return err
	}
	proxy, err := startProxy(s.lab.MinIO)
	if err != nil {
		return err
	}
	defer proxy.close()
	var first, further, firstTimes, times []float64
	for range s.rounds {
		_, err := s.reservations(ctx, at.prefix, proxy.Addr, func() {
			requests, _ := proxy.take()
			further = append(further, float64(len(requests)))
		})
		if err != nil {
			return err
		}
		n := len(further) - s.effort.repeats
		first, further = append(first, further[n]), append(further[:n], further[n+1:]...)
		took, err := s.reservations(ctx, at.prefix, s.lab.MinIO.Addr, func() {})
		if err != nil {
			return err
		}
		firstTimes, times = append(firstTimes, took[0]), append(times, took[1:]...)
	}
	b.Notes = append(b.Notes, "Service.Reserve, which answers with the id of a backup that is then made elsewhere. The first call is that of a process which has just started, as after a cold start of a function.")
	b.Figures = []report.Figure{
		report.Summary("requests to storage, first call", "count", report.AtMost(5), first...),
		report.Summary("requests to storage, further calls", "count", report.AtMost(5), further...),
		report.Summary("time, first call", "s", nil, firstTimes...),
		report.Summary("time, further calls", "s", nil, times...),
	}
	return s.remove(ctx, at)
}

// reservations opens the service anew and reserves some backups, and tells how many seconds each took. after is
// called behind each.
func (s *session) reservations(ctx context.Context, prefix, addr string, after func()) (times []float64, err error) {
	for _, kv := range s.lab.MinIO.Env(addr) {
		name, value, _ := strings.Cut(kv, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	defer func() {
		err = errors.Join(err, os.Setenv("AWS_ENDPOINT_URL_S3", "http://"+s.lab.MinIO.Addr))
	}()
	a, err := s.openApp(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for range s.effort.repeats {
		start := time.Now()
		if _, err := a.Service.Reserve(ctx, backup.Request{Database: "shop"}); err != nil {
			return nil, err
		}
		times = append(times, time.Since(start).Seconds())
		after()
	}
	return times, nil
}
