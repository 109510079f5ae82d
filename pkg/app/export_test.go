package app

import "cofre/pkg/backup"

// ProofDatabase is the database of a proof at a target.
func ProofDatabase(s backup.Scratch) string { return s.(*scratchTarget).to.Database() }

// SuperURL is a connection string of a private server's superuser for its database.
func SuperURL(s backup.Scratch) string {
	server := s.(*scratchServer).server
	return server.SocketURL(server.Superuser, server.Password, proofDatabase)
}
