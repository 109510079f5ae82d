package backup

import (
	"context"

	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Difference is what changed between two backups.
type Difference struct {
	Before, After Backup
	*contents.Diff
}

// Diff says what became of one backup's contents on the way to another's. before "" is the newest successful backup of the same
// source, content and selection from before it. They are in the order that they are given in, whatever their ages.
func (s *Service) Diff(ctx context.Context, before, after string) (Difference, error) {
	var d Difference
	b, err := s.successful(ctx, after)
	if err != nil {
		return d, err
	}
	if before == "" {
		if before, err = s.previous(ctx, b); err != nil {
			return d, err
		}
	}
	var x, y *contents.Contents
	if d.Before, x, err = s.Contents(ctx, before); err != nil {
		return d, err
	}
	if d.After, y, err = s.Contents(ctx, b.ID); err != nil {
		return d, err
	}
	d.Diff = contents.Compare(x, y)
	return d, nil
}

// previous gives the id of the backup before one.
func (s *Service) previous(ctx context.Context, b Backup) (string, error) {
	row, id := b.Row(), ""
	err := s.Registry.Reading(ctx, func(v *registry.View) error {
		for p, err := range v.Walk(ctx, func(p *registry.Page) bool { return p.First >= b.ID || withoutRow(p, row) }) {
			if err != nil {
				return err
			}
			if p.ID < b.ID && p.Status == registry.Success && p.Row() == row {
				id = p.ID
				break
			}
		}
		return nil
	})
	if err != nil || id != "" {
		return id, err
	}
	return "", fault.New(fault.Validation, fault.NotFound, "Name another one to compare with. List the backups there are with: cofre list", "there is no backup of %s and of the same kind before %s", b.SourceName(), b.ID)
}
