package app

import (
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/storage"
)

// ProofDatabase is the database of a proof at a target.
func ProofDatabase(s backup.Scratch) string { return s.(*scratchTarget).to.Database() }

// SuperURL is a connection string of a private server's superuser for its database.
func SuperURL(s backup.Scratch) string {
	server := s.(*scratchServer).server
	return server.SocketURL(server.Superuser, server.Password, proofDatabase)
}

// LookEvery sets how often the order of a proof is read again.
func (p *OrderedProof) LookEvery(every time.Duration) { p.every = every }

// Store is what the links of the order lead to.
func (p *OrderedProof) Store() storage.Store { return p.store }
