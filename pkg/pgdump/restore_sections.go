package pgdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cofre/pkg/archive"
)

func itoa(n int) string { return strconv.Itoa(n) }

// restoreSections restores in steps: definitions, data, indexes and keys, and then what pg_restore itself does last: grants, since
// they may take from an owner what the steps before need, and what needs grants. All but the data need only the
// archive's head, which pg_restore gets as a file in memory, so that it can work in several sessions, which it cannot
// with an archive that flows by. The data flows by once, or in several streams when there are Ranges.
func (c Client) restoreSections(ctx context.Context, o RestoreOptions, a *archiveInput, p *plan, report *RestoreReport) error {
	report.Method = fmt.Sprintf("pg_restore --jobs=%d", o.Jobs)
	o.Transaction, o.Verbose = Several, serialize(o.Verbose)
	step := func(section string, jobs int, keep func(*archive.Entry) bool) error {
		head := *a.head
		head.Entries = slices.DeleteFunc(slices.Clone(head.Entries), func(e archive.Entry) bool {
			return (comesLast(&e) != (section == "") || !keep(&e)) && !slices.Contains(settingEntries, e.Desc)
		})
		file, err := memoryFile("head", head.Reader())
		if err != nil {
			return err
		}
		args := o.archiveArgs()
		if section != "" {
			args = append(args, "--section="+section)
		}
		if jobs > 1 {
			args = append(args, "--jobs="+itoa(jobs))
		}
		args, keepsGoing := c.direct(o, p, args, jobs > 1)
		run, err := c.newRun(o, "pg_restore", append(args, "/dev/fd/3"), file)
		if err != nil {
			return err
		}
		run.keepsGoing = keepsGoing
		report.Unchanged = false
		err = run.execute(ctx, nil, holdBack{})
		report.add(run)
		report.Failed = append(report.Failed, describeFailed(a.head, run.failed)...)
		return err
	}
	if !o.Part.DataOnly {
		if err := step("pre-data", 1, everything); err != nil {
			return report.outcome(err)
		}
	}
	// From here on what fails takes nothing else along: the rest is worth having.
	o.KeepGoing = true
	if !o.Part.SchemaOnly {
		report.Unchanged = false
		if err := c.loadData(ctx, o, a, p, report); err != nil {
			return report.outcome(err)
		}
	}
	if o.Part.DataOnly {
		return nil
	}
	for _, section := range []string{"post-data", ""} {
		if section == "" && !slices.ContainsFunc(a.head.Entries, func(e archive.Entry) bool { return comesLast(&e) }) {
			break
		}
		before := len(report.Failed)
		if err := step(section, o.Jobs, everything); err != nil {
			return report.outcome(err)
		}
		if err := c.againAlone(report, o, before, func(keep func(*archive.Entry) bool) error { return step(section, 1, keep) }); err != nil {
			return report.outcome(err)
		}
	}
	return nil
}

func everything(*archive.Entry) bool { return true }

// comesLast reports whether pg_restore restores an entry behind all others (_tocEntryRestorePass in pg_backup_archiver.c).
func comesLast(e *archive.Entry) bool {
	switch e.Desc {
	case "ACL", "ACL LANGUAGE", "DEFAULT ACL", "EVENT TRIGGER", "MATERIALIZED VIEW DATA":
		return true
	}
	return e.Desc == "COMMENT" && strings.HasPrefix(e.Tag, "EVENT TRIGGER ")
}

// loadData restores the section with the data in one stream, or in several.
func (c Client) loadData(ctx context.Context, o RestoreOptions, a *archiveInput, p *plan, report *RestoreReport) error {
	if o.Ranges == nil {
		return c.loadStream(ctx, o, a.reader(), p, report)
	}
	head := *a.head
	head.Length = a.size // the index counts from the archive as it is stored
	layouts, err := archive.Split(&head, o.Ranges.Index, o.Jobs)
	if err != nil {
		return err
	}
	if err := c.loadLayouts(ctx, o, layouts, p, report); err != nil {
		return err
	}
	return c.again(ctx, o, a, p, report)
}

// loadLayouts loads several smaller archives at the same time.
func (c Client) loadLayouts(ctx context.Context, o RestoreOptions, layouts []*archive.Layout, p *plan, report *RestoreReport) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	reports := make([]RestoreReport, len(layouts))
	for i, layout := range layouts {
		reports[i].Done = map[string]int{}
		wg.Go(func() {
			if err := c.loadLayout(ctx, o, layout, p, &reports[i]); err != nil {
				cancel(err) // the first one stops the others and is the result
			}
		})
	}
	wg.Wait()
	for _, part := range reports {
		report.merge(part)
	}
	return context.Cause(ctx)
}

// loadLayout loads one smaller archive, read from storage by ranges.
func (c Client) loadLayout(ctx context.Context, o RestoreOptions, layout *archive.Layout, p *plan, report *RestoreReport) error {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := archive.WriteSelection(ctx, w, layout, o.Ranges.Open)
		w.CloseWithError(err)
		wrote <- err
	}()
	err := c.loadStream(ctx, o, r, p, report)
	_ = r.Close()
	// pg_restore may be content with bytes whose checksum, known only behind the last of them, is wrong.
	if werr := <-wrote; err == nil && !errors.Is(werr, io.ErrClosedPipe) {
		err = werr
	}
	return err
}

// merge adds the counts of a part of the work.
func (report *RestoreReport) merge(part RestoreReport) {
	report.Bytes += part.Bytes
	for kind, n := range part.Done {
		report.Done[kind] += n
	}
	report.Stderr += "\n" + part.Stderr
	report.Failed = append(report.Failed, part.Failed...)
}

func (c Client) loadStream(ctx context.Context, o RestoreOptions, r io.Reader, p *plan, report *RestoreReport) error {
	o.Clean = false // that was the first step's
	args, keepsGoing := c.direct(o, p, append(o.archiveArgs(), "--section=data"), false)
	run, err := c.newRun(o, "pg_restore", args)
	if err != nil {
		return err
	}
	run.keepsGoing = keepsGoing
	err = run.execute(ctx, r, holdBack{})
	report.add(run)
	report.Failed = append(report.Failed, describeFailed(p.input.archive.head, run.failed)...)
	return err
}

// settingEntries are what every stream needs to understand its data.
var settingEntries = []string{"ENCODING", "STDSTRINGS", "SEARCHPATH"}
