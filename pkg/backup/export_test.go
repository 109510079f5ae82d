package backup

import "cofre/pkg/registry"

// Fates opens what becomes of the backups to tests.
func Fates(s *Service, x *registry.Index) map[string]Fate { return s.fates(x) }
