package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/namedfile"
	"cofre/pkg/registry"
)

const createLong = `Backs up the database that DATABASE_URL names into BACKUP_DIRECTORY.

Rows are read over several connections at the same time, as of one moment, and are written to storage in one
pass, as one archive, without a temporary file. Small databases, SQL scripts, and anything else that cannot
be read this way, are written by a single pg_dump. Everything is verified on the way: that each step ended
well, the structure of the archive to its end, size and checksums of what was stored.
A failed backup leaves only its record (cofre info ID).

With --rows binary, tables whose columns all have types of a tested list are written in COPY's binary
format, all others as text: less work for the server, and a faster restore. pg_restore, cofre restore and
cofre rows read both. It needs PostgreSQL of the same or a newer major version to restore, and does not work
with pg_restore --file, whose script nothing could read.`

const createExamples = `  cofre create
  cofre create -o nightly -n shop-before-upgrade      files/nightly/shop-before-upgrade.dump
  cofre create --format plain --compression zstd      SQL for psql, as .sql.zst
  cofre create --rows binary --jobs 4
  cofre create --schema app --exclude-table 'app.log_*'
  cofre create --filter nightly.filter                what to include and exclude, as for pg_dump
  cofre create --all --parallel 4                     each source of BACKUP_CONFIG's file
  cofre create --label reason=upgrade --json | jq -r .filepath`

// createOptions are the options of create that do not stand in the request as they are.
type createOptions struct {
	filters                                 []string
	largeObjects, noLargeObjects            bool
	compress, schemaOnly, dataOnly, encrypt bool
	globals                                 bool
	labels                                  []string
	all                                     bool
	parallel                                int
}

func (p *program) createCommand() *cobra.Command {
	var req backup.Request
	var o createOptions
	c := &cobra.Command{
		Use: "create [options]", Short: "Create a backup", Long: createLong, Example: createExamples,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.fill(cmd, &req); err != nil {
				return err
			}
			if err := p.readFilters(o.filters, &req.Selection); err != nil {
				return err
			}
			if o.all {
				return p.createAll(cmd, req, o.parallel)
			}
			return p.create(cmd, req)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&req.Directory, "output", "o", "", "sub-`DIRECTORY` of the backup directory's files/, such as nightly")
	f.StringVarP(&req.Filename, "name", "n", "", "file `NAME` (default backup_<date>_<time>, in UTC)")
	f.BoolVarP(&o.compress, "compress", "c", false, "compress, also where BACKUP_ENABLE_COMPRESSION=false")
	f.BoolVar(&o.schemaOnly, "schema-only", false, "only the schema, no data")
	f.BoolVar(&o.dataOnly, "data-only", false, "only data, no schema")
	f.StringVar(&req.Format, "format", "", "`FORMAT`: custom (for pg_restore, the default) or plain (SQL, for psql)")
	f.StringVar(&req.Compression, "compression", "", "`KIND`: auto, none, gzip, zstd or lz4, optionally with a level: zstd:3")
	f.IntVarP(&req.Jobs, "jobs", "j", 0, "read rows over `N` connections at once (default BACKUP_JOBS, or by processors and free connections)")
	f.StringVar(&req.Rows, "rows", "", "write rows as `FORM`: text, or binary where the types of a table allow that (default BACKUP_ROWS, or text)")
	f.BoolVar(&o.encrypt, "encrypt", false, "encrypt with age to BACKUP_AGE_RECIPIENTS; --encrypt=false does not")
	f.BoolVar(&o.globals, "globals", false, "keep the server's roles, memberships, settings of roles and tablespaces with it (default: with encrypted backups, if they can be read); --globals=false does not")
	f.BoolVar(&req.GlobalsPasswords, "globals-passwords", false, "keep hashes of the roles' passwords, too; encrypted backups only")
	f.StringArrayVar((*[]string)(&req.Selection.Schemas), "schema", nil, "only schemas that match `PATTERN` (as pg_dump -n); may be repeated")
	f.StringArrayVar((*[]string)(&req.Selection.ExcludeSchemas), "exclude-schema", nil, "no schemas that match `PATTERN` (as pg_dump -N); may be repeated")
	f.StringArrayVarP((*[]string)(&req.Selection.Tables), "table", "t", nil, "only tables that match `PATTERN` (as pg_dump -t); may be repeated")
	f.StringArrayVar((*[]string)(&req.Selection.ExcludeTables), "exclude-table", nil, "no tables that match `PATTERN` (as pg_dump -T); may be repeated")
	f.StringArrayVar((*[]string)(&req.Selection.ExcludeTableData), "exclude-table-data", nil, "tables that match `PATTERN` without their rows; may be repeated")
	f.StringArrayVar((*[]string)(&req.Selection.Extensions), "extension", nil, "only extensions that match `PATTERN` (as pg_dump -e); may be repeated")
	f.StringArrayVar(&o.filters, "filter", nil, "include and exclude what `FILE` says, as pg_dump --filter; - reads standard input; may be repeated")
	f.BoolVar(&o.largeObjects, "large-objects", false, "large objects too, with --schema, --table or --extension (as pg_dump -b)")
	f.BoolVar(&o.noLargeObjects, "no-large-objects", false, "no large objects (as pg_dump -B)")
	f.BoolVar(&req.Selection.Statistics, "statistics", false, "the planner's statistics, too (pg_dump 18 or newer)")
	f.BoolVar(&req.Selection.RowSecurity, "enable-row-security", false, "only rows that row security shows to the role of DATABASE_URL")
	f.StringArrayVar((*[]string)(&req.Selection.ForeignData), "include-foreign-data", nil, "rows of foreign tables on foreign servers that match `PATTERN`; may be repeated")
	f.BoolVar(&req.Selection.WithDependencies, "with-dependencies", false, "with --schema or --table: also what those need elsewhere, types and tables of foreign keys")
	f.StringVar(&req.Database, "database", "", "back up database `NAME` on the same server instead")
	f.StringVar(&req.Source, "source", "", "`NAME` of what is backed up: a source of BACKUP_CONFIG's file, or a name for the database (default BACKUP_SOURCE, or the database's name)")
	f.BoolVar(&o.all, "all", false, "of each source that is not paused, several at a time: one that fails stops no other (exit code 10)")
	f.IntVar(&o.parallel, "parallel", 0, "with --all: `N` backups at the same time (default BACKUP_MAX_CONCURRENT)")
	f.StringArrayVar(&o.labels, "label", nil, "label `KEY=VALUE`, to find it later (cofre list --label); may be repeated")
	c.MarkFlagsMutuallyExclusive("schema-only", "data-only")
	for _, one := range []string{"source", "database", "name"} {
		c.MarkFlagsMutuallyExclusive("all", one)
	}
	c.MarkFlagsMutuallyExclusive("compress", "compression")
	c.MarkFlagsMutuallyExclusive("large-objects", "no-large-objects")
	fixedValues(c, "format", backup.FormatCustom, backup.FormatPlain)
	fixedValues(c, "rows", backup.RowsText, backup.RowsBinary)
	fixedValues(c, "compression", "auto", "none", "gzip", "zstd", "lz4")
	return c
}

// fill puts the options into the request.
func (o *createOptions) fill(cmd *cobra.Command, req *backup.Request) error {
	req.Trigger = "manual"
	if u, err := user.Current(); err == nil {
		req.CreatedBy = u.Username
	}
	switch {
	case o.schemaOnly:
		req.Content = backup.ContentSchema
	case o.dataOnly:
		req.Content = backup.ContentData
	}
	for name, given := range map[string]bool{"large-objects": o.largeObjects, "no-large-objects": !o.noLargeObjects} {
		if cmd.Flags().Changed(name) {
			req.Selection.LargeObjects = &given
		}
	}
	if o.compress {
		req.Compression = "auto"
	}
	if cmd.Flags().Changed("jobs") && req.Jobs == 0 {
		return usage("Give it a number from 1 on, or leave it out.", "0 jobs do nothing")
	}
	if cmd.Flags().Changed("parallel") && (!o.all || o.parallel < 1) {
		return usage("Use a number from 1 on, with --all.", "--parallel %d is for nothing here", o.parallel)
	}
	if cmd.Flags().Changed("encrypt") {
		req.Encrypt = &o.encrypt
	}
	if cmd.Flags().Changed("globals") {
		req.Globals = &o.globals
	}
	for _, l := range o.labels {
		k, v, ok := strings.Cut(l, "=")
		if !ok || k == "" {
			return usage("Write it as --label key=value.", "%.60q is not a label", l)
		}
		if req.Labels == nil {
			req.Labels = map[string]string{}
		}
		req.Labels[k] = v
	}
	for name, given := range map[string]string{"output": req.Directory, "name": req.Filename, "format": req.Format, "compression": req.Compression, "rows": req.Rows, "database": req.Database, "source": req.Source} {
		if cmd.Flags().Changed(name) && given == "" {
			return usage("Give it a value, or leave it out.", "the option --%s is empty", name)
		}
	}
	return nil
}

// readFilters reads filter files, of this side, into the selection.
func (p *program) readFilters(names []string, sel *registry.Selection) error {
	for i, name := range names {
		in, called := io.Reader(p.stdin), "standard input"
		switch {
		case name == "-" && slices.Contains(names[:i], name):
			return usage("Name it once.", "standard input can be read once")
		case name != "-":
			data, err := namedfile.Read(name, backup.MaxFilter)
			if err != nil {
				return usage("Give the path of a file, or - for standard input.", "the filter cannot be read: %s", err)
			}
			in, called = bytes.NewReader(data), name
		}
		if err := backup.AddFilter(sel, called, in); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) create(cmd *cobra.Command, req backup.Request) error {
	ctx := cmd.Context()
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	bar := p.bar(backup.PhaseConnecting)
	b, err := a.Service.Create(ctx, req, func(pr backup.Progress) { bar.Set(stateOf(pr)) })
	bar.Close()
	p.acted(ctx, a, "create", b.ID, err, nil)
	if err = p.made(cmd, a, b, err); err == nil {
		p.copyNew(cmd.Context(), a, b)
	}
	return err
}

// made tells how a backup ended.
func (p *program) made(cmd *cobra.Command, a *app.App, b backup.Backup, err error) error {
	b = located(a, b)
	if err != nil {
		return p.createFailed(cmd, b, err)
	}
	return p.print(b, func() error {
		if p.quiet {
			return p.printf("%s\n", b.ID)
		}
		if err := p.summary(b); err != nil {
			return err
		}
		if p.screen.Live { // not into the mails of cron
			p.note("%s", p.screen.Dim("verify: cofre validate "+b.ID+"    restore: cofre restore "+b.ID+" --to URL"))
		}
		return nil
	})
}

// createFailed tells the error together with the record that was kept of it.
func (p *program) createFailed(cmd *cobra.Command, b backup.Backup, err error) error {
	if cmd.Context().Err() != nil {
		err = stopped(cmd.Context(), err)
	}
	if b.ID == "" || b.Status != registry.Failed {
		return err
	}
	if p.json {
		if perr := p.print(failure{Error: recordOf(err), Backup: &b}, nil); perr != nil {
			return perr
		}
		return told{err}
	}
	p.complain(err)
	word := map[registry.Outcome]string{registry.Canceled: "canceled", registry.Interrupted: "interrupted"}[b.Ended()]
	p.note("%s", p.screen.Dim("  recorded as "+cmp.Or(word, "failed")+"; nothing was stored: cofre info "+b.ID))
	return silent{err}
}

// stateOf is the progress of a run as a bar shows it.
func stateOf(pr backup.Progress) term.State {
	st := term.State{Phase: pr.Phase, Done: pr.DumpBytes, Rate: pr.Rate, Percent: pr.Percent, Note: pr.LastNotice}
	if pr.Phase == backup.PhaseUploading { // pg_dump is done, its last bytes are on their way
		st.Done, st.Rate = pr.SentBytes, 0
	}
	return st
}

// located gives a backup with its full location.
func located(a *app.App, b backup.Backup) backup.Backup {
	if b.Filepath != "" {
		b.Filepath = a.Service.Location(b.Filepath)
	}
	return b
}

// summary prints what matters about a new backup.
func (p *program) summary(b backup.Backup) error {
	if err := p.printf("%s backup %s\n", p.out.Green(p.out.Sign("✓", "ok:")), p.out.Bold(b.ID)); err != nil {
		return err
	}
	var t term.Pairs
	if b.Source != b.Database {
		t.Add("source", b.Source)
	}
	t.Add("database", b.Database+" (PostgreSQL "+b.DatabaseVersion+")")
	if part := backup.DescribePart(b); part != "" {
		t.Add("holds", "a PART: "+part)
	}
	if more := backup.DescribeExtras(b); more != "" {
		t.Add("also", more)
	}
	t.Add("globals", globalsText(b))
	t.Add("file", b.Filepath)
	t.Add("size", sizeText(b))
	t.Add("sha-256", b.Checksum)
	t.Add("took", fmt.Sprintf("%s, %s", term.Duration(time.Duration(b.Duration)*time.Millisecond), cmp.Or(verifiedLong(b), "not verified")))
	return t.Write(p.stdout, p.out)
}
