package pgdump

import (
	"context"
	"fmt"
	"io"
	"slices"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/part"
	"cofre/pkg/postgres"
)

// choosePart takes out of the archive's head what is not to be restored, and holds the rest against what the target has: what it needs must
// be there or come along, and nothing may be in its place.
func (p *plan) choosePart(ctx context.Context) error {
	o, h := p.options, p.input.archive.head
	if !o.Part.Any() {
		return nil
	}
	chosen, err := part.Choose(h, o.Part)
	if err != nil {
		return err
	}
	chosen.Skip(func(e *archive.Entry) bool {
		return slices.ContainsFunc(o.SkipKinds, func(kind string) bool { return ofKind(e, kind) })
	}, skipped)
	there := postgres.NothingPresent
	if !o.Create {
		if there, err = postgres.Present(ctx, o.Target, chosen.Objects()); err != nil {
			return err
		}
	}
	if o.Part.As != nil {
		if chosen, err = p.rename(ctx, chosen, there); err != nil {
			return err
		}
		if there, err = postgres.Present(ctx, o.Target, chosen.Objects()); err != nil {
			return err
		}
	}
	settled := chosen.Settle(there, part.Into{Dependencies: o.WithDependencies, Replace: o.Clean, New: o.Create})
	p.remarks = append(p.remarks, chosen.Remarks...)
	for _, n := range chosen.LeftOut {
		p.leaver.note(n.Entry, n.Reason)
	}
	if err := p.refuse(p.refusePart(settled)); err != nil {
		return err
	}
	if len(settled.Added) > 0 {
		p.remark("what was chosen needs these, which are restored too: %s", listed(names(settled.Added)))
	}
	if len(settled.Kept) > 0 {
		p.remark("these are there already and stay as they are: %s", listed(names(settled.Kept)))
	}
	if p.to.Privileges && slices.ContainsFunc(settled.Head.Entries, func(e archive.Entry) bool { return e.Desc == "TABLE" || e.Desc == "SEQUENCE" }) {
		p.remark("role %q has default privileges in database %q: what is restored gets them, too, beside the backup's grants", p.to.Role, p.to.Name)
	}
	*h = *settled.Head
	if !o.Create {
		// Of the database as a whole nothing is restored: it is another one's by now.
		h.Entries = slices.DeleteFunc(h.Entries, func(e archive.Entry) bool { return e.Desc == "DATABASE PROPERTIES" || aboutDatabase(&e) })
	}
	return nil
}

// rename puts the table that was chosen under another name, which nothing may have.
func (p *plan) rename(ctx context.Context, chosen *part.Part, there part.Place) (*part.Part, error) {
	schema, err := chosen.NewSchema()
	if err != nil {
		return nil, err
	}
	taken, err := postgres.NamesIn(ctx, p.options.Target, schema)
	if err != nil {
		return nil, err
	}
	to := postgres.Table{Schema: schema, Name: p.options.Part.As.Name}
	if slices.Contains(taken, to.Name) {
		return nil, fault.New(fault.Validation, fault.AlreadyExists, "Choose another name, or drop or rename what has this one.", "in database %q there is already something named %s.%s; nothing was changed", p.to.Name, to.Schema, to.Name)
	}
	return chosen.As(there, taken)
}

func (p *plan) refusePart(s part.Settled) error {
	database := fmt.Sprintf("%q", p.to.Name)
	if p.options.Create {
		database = "a new database"
	}
	refuse := func(reason fault.Reason, hint, what string, args ...any) error {
		return fault.New(fault.Validation, reason, hint, what+"; nothing was changed", args...)
	}
	if len(s.Lacks) > 0 {
		var lacking []string
		possible := true
		for _, n := range s.Lacks {
			lacking = append(lacking, fmt.Sprintf("%s (for %s)", n.Object, n.By))
			possible = possible && n.Possible
		}
		hint := "Choose what it needs, too. Or let it be restored with --with-dependencies, or leave out what needs them: --skip \"FK CONSTRAINT\" leaves out foreign keys."
		if !possible {
			hint = "Create by hand what the backup does not hold or was told to leave out, or leave out what needs it: --skip \"FK CONSTRAINT\" leaves out foreign keys."
		}
		return refuse(fault.TargetLacks, hint, "what was chosen needs what %s lacks: %s", database, listed(lacking))
	}
	if len(s.InTheWay) > 0 {
		var found []string
		for _, m := range s.InTheWay {
			found = append(found, m.Found)
		}
		return refuse(fault.AlreadyExists, "Drop or rename it first. Or replace exactly these with --clean, fill tables that are empty with --data-only, or restore into a database beside this one: another name with --create.",
			"in database %s there is already what was chosen: %s", database, listed(found))
	}
	empty := !slices.ContainsFunc(s.Head.Entries, func(e archive.Entry) bool { return !slices.Contains(settingEntries, e.Desc) && e.Desc != "DATABASE" })
	if empty {
		return refuse(fault.NotFound, "See what the backup has with: cofre restore ID --list", "nothing of the backup is left to be restored")
	}
	return nil
}

func names(entries []*archive.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.String())
	}
	return out
}

// Resolved gives ranges with an index by dump ids.
func (r Ranges) Resolved(h *archive.Head) *Ranges {
	if len(r.Index) > 0 || len(r.Tables) == 0 {
		return &r
	}
	type name struct{ schema, tag string }
	places := map[name]archive.BlockInfo{}
	for _, b := range r.Tables {
		places[name{b.Schema, b.Tag}] = b
	}
	for i := range h.Entries {
		e := &h.Entries[i]
		if b, ok := places[name{e.Namespace, e.Tag}]; ok && e.HasData && e.Desc == "TABLE DATA" {
			b.DumpID = e.DumpID
			r.Index = append(r.Index, b)
		}
	}
	return &r
}

// covers reports whether the index has a place for all data of a head, and how many bytes that is.
func (r *Ranges) covers(h *archive.Head) (bytes int64, all bool) {
	lengths := make(map[int32]int64, len(r.Index))
	for _, b := range r.Index {
		lengths[b.DumpID] = b.Length
	}
	for i := range h.Entries {
		if e := &h.Entries[i]; e.HasData {
			n, known := lengths[e.DumpID]
			if !known {
				return 0, false
			}
			bytes += n
		}
	}
	return bytes, true
}

// openData settles where the data comes from, and answers what has to be closed when it was read: by ranges, what is restored alone;
// otherwise in one pass over the whole archive, which ends with the reader's own verdict.
func (p *plan) openData(ctx context.Context, o *RestoreOptions, report *RestoreReport) (io.Closer, error) {
	a := p.input.archive
	if o.Ranges == nil {
		if !o.Part.Any() {
			return io.NopCloser(nil), nil
		}
		return p.filter(ctx, a.rest), nil
	}
	bytes, all := o.Ranges.covers(a.head)
	switch {
	case all:
		if o.Reading != nil {
			o.Reading(a.size + bytes)
		}
	case o.Ranges.Whole == nil: // whoever reads by ranges says what is missing
	default:
		report.remark(o, "the backup does not say where all of its data lies: it is read from its beginning to its end")
		whole, err := o.Ranges.Whole(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, whole, a.size); err != nil {
			whole.Close()
			return nil, inputFault(err)
		}
		o.Ranges = nil
		return closers{p.filter(ctx, whole), whole}, nil
	}
	if o.Jobs > 1 {
		return io.NopCloser(nil), nil // each session gets its own
	}
	r, err := a.selected(ctx, o.Ranges)
	if err != nil {
		return nil, err
	}
	a.rest = r
	return r, nil
}

// filter gives the restore what is chosen of what follows the head.
func (p *plan) filter(ctx context.Context, rest io.Reader) io.Closer {
	a := p.input.archive
	p.inOrder()
	keep := map[int32]bool{}
	for i := range a.head.Entries {
		if e := &a.head.Entries[i]; e.HasData {
			keep[e.DumpID] = true
		}
	}
	head := *a.head
	head.Length = a.size
	r := flow(ctx, func(ctx context.Context, w io.Writer) error {
		return archive.FilterBlocks(ctx, w, rest, &head, func(id int32) bool { return keep[id] })
	})
	a.rest = r
	return r
}

// inOrder puts the entries with data into the order in which the data lies: what flows by cannot be gone back in.
func (p *plan) inOrder() {
	h := p.input.archive.head
	var places []int
	var data []archive.Entry
	for i := range h.Entries {
		if h.Entries[i].HasData {
			places, data = append(places, i), append(data, h.Entries[i])
		}
	}
	slices.SortStableFunc(data, func(a, b archive.Entry) int { return p.input.archive.order[a.DumpID] - p.input.archive.order[b.DumpID] })
	for i, at := range places {
		h.Entries[at] = data[i]
	}
}

// closers closes all.
type closers []io.Closer

func (c closers) Close() error {
	for _, each := range c {
		_ = each.Close()
	}
	return nil
}
