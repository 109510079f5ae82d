// Prove is the Lambda function that has backups proven, on request and by schedule. It orders each proof, which the container with a PostgreSQL
// server in it makes without credentials, and records what came of it.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"proveBackup"},
		Actions:    map[string]entry.Action{"order": entry.OrderProof, "renew": entry.RenewProof, "settle": entry.SettleProof},
		Scheduled:  entry.Prove,
	})
}
