package server

import (
	"context"
	"time"
)

// LookAgain makes a server look at its certificate's files at the next connection.
func LookAgain(s *Server) {
	s.tls.mu.Lock()
	defer s.tls.mu.Unlock()
	s.tls.looked = time.Time{}
}

// Connections is how many there are.
func Connections(s *Server) int { return s.crowd.count() }

// Prover makes scheduled proofs, one at each call; made is false where none is due.
func Prover(s *Server) (one func(context.Context) (made bool, err error)) {
	return newProver(s).one
}
