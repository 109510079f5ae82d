package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// openDatabase starts a server on the kept database of the lab's scale, which is made first when it is not
// there. Databases made by other versions of the workload are removed.
func (l *Lab) openDatabase(ctx context.Context, bin string) (*Postgres, error) {
	sum := sha256.Sum256([]byte(l.options.Workload))
	scale := strconv.FormatFloat(l.options.Scale, 'f', -1, 64)
	name := scale + "-" + hex.EncodeToString(sum[:6])
	dir := filepath.Join(l.options.Dir, name)
	if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
		if err := l.removeStale(scale); err != nil {
			return nil, err
		}
		if err := l.makeDatabase(ctx, dir, bin); err != nil {
			return nil, fmt.Errorf("make the database of scale %s: %w", scale, err)
		}
	}
	settings := Settings
	if l.options.NoSync {
		settings = append(settings[:len(settings):len(settings)], "fsync = off")
	}
	return startPostgres(ctx, dir, bin, l.account, settings)
}

// removeStale removes unfinished databases and those of other workloads, of one scale.
func (l *Lab) removeStale(scale string) error {
	entries, err := os.ReadDir(l.options.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), scale+"-") && e.IsDir() {
			if err := os.RemoveAll(filepath.Join(l.options.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeDatabase makes the cluster beside its final place and moves it there when it is complete and on disk.
func (l *Lab) makeDatabase(ctx context.Context, dir, bin string) error {
	l.say("making the database of scale %v in %s; it is kept for later runs", l.options.Scale, dir)
	start := time.Now()
	fresh := dir + ".new"
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	if err := initdb(ctx, fresh, bin, l.account); err != nil {
		return err
	}
	p, err := startPostgres(ctx, fresh, bin, l.account, loadSettings)
	if err != nil {
		return err
	}
	err = p.load(ctx, filepath.Join(l.ClientBin, "psql"), l.options.Workload, l.options.Scale)
	if err := errors.Join(err, p.Stop()); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	if !l.options.NoSync {
		sync := l.account.command(ctx, fresh, filepath.Join(bin, "initdb"), "--sync-only", "--pgdata", filepath.Join(fresh, "data"))
		if err := run(sync, "write the database to disk"); err != nil {
			return err
		}
	}
	l.say("made in %v", time.Since(start).Round(time.Second))
	return os.Rename(fresh, dir)
}

func (l *Lab) say(format string, args ...any) {
	if l.options.Say != nil {
		l.options.Say(format, args...)
	}
}
