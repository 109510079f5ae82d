package backup

import (
	"context"

	"cofre/pkg/registry"
)

// Fates opens what becomes of the backups to tests.
func Fates(s *Service, x *registry.Index) map[string]Fate {
	all, err := s.fates(context.Background(), x.View(), "")
	if err != nil {
		panic(err)
	}
	return all
}
