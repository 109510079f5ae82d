package cli

import (
	"cmp"
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

const copyLong = `Copies backups to the second locations that BACKUP_COPIES names: without ID, all good ones that a location
does not have, the oldest first. What is read is checked against the recorded SHA-256 on the way. A copy has
everything that belongs to the backup, byte for byte; each second location is complete, and works as
BACKUP_DIRECTORY when the first is gone. cofre serve copies by itself, and cofre create copies what it
created.

With --place NAME every command works on a second location: list, restore, validate, cleanup.`

const copyExamples = `  cofre copy
  cofre copy 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre copy --to s3://other-bucket/prefix --json | jq .failed
  cofre list --place /mnt/second`

func (p *program) copyCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "copy [ID] [options]", Short: "Copy backups to a second location", Long: copyLong, Example: copyExamples,
		Args: arguments(0, 1, ""), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.copyMissing(cmd.Context(), to)
			}
			return p.copyOne(cmd.Context(), args[0], to)
		},
	}
	c.Flags().StringVar(&to, "to", "", "only to the second location of this `NAME` (default: all)")
	return c
}

// copyTargets opens the app and names the second locations that are meant.
func (p *program) copyTargets(ctx context.Context, to string) (*app.App, []string, error) {
	a, err := p.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	all, err := a.Service.Places(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(all) == 0 {
		return nil, nil, usage("For example: export BACKUP_COPIES=/mnt/second, or BACKUP_COPIES=s3://other-bucket/prefix", "there is no second location to copy to")
	}
	if to != "" {
		place, err := a.Service.Place(ctx, to)
		return a, []string{place.Name}, err
	}
	var names []string
	for _, place := range all {
		names = append(names, place.Name)
	}
	return a, names, nil
}

// copyOne copies one backup to each place.
func (p *program) copyOne(ctx context.Context, ref, to string) error {
	a, places, err := p.copyTargets(ctx, to)
	if err != nil {
		return err
	}
	b, err := a.Service.Info(ctx, ref)
	if err != nil {
		return err
	}
	doc := copyDoc{Places: []copiedTo{}}
	all := several{p: p, of: len(places)}
	for _, place := range places {
		rep := backup.CopyReport{Place: place, Copied: []string{}, Failed: []backup.CopyFailure{}}
		copied, err := p.copyTo(ctx, a, b.ID, place)
		switch {
		case err != nil:
			rep.Failed = append(rep.Failed, backup.CopyFailure{ID: b.ID, Error: recordOf(err)})
		case copied:
			rep.Copied, rep.Bytes = append(rep.Copied, b.ID), b.Size
		default:
			rep.There = 1
		}
		if perr := p.copiedTo(&doc, rep, err); perr != nil {
			return perr
		}
		all.ended(err)
	}
	return all.end(doc)
}

// copyTo copies one backup to one place, shows how far that is, and records it.
func (p *program) copyTo(ctx context.Context, a *app.App, id, place string) (copied bool, err error) {
	bar := p.bar("copying")
	copied, err = a.Service.Copy(ctx, id, place, func(done, size int64) { bar.Set(term.State{Phase: "copying", Done: done, Total: size}) })
	bar.Close()
	p.acted(ctx, a, "copy", id, err, map[string]string{"place": place})
	return copied, err
}

// copyDoc is the document of copy --json.
type copyDoc struct {
	Places []copiedTo `json:"places"`
}

// copiedTo is what became of the copies in one place; Error is why not all of them are there.
type copiedTo struct {
	backup.CopyReport
	Error *registry.Error `json:"error,omitempty"`
}

// copyMissing copies what each place does not have.
func (p *program) copyMissing(ctx context.Context, to string) error {
	a, places, err := p.copyTargets(ctx, to)
	if err != nil {
		return err
	}
	doc := copyDoc{Places: []copiedTo{}}
	all := several{p: p, of: len(places)}
	for _, place := range places {
		bar := p.bar("copying")
		rep, err := a.Service.CopyMissing(ctx, place, func(b backup.Backup, done int64) {
			bar.Set(term.State{Phase: "copying", Done: done, Total: b.Size, Note: b.ID})
		})
		bar.Close()
		if err == nil {
			err = rep.Err()
		}
		if len(rep.Copied) > 0 || err != nil {
			p.acted(ctx, a, "copy", "", err, map[string]string{"place": place, "copied": strconv.Itoa(len(rep.Copied)), "bytes": strconv.FormatInt(rep.Bytes, 10)})
		}
		if perr := p.copiedTo(&doc, rep, err); perr != nil {
			return perr
		}
		if ctx.Err() != nil && err != nil {
			return err
		}
		all.ended(err)
	}
	return all.end(doc)
}

// copiedTo says what became of the copies in one place.
func (p *program) copiedTo(doc *copyDoc, rep backup.CopyReport, err error) error {
	doc.Places = append(doc.Places, copiedTo{rep, recordOf(err)})
	if p.json {
		return nil
	}
	sign := p.out.Green(p.out.Sign("✓", "ok:"))
	if err != nil {
		sign = p.out.Red(p.out.Sign("✗", "failed:"))
	}
	return p.printf("%s %s: %s copied (%s), %d there already, %d failed\n", sign, term.Clean(rep.Place), term.Plural(len(rep.Copied), "backup"), term.Bytes(rep.Bytes), rep.There, len(rep.Failed))
}

// copyNew copies a backup that was just made to its second locations. It never fails the backup: what is not copied now is copied later.
func (p *program) copyNew(ctx context.Context, a *app.App, b backup.Backup) {
	places, err := a.Service.CopiesOf(ctx, b.SourceName())
	if err != nil {
		p.complain(err)
	}
	for _, place := range places {
		if _, err := p.copyTo(ctx, a, b.ID, place.Name); err != nil {
			p.complain(err)
			p.note("%s the backup is safe, but not yet in its second location; cofre copy tries again", p.screen.Yellow("warning:"))
			continue
		}
		p.note("copied to %s", term.Clean(place.Where))
	}
}

// openWith is open for a command that reads one backup: where the first place does not answer, or does not have it, the nearest second location
// that has it takes its place, and that is said.
func (p *program) openWith(ctx context.Context, ref string) (*app.App, error) {
	a, err := p.open(ctx)
	first := err
	if err == nil {
		if _, first = a.Service.Info(ctx, ref); first == nil || !elsewhere(first) {
			return a, nil
		}
	} else if !elsewhere(err) {
		return nil, err
	}
	c, cerr := p.config(ctx)
	if cerr != nil {
		return a, cmp.Or(err, cerr)
	}
	names, at := c.CopyNames(), func(name string) (app.Config, error) { return c.At(name) }
	if a != nil { // which knows those that are kept there, too
		places, _ := a.Service.Places(ctx)
		names, at = nil, func(name string) (app.Config, error) { return a.At(ctx, name) }
		for _, place := range places {
			names = append(names, place.Name)
		}
	}
	for _, name := range names {
		at, err := at(name)
		if err != nil {
			continue
		}
		second, err := app.Open(ctx, at, app.Options{Log: p.log})
		if err != nil {
			continue
		}
		if _, err = second.Service.Info(ctx, ref); err == nil {
			p.note("%s %s; taking the copy in %s", p.screen.Yellow("warning:"), term.Clean(fault.From(first).Message), term.Clean(name))
			return second, nil
		}
	}
	return a, err
}

// elsewhere reports whether a backup may be had in a second location although the first failed like that.
func elsewhere(err error) bool {
	for _, reason := range []fault.Reason{fault.NotFound, fault.StorageUnreachable, fault.StorageFailed, fault.BucketMissing, fault.AccessDenied, fault.CredentialsWrong, fault.CredentialsExpired, fault.StructureDamaged, storage.Archived} {
		if fault.HasReason(err, reason) {
			return true
		}
	}
	return false
}
