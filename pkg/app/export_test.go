package app

import (
	"cofre/pkg/backup"
	"cofre/pkg/scratch"
)

// ProofDatabase is the database of a proof at a target.
func ProofDatabase(s backup.Scratch) string { return s.(*scratchTarget).to.Database() }

// SuperURL is a connection string of a private server's superuser for its database.
func SuperURL(s backup.Scratch) string {
	server := s.(*scratchServer).server
	return server.SocketURL(scratch.Superuser, server.Password, proofDatabase)
}
