package cli

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
)

// partOptions are the options for a part that do not stand in the request as they are.
type partOptions struct {
	list    bool
	plan    bool
	useList string
}

func (o *partOptions) flags(c *cobra.Command, part *backup.Part) {
	f := c.Flags()
	f.StringArrayVarP(&part.Tables, "table", "t", nil, "only tables, views and sequences that match `PATTERN`, with all that belongs to them; may be repeated")
	f.StringVar(&part.As, "as", "", "with one --table: its rows and definition under another `NAME` (schema.name), beside what is there")
	f.StringArrayVarP(&part.Schemas, "schema", "n", nil, "only schemas that match `PATTERN`, with all that is in them; may be repeated")
	f.StringArrayVarP(&part.ExcludeTables, "exclude-table", "T", nil, "no tables that match `PATTERN`; may be repeated")
	f.StringArrayVarP(&part.ExcludeSchemas, "exclude-schema", "N", nil, "no schemas that match `PATTERN`; may be repeated")
	f.BoolVar(&part.Strict, "strict-names", false, "patterns of what is left out have to match something, too")
	f.BoolVarP(&part.DataOnly, "data-only", "a", false, "only rows and values of sequences, into tables that are there and empty (--clean empties them)")
	f.BoolVarP(&part.SchemaOnly, "schema-only", "s", false, "only the schema")
	f.StringArrayVar(&part.Sections, "section", nil, "only this `SECTION`: pre-data, data or post-data; may be repeated")
	f.BoolVar(&part.WithDependencies, "with-dependencies", false, "also what the part needs and the database lacks: types, functions, schemas, tables of foreign keys")
	f.BoolVar(&o.plan, "plan", false, "restore nothing, and say what would be restored, and all that stands in the way")
	f.BoolVarP(&o.list, "list", "l", false, "restore nothing and print the list of what would be, as pg_restore does")
	f.StringVarP(&o.useList, "use-list", "L", "", "only what the lines of `FILE` name, which --list printed, in their order")
	c.MarkFlagsMutuallyExclusive("data-only", "schema-only", "section")
	c.MarkFlagsMutuallyExclusive("list", "to")
	c.MarkFlagsMutuallyExclusive("list", "plan")
	c.MarkFlagsMutuallyExclusive("list", "as")
	for _, option := range []string{"table", "as", "schema", "exclude-table", "exclude-schema"} {
		fixedValues(c, option) // names, and no files
	}
	fixedValues(c, "section", "pre-data", "data", "post-data")
}

// maxList bounds a list of entries, in bytes.
const maxList = 64 << 20

// fill reads the list.
func (o *partOptions) fill(part *backup.Part) error {
	if part.As != "" && len(part.Tables) != 1 {
		return usage("Say which: --table app.orders --as app.orders_rescued.", "--as is for one table, which --table names")
	}
	if o.useList == "" {
		return nil
	}
	data, err := namedfile.Read(o.useList, maxList)
	if err != nil {
		return usage("Print one with --list, and take lines out of it.", "the list cannot be read: %v", err)
	}
	if part.List = data; data == nil {
		part.List = []byte{}
	}
	return nil
}

// restoreList prints what a restore would do.
func (p *program) restoreList(cmd *cobra.Command, ref string, req backup.RestoreRequest) error {
	a, err := p.open(cmd.Context())
	if err != nil {
		return err
	}
	list, err := a.Service.RestoreList(cmd.Context(), ref, req)
	if err != nil {
		return err
	}
	list.Backup = located(a, list.Backup)
	return p.print(list, func() error {
		_, err := p.shown().Write(list.Text)
		return err
	})
}

// adaptationFlags are the options for what the target cannot take.
func adaptationFlags(f *pflag.FlagSet, a *backup.Adaptation) {
	f.StringToStringVar(&a.RoleMap, "role-map", nil, "give to another role what is one's, as `OLD=NEW`; may be repeated")
	f.Lookup("role-map").DefValue = ""
	f.BoolVar(&a.SkipMissingRoles, "skip-missing-roles", false, "leave out what is for roles that the target does not have")
	f.BoolVar(&a.SkipForbidden, "skip-forbidden", false, "leave out what the restoring role may not do")
	f.StringVar(&a.Role, "role", "", "restore as this `ROLE`, which the one of --to is a member of")
	for _, o := range backup.Omissions {
		f.VarPF(&omitFlag{a, o.Name}, "no-"+o.Name, "", o.Help).NoOptDefVal = "true"
	}
	f.IntVar(&a.TransactionSize, "transaction-size", 0, "commit after every `N` objects (default: one transaction, or as fits)")
	f.StringArrayVar(&a.SkipKinds, "skip", nil, "leave out a `KIND`, such as \"EVENT TRIGGER\", and what needs it; may be repeated")
}

// restored says how a restore ended: never as a whole one when something is missing.
func (p *program) restored(done backup.Restored, where string) error {
	took := term.Duration(time.Duration(done.DurationMS) * time.Millisecond)
	where = p.out.Bold(term.Clean(where))
	for _, gone := range done.Target.Dropped {
		p.note("%s %s", p.screen.Yellow("gone:"), term.Clean(gone))
	}
	for _, line := range leftOutLines(done.Target.LeftOut) {
		p.note("left out: %s", term.Clean(line))
	}
	if done.Target.Part != "" {
		return p.printf("%s %s of backup %s restored into %s in %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(done.Target.Part), done.Backup.ID, where, took)
	}
	if !done.Target.Partial() {
		return p.printf("%s backup %s restored into %s in %s\n", p.out.Green(p.out.Sign("✓", "ok:")), done.Backup.ID, where, took)
	}
	return p.printf("%s backup %s restored into %s in part, in %s: %d left out\n", p.out.Yellow(p.out.Sign("!", "in part:")), done.Backup.ID, where, took,
		len(done.Target.LeftOut))
}

// inPart lists what a restore could not do while it did the rest, and what is left to be done by hand.
func (p *program) inPart(done backup.Restored, err error) error {
	if !fault.HasReason(err, fault.RestoredInPart) {
		return err
	}
	if p.json {
		if perr := p.print(done, nil); perr != nil {
			return perr
		}
		return told{err}
	}
	for _, f := range done.Target.Failed {
		p.note("%s %s: %s", p.screen.Yellow("missing:"), term.Clean(f.Entry), term.Clean(f.Reason))
		for line := range strings.Lines(f.Statement) {
			p.note("  %s", term.Clean(strings.TrimRight(line, "\n")))
		}
	}
	return err
}

// omitFlag is --no-comments and the like.
type omitFlag struct {
	a    *backup.Adaptation
	name string
}

func (o *omitFlag) String() string { return "" }
func (o *omitFlag) Type() string   { return "bool" }

func (o *omitFlag) Set(value string) error {
	if o.a.Omit = slices.DeleteFunc(o.a.Omit, func(s string) bool { return s == o.name }); value != "false" {
		o.a.Omit = append(o.a.Omit, o.name)
	}
	return nil
}

// cleanFlag is --clean, --clean=cascade.
type cleanFlag struct{ req *backup.RestoreRequest }

func (c *cleanFlag) String() string { return "" }
func (c *cleanFlag) Type() string   { return "bool" } // --clean stands alone

func (c *cleanFlag) Set(value string) error {
	switch value {
	case "true", "false":
		c.req.Clean, c.req.Cascade = value != "false", false
	case "cascade":
		c.req.Clean, c.req.Cascade = true, true
	default:
		return errors.New("use --clean or --clean=cascade")
	}
	return nil
}
