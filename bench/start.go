package main

import (
	"context"

	"cofre/bench/measure"
	"cofre/bench/report"
)

// runStart measures from the start of the process to the first byte of its output.
func runStart(ctx context.Context, s *session, b *report.Benchmark) error {
	at, err := s.newPlace()
	if err != nil {
		return err
	}
	if err := fillRegistry(ctx, at.prefix, 10); err != nil {
		return err
	}
	proxy, err := startProxy(s.lab.MinIO)
	if err != nil {
		return err
	}
	defer proxy.close()
	remote := bucketURL(at.prefix)
	// One backup in the directory, so that there is a registry to list.
	if _, _, err := s.createBackup(ctx, s.lab.Postgres, at.dir); err != nil {
		return err
	}
	var version, list, beside, local []float64
	for range s.rounds * s.effort.repeats {
		if version, err = s.firstByte(ctx, s.cofreJob(s.lab.Postgres, remote, "version"), version); err != nil {
			return err
		}
		if list, err = s.firstByte(ctx, s.cofreJob(s.lab.Postgres, remote, "list"), list); err != nil {
			return err
		}
		if local, err = s.firstByte(ctx, s.cofreJob(s.lab.Postgres, at.dir, "list"), local); err != nil {
			return err
		}
		proxy.take()
		through, err := s.firstByte(ctx, s.through(proxy, s.cofreJob(s.lab.Postgres, remote, "list")), nil)
		if err != nil {
			return err
		}
		_, storage := proxy.take()
		beside = append(beside, through[0]-storage.Seconds())
	}
	b.Notes = append(b.Notes, "From the start of the process to the first byte of its output. Storage's own time is measured by a proxy between the two.")
	b.Figures = []report.Figure{
		report.Summary("cofre version", "s", nil, version...),
		report.Summary("cofre list, S3", "s", nil, list...),
		report.Summary("cofre list, S3, beside the storage's own time", "s", report.AtMost(0.1), beside...),
		report.Summary("cofre list, local directory", "s", report.AtMost(0.015), local...),
	}
	return s.remove(ctx, at)
}

func (s *session) firstByte(ctx context.Context, job measure.Job, times []float64) ([]float64, error) {
	usage, err := measure.Run(ctx, s.self, job)
	if err != nil {
		return nil, err
	}
	return append(times, usage.FirstByte), nil
}
