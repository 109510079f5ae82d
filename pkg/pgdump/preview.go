package pgdump

import (
	"cmp"
	"context"
	"io"
	"slices"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// Preview is what a restore would do, and all that stands in its way. Nothing was touched to learn it.
type Preview struct {
	ClientVersion string // of the programs
	ServerVersion string // of the target
	Role          string // that would restore
	Database      string
	Exists        bool            // whether the database is there; one that is not would be created
	Locale        postgres.Locale // of the database that is there, or with Create of the one that would be made
	Content       string          // what is there: "3 tables, 1 function"; "" for nothing, no database, and with Create
	From          postgres.Locale // of the backup's database; only the encoding where no more is known
	// Makes says how many of each kind would be restored: "TABLE": 12, "TABLE DATA": 12. A script is not taken apart: nil.
	Makes   map[string]int
	Dropped []string // what depends on something that is replaced and would go with it (Cascade)
	LeftOut []LeftOut
	Remarks []string
	// Problems are why the restore would be refused, each with what to do; none when it can begin.
	Problems []error
	// Bytes is how much of the archive would be read, by its ranges; 0 where all of it is.
	Bytes int64
	// OneTransaction reports that it is all or nothing.
	OneTransaction bool
}

// Preview looks at the target and at the beginning of a dump as Restore does, finds everything that Restore would refuse instead of
// the first, and ends there. Errors are of looking: the target does not answer, or the dump cannot be read.
//
// What the restoring role may not do can depend on whose the database is. Of one that is not there yet only that is tried which
// depends on the role alone; a remark says so.
func (c Client) Preview(ctx context.Context, o RestoreOptions, r io.Reader) (Preview, error) {
	out := Preview{ClientVersion: c.Version}
	in, err := c.begin(ctx, &o, r)
	if err != nil {
		return out, err
	}
	p := &plan{options: o, input: in, refused: &out.Problems}
	if err := p.make(ctx); err != nil {
		return out, err
	}
	out.ServerVersion, out.Role, out.Database, out.Exists = p.to.Version, p.to.Role, p.to.Name, p.to.Exists
	out.Locale, out.From, out.Content = p.to.Locale, in.origin.locale, p.to.Content
	if p.options.Create { // nobody looks into a database that is there already
		out.Locale = p.locale
	}
	if in.archive == nil {
		out.OneTransaction = true
		p.remark("an SQL script is not taken apart: which rights, roles and extensions it needs shows only when it is restored")
	} else if err := p.previewArchive(ctx, &out); err != nil {
		return out, err
	}
	if len(p.to.EventTriggers) > 0 && !o.Part.DataOnly {
		p.remark("event triggers of database %q run while it is restored, and may refuse what they see: %s", p.to.Name, listed(p.to.EventTriggers))
	}
	out.LeftOut, out.Remarks = p.leaver.out, p.remarks
	return out, nil
}

func (p *plan) previewArchive(ctx context.Context, out *Preview) error {
	o, h := p.options, p.input.archive.head
	out.Makes = contents(h, o)
	if o.Ranges != nil {
		if rows, all := o.Ranges.covers(h); all {
			out.Bytes = p.input.archive.size + rows
		}
	}
	out.OneTransaction = p.rows || p.oneTransaction(o)
	if p.options.Create && !p.to.Exists {
		if name := cmp.Or(p.locale.Name, p.locale.Collate); !slices.Contains(everywhere, name) {
			p.remark("whether the server has the locale %q turns out when the database is created: if not, nothing is made", name)
		}
		if err := p.refuse(p.tryElsewhere(ctx)); err != nil {
			return err
		}
	}
	if o.Clean && !p.rows {
		dropped, err := prepareClean(ctx, h, o)
		out.Dropped = obstacleNames(dropped)
		return p.refuse(err)
	}
	return nil
}

// everywhere are the locales that every server has.
var everywhere = []string{"", "C", "POSIX"}

// tryElsewhere asks the server, from another database, for what the restoring role may not do in the one to create. What depends on the
// database itself cannot be asked there.
func (p *plan) tryElsewhere(ctx context.Context) error {
	o := p.options
	o.Target = p.to.Looked()
	h := *p.input.archive.head
	whole := len(h.Entries)
	h.Entries = slices.DeleteFunc(slices.Clone(h.Entries), func(e archive.Entry) bool {
		return slices.ContainsFunc(trialsOf(&e, o), func(t trial) bool { return t.local })
	})
	if len(h.Entries) < whole {
		p.remark("what takes rights in the database itself, such as extensions, is tried when it has been created, before anything is restored")
	}
	tried := leaver{head: &h}
	err := tried.forbidden(ctx, o)
	p.leaver.out = append(p.leaver.out, tried.out...)
	return err
}

// begin checks what can be checked without the target, and reads the beginning of a dump.
func (c Client) begin(ctx context.Context, o *RestoreOptions, r io.Reader) (*input, error) {
	if o.Format == "" {
		o.Format = Custom
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := c.checkClient(*o); err != nil {
		return nil, err
	}
	if o.TransactionSize > 0 {
		o.Transaction = Several
	}
	in, err := openInput(ctx, o.Format, r)
	if err != nil || o.Ranges == nil || in.archive == nil {
		return in, err
	}
	if o.Ranges.HeadLength > 0 && in.archive.size != o.Ranges.HeadLength {
		return nil, fault.New(fault.Validation, fault.StructureDamaged, "Validate the backup, and look for an older one that validates.",
			"the archive's table of contents has %d bytes, and %d when it was stored", in.archive.size, o.Ranges.HeadLength)
	}
	o.Ranges = o.Ranges.Resolved(in.archive.head)
	return in, nil
}
