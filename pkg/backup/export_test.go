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

// HoldOverviews takes the turn of those who work out an overview, until release is called.
func HoldOverviews(s *Service) (release func()) {
	s.summing <- struct{}{}
	return func() { <-s.summing }
}

// SwitchedTo opens what the record of a restore says after a switch.
var SwitchedTo = switchedTo

// Believable opens what is taken of the result of a proof that was ordered to tests.
var Believable = believable

// AskServersAgain forgets what servers said of their databases.
func AskServersAgain(s *Service) {
	s.following.mu.Lock()
	defer s.following.mu.Unlock()
	s.following.said = nil
}
