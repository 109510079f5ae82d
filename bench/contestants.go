package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cofre/bench/lab"
	"cofre/bench/measure"
	"cofre/bench/report"
	"cofre/bench/upload"
)

// contestant is a way to back a database up.
type contestant struct {
	name string
	how  string // its commands, for readers
	sink string // what takes the dump to storage, for readers
	// steps gives its pipelines. With course.upload false nothing is stored: streams are thrown away and files stay
	// where they are.
	steps func(c *course) ([]measure.Pipeline, error)
}

// course is what a contestant's commands are made for.
type course struct {
	s      *session
	p      place
	upload bool
	ctx    context.Context
}

// dump is a call of pg_dump 18, of the same build as cofre uses.
func (c *course) dump(args ...string) measure.Stage {
	return append(measure.Stage{filepath.Join(c.s.lab.ClientBin, "pg_dump"), "--no-password"}, args...)
}

// sink is the uploader at the end of a stream: parts of so many MiB, so many at a time.
func (c *course) sink(partMiB, parallel int) measure.Stage {
	if !c.upload {
		return measure.Stage{c.s.self, upload.Role, "discard"}
	}
	return c.uploader(partMiB, parallel, "stream", c.p.prefix+"/backup")
}

func (c *course) uploader(partMiB, parallel int, args ...string) measure.Stage {
	return append(measure.Stage{c.s.self, upload.Role, "-part", strconv.Itoa(partMiB), "-parallel", strconv.Itoa(parallel)}, args...)
}

// stream is one pg_dump into one uploader.
func stream(partMiB, parallel int, args ...string) func(*course) ([]measure.Pipeline, error) {
	return func(c *course) ([]measure.Pipeline, error) {
		return []measure.Pipeline{{c.dump(args...), c.sink(partMiB, parallel)}}, nil
	}
}

// toDisk is a pg_dump that writes to disk first and uploads then.
func toDisk(kind string, args ...string) func(*course) ([]measure.Pipeline, error) {
	return func(c *course) ([]measure.Pipeline, error) {
		target := filepath.Join(c.p.dir, "dump")
		steps := []measure.Pipeline{{c.dump(append(args, "--file="+target)...)}}
		if c.upload {
			steps = append(steps, measure.Pipeline{c.uploader(8, 4, kind, c.p.prefix+"/backup", target)})
		}
		return steps, nil
	}
}

// gzipPipe is what scripts and many containers do, with the AWS command line.
func gzipPipe(c *course) ([]measure.Pipeline, error) {
	pipeline := measure.Pipeline{c.dump("--format=plain"), {"gzip"}}
	if !c.upload {
		return []measure.Pipeline{append(pipeline, c.sink(0, 0))}, nil
	}
	aws, err := c.s.lab.AWS(c.ctx)
	if err != nil {
		return nil, err
	}
	return []measure.Pipeline{append(pipeline, measure.Stage{aws, "s3", "cp", "--no-progress", "-", bucketURL(c.p.prefix) + "/backup"})}, nil
}

// rivals are the stock pipelines, named as goals name them.
var rivals = []contestant{
	{"plain", "pg_dump -Fp", "8 MiB parts, 4 at a time", stream(8, 4, "--format=plain")},
	{"default", "pg_dump -Fc (gzip 6) to a file, and when it is complete", "8 MiB parts, 4 at a time", toDisk("file", "--format=custom")},
	{"gzip pipe", "pg_dump | gzip", "aws s3 cp -", gzipPipe},
	{"lambda", "pg_dump -Fc -Z1", "5 MiB parts, one at a time", stream(5, 1, "--format=custom", "--compress=1")},
	{"databasus", "pg_dump -Fc --compress=zstd:5", "16 MiB parts, one at a time", stream(16, 1, "--format=custom", "--compress=zstd:5")},
	{"stock best", "pg_dump -Fc --compress=zstd:1", "8 MiB parts, 4 at a time", stream(8, 4, "--format=custom", "--compress=zstd:1")},
	{"directory", "pg_dump -Fd -j2 --compress=zstd:1 to disk, and when it is complete", "files, 4 at a time",
		toDisk("dir", "--format=directory", "--jobs=2", "--compress=zstd:1")},
}

// entrant makes a contestant take part.
func (c contestant) entrant(s *session, toStorage bool) entrant {
	return c.entrantAt(s, s.lab.Postgres, toStorage)
}

// entrantAt is entrant for another database server.
func (c contestant) entrantAt(s *session, db *lab.Postgres, toStorage bool) entrant {
	how := c.how + " ⇒ " + c.sink
	if !toStorage {
		how = strings.TrimSuffix(c.how, ", and when it is complete")
	}
	return entrant{c.name, how, func(ctx context.Context) (report.Run, error) {
		p, err := s.newPlace()
		if err != nil {
			return report.Run{}, err
		}
		steps, err := c.steps(&course{s: s, p: p, upload: toStorage, ctx: ctx})
		if err != nil {
			return report.Run{}, err
		}
		run, usage, err := s.measure(ctx, db, measure.Job{
			Steps: steps, Env: db.Env(lab.Database), Dir: p.dir,
		})
		if err != nil {
			return run, err
		}
		if run.Stored, err = s.stored(ctx, p, toStorage, usage.Output); err != nil {
			return run, err
		}
		return run, s.remove(ctx, p)
	}}
}

// stored tells how many bytes a rival's run stored, or would have.
func (s *session) stored(ctx context.Context, p place, toStorage bool, output []byte) (n int64, err error) {
	if toStorage {
		n, err = s.lab.MinIO.Stored(ctx, p.prefix)
	} else if text := strings.TrimSpace(string(output)); text != "" {
		n, err = strconv.ParseInt(text, 10, 64)
	} else {
		n, err = folderSize(p.dir)
	}
	if err == nil && n == 0 {
		err = fmt.Errorf("nothing was stored under %s", p.prefix)
	}
	return n, err
}

// cofreEntrant is cofre with its defaults, but for options: create, to S3 or to a local directory. It is not the first backup there:
// that one finds out what the service can do, and makes what is not there yet.
func (s *session) cofreEntrant(name, how string, p *lab.Postgres, local bool, options ...string) entrant {
	var at place
	return entrant{name, how, func(ctx context.Context) (run report.Run, err error) {
		first := at == place{}
		if first {
			if at, err = s.newPlace(); err != nil {
				return run, err
			}
		}
		directory := bucketURL(at.prefix)
		if local {
			directory = at.dir
		}
		if first {
			if _, _, err := s.createBackup(ctx, p, directory, "--schema-only"); err != nil {
				return run, err
			}
			if err := s.removeFiles(ctx, at); err != nil {
				return run, err
			}
		}
		if _, run, err = s.createBackup(ctx, p, directory, options...); err != nil {
			return run, err
		}
		if local {
			run.Stored, err = folderSize(filepath.Join(at.dir, "files"))
		} else {
			run.Stored, err = s.lab.MinIO.Stored(ctx, at.prefix, "files/")
		}
		if err == nil && run.Stored == 0 {
			err = fmt.Errorf("cofre stored nothing in %s", directory)
		}
		if err != nil {
			return run, err
		}
		return run, s.removeFiles(ctx, at)
	}}
}

// removeFiles makes room for the next backup. What is known of the ones before stays.
func (s *session) removeFiles(ctx context.Context, at place) error {
	return errors.Join(s.lab.MinIO.Remove(ctx, at.prefix+"/files"), os.RemoveAll(filepath.Join(at.dir, "files")))
}
