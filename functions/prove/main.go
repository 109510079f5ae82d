// Prove is the Lambda function that has backups proven, on request and by schedule, and ends the records of proofs whose container died. The
// container with a PostgreSQL server in it restores and compares.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"proveBackup"},
		Actions:    map[string]entry.Action{"settle": entry.SettleProof},
		Scheduled:  entry.Prove,
	})
}
