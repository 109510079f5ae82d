package demo

import (
	"context"
	"fmt"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/postgres"
)

// create makes a backup and gives its record and what to tell of it.
func (d *demo) create(ctx context.Context, bar *term.Bar, name string) (backup.Backup, string, error) {
	b, err := d.app.Service.Create(ctx, backup.Request{Filename: name, CreatedBy: "demo", Labels: map[string]string{"made-by": "demo"}}, func(p backup.Progress) {
		bar.Set(term.State{Phase: p.Phase, Done: p.DumpBytes, Rate: p.Rate, Percent: p.Percent, Note: p.LastNotice})
	})
	return b, fmt.Sprintf("%s in one pass, %s, SHA-256 %s...\n%s", term.Bytes(b.Size), b.Compression, short(b.Checksum), d.app.Service.Location(b.Filepath)), err
}

func (d *demo) firstBackup(ctx context.Context) error {
	return d.do(backup.PhaseConnecting, func(bar *term.Bar) (string, error) {
		_, text, err := d.create(ctx, bar, "monday")
		return "a backup: " + text, err
	})
}

// secondBackup follows a day of business. The first one tells how much there is, so it has a percentage.
func (d *demo) secondBackup(ctx context.Context) error {
	return d.do(backup.PhaseConnecting, func(bar *term.Bar) (string, error) {
		t, err := d.target(source)
		if err != nil {
			return "", err
		}
		if err := fill(ctx, t, []step{{"a day of business", nextDaySQL}}, func(string, int) {}); err != nil {
			return "", err
		}
		b, text, err := d.create(ctx, bar, "tuesday")
		if err == nil {
			d.Backup = &b
		}
		return "and the next day another: " + text, err
	})
}

func (d *demo) list(ctx context.Context) error {
	page, err := d.app.Service.List(ctx, backup.ListOptions{})
	if err != nil {
		return err
	}
	d.say("")
	if err := d.Table(page.Backups); err != nil {
		return err
	}
	d.say("")
	return nil
}

func (d *demo) validate(ctx context.Context) error {
	return d.do("reading", func(bar *term.Bar) (string, error) {
		v, err := d.app.Service.Validate(ctx, d.Backup.ID, backup.ValidateOptions{Progress: func(read, total int64) {
			bar.Set(term.State{Phase: "reading", Done: read, Total: total})
		}})
		if err == nil {
			err = v.Err()
		}
		if err != nil {
			return "", err
		}
		*d.Backup = *v.Backup
		text := fmt.Sprintf("validated: %s read back, size, SHA-256 and tags as recorded", term.Bytes(v.Size))
		if c := v.Contents; c != nil {
			text += fmt.Sprintf(",\nevery block decompressed: %d tables, %s rows, %d large objects, %s", c.Tables, term.Count(c.Rows), c.LargeObjects, term.Bytes(c.UncompressedBytes))
		}
		return text, nil
	})
}

func (d *demo) restore(ctx context.Context) error {
	return d.do("restoring", func(bar *term.Bar) (string, error) {
		r, err := d.app.Service.Restore(ctx, d.Backup.ID, backup.RestoreRequest{
			URL: d.server.URL(copyOf), Create: true,
			Progress: func(read, total int64) {
				st := term.State{Phase: "restoring", Done: read, Total: total}
				if read >= total {
					st = term.State{Phase: "finishing", Note: "indexes and constraints"}
				}
				bar.Set(st)
			},
		})
		if err != nil {
			return "", err
		}
		*d.Backup = r.Backup
		return fmt.Sprintf("restored straight from storage into the empty database %q, with %s", copyOf, r.Target.Tool), nil
	})
}

// fingerprint reads a database whole.
func (d *demo) fingerprint(ctx context.Context, bar *term.Bar, database string) (postgres.Fingerprint, error) {
	t, err := d.target(database)
	if err != nil {
		return postgres.Fingerprint{}, err
	}
	return postgres.TakeFingerprint(ctx, t, postgres.FingerprintOptions{Progress: func(table string, done, total int) {
		bar.Set(term.State{Phase: "comparing", Note: fmt.Sprintf("%s: table %d of %d, %s", database, min(done+1, total), total, table)})
	}})
}

func short(s string) string { return s[:min(12, len(s))] }

// linkLife is how long the demo's link works.
const linkLife = time.Hour
