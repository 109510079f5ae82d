package backup

import (
	"context"

	"cofre/pkg/registry"
	"cofre/pkg/retention"
)

// hold finds out what the keepers of the policies hold. Pages are read, from the newest on, until none that is older can hold anything more.
// What is in a page that is lost is not seen: others are held in its place then, and never fewer.
func (k *keeping) hold(ctx context.Context, from reader) error {
	if !k.policy.Holds() {
		return nil
	}
	verified := map[string]bool{}
	for _, f := range k.facts {
		for row, is := range f {
			verified[row] = verified[row] || is.Verified > 0
		}
	}
	reaches := map[string]*retention.Reach{}
	reach := func(r registry.Row) *retention.Reach {
		key := k.row(r).key
		if reaches[key] == nil {
			reaches[key] = retention.NewReach(k.now, k.policy.Of(r.Source).Keep)
		}
		return reaches[key]
	}
	for i := len(k.parts) - 1; i >= 0; i-- {
		dates := registry.DatesOf(k.parts[i].Backups)
		if p := k.parts[i].Page; p != nil && k.parts[i].Backups == nil {
			done, err := k.heldBefore(ctx, p, from, reach)
			if err == nil && !done {
				dates, err = from.Dates(ctx, p)
			}
			if err != nil && !registry.IsLostPage(err) {
				return err
			}
		}
		for _, d := range dates {
			list := d.Verified
			if !verified[k.row(d.Row).key] {
				list = d.Others
			}
			reach(d.Row).Add(list)
		}
	}
	k.held = map[string]map[int64][]retention.Reason{}
	for row, r := range reaches {
		k.held[row] = r.Held()
	}
	return nil
}

// heldBefore reports whether nothing in a page can be held by number or period.
func (k *keeping) heldBefore(ctx context.Context, p *registry.Page, from reader, reach func(registry.Row) *retention.Reach) (bool, error) {
	sources, _, err := from.Sources(ctx, p)
	for _, t := range sources {
		for _, r := range t.Rows {
			if r.Succeeded > 0 && !reach(r.Row(t.Source)).Done(p.To) {
				return false, err
			}
		}
	}
	return true, err
}
