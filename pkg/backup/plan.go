package backup

import (
	"context"
	"time"

	"cofre/pkg/registry"
)

// Plan is what a restore would do, and all that stands in its way. Nothing was touched to learn it.
type Plan struct {
	Backup Backup `json:"backup"`
	// Part says in words which part of the backup would be restored; "" for all of it.
	Part string `json:"part,omitempty"`
	Target
	// Read is how many stored bytes would be read.
	Read int64 `json:"read"`
	// Globals is what would be made of the server's roles and tablespaces first; nil where that was not asked for.
	Globals *GlobalsReport `json:"globals,omitempty"`
	// Last is the newest restore of this source whose time was taken; nil where none was.
	Last *Rehearsal `json:"last,omitempty"`
}

// Target is what a look at the place of a restore found.
type Target struct {
	Database string `json:"database"`
	Host     string `json:"host,omitempty"`
	Exists   bool   `json:"exists"`            // whether the database is there
	Content  string `json:"content,omitempty"` // what it holds: "3 tables, 1 function"
	Locale   string `json:"locale"`            // how it stores and sorts text, or would: "UTF8, libc C.UTF-8"
	From     string `json:"from,omitempty"`    // the same of the backup's database, as far as it is known
	Server   string `json:"server"`            // version: "18.1 (Debian 18.1-1)"
	Role     string `json:"role"`              // that would restore
	Tool     string `json:"tool"`              // pg_restore 18.1
	Jobs     int    `json:"jobs"`              // sessions at a time
	// OneTransaction reports that all of it would be restored, or nothing.
	OneTransaction bool `json:"oneTransaction"`
	// Makes says how many of each kind would be restored, in the words of pg_restore --list; nil of an SQL script.
	Makes map[string]int `json:"makes,omitempty"`
	// Dropped is what others have on what would be replaced, and would go with it (Cascade).
	Dropped  []string  `json:"dropped,omitempty"`
	LeftOut  []LeftOut `json:"leftOut,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	// Problems are why the restore would be refused; none when it can begin.
	Problems []*registry.Error `json:"problems,omitempty"`
	// Refused are the same as errors.
	Refused []error `json:"-"`
	// Bytes of the archive would be read by its parts; 0 where all of it would.
	Bytes int64 `json:"-"`
}

// Rehearsal is a restore that was made before.
type Rehearsal struct {
	ID         string    `json:"id"` // of the backup
	At         time.Time `json:"at"`
	Size       int64     `json:"size"`     // stored bytes of that backup
	DurationMS int64     `json:"duration"` // milliseconds
}

// Plan looks at a backup and at the database that it would be restored into, as Restore does before it touches anything, and ends
// there. What Restore would refuse is in the answer; an error means that one of them could not be looked at.
func (s *Service) Plan(ctx context.Context, ref string, req RestoreRequest) (Plan, error) {
	if req.URL == "" && req.Target == "" {
		return Plan{}, invalid("For example: cofre restore ID --plan --to postgresql://user@host:5432/database", "no database to restore into was given")
	}
	b, err := s.restorable(ctx, ref, req)
	if err != nil {
		return Plan{}, err
	}
	out := Plan{Backup: b, Part: req.Part.String(), Read: b.Size}
	proven, err := s.proveFirst(ctx, b)
	if err != nil {
		s.foundDamaged(ctx, b, err)
		return out, err
	}
	o := req.options(b)
	if req.Globals {
		if out.Globals, err = s.makeGlobals(ctx, b, o, true); err != nil {
			return out, err
		}
		o.Roles = out.Globals.Roles
	}
	if out.Target, err = s.Engine.Plan(ctx, o, s.restoreInput(ctx, b, proven, req.Part.Any(), nil)); err != nil {
		return out, err
	}
	if part := partRemark(b); part != "" {
		out.Warnings = append([]string{part}, out.Warnings...)
	}
	if out.Bytes > 0 {
		out.Read = out.Bytes
	}
	for _, err := range out.Refused {
		out.Problems = append(out.Problems, registry.ErrorOf(err))
	}
	out.Last, err = s.rehearsal(ctx, b)
	return out, err
}

// refuse adds a reason why the restore would be refused.
func (p *Plan) refuse(err error) {
	p.Refused, p.Problems = append(p.Refused, err), append(p.Problems, registry.ErrorOf(err))
}

// rehearsal finds the newest proof of a source's backups of the same kind.
func (s *Service) rehearsal(ctx context.Context, b Backup) (last *Rehearsal, err error) {
	row := b.Row()
	err = s.Registry.Reading(ctx, func(v *registry.View) error {
		for other, err := range v.Walk(ctx, func(p *registry.Page) bool { return withoutRow(p, row) }) {
			if err != nil {
				return err
			}
			if other.Row() != row {
				continue
			}
			for _, look := range other.Proofs() {
				if look.Proof != nil && look.Proof.Restore > 0 && (last == nil || look.At.After(last.At)) {
					last = &Rehearsal{other.ID, look.At, other.Size, look.Proof.Restore}
				}
			}
		}
		return nil
	})
	return last, err
}
