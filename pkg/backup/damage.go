package backup

import "context"

// sayDamage warns, behind a backup, of those that are damaged: whoever makes one every night may never run doctor. The store says
// by itself what is unsafe about its place.
func (s *Service) sayDamage(ctx context.Context) {
	v, err := s.Registry.Read(ctx)
	if err != nil {
		return // what follows a backup is no failure of it
	}
	damaged := v.Count().Damaged
	if damaged > 0 {
		s.Log.Warn("there are damaged backups", "number", damaged, "hint", "cofre list --damaged")
	}
}
