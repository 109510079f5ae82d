// Prove is the Lambda function that has backups proven, on request and by schedule. It only starts the workflow: the container with a
// PostgreSQL server in it restores and compares.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"proveBackup"},
		Scheduled:  entry.Prove,
	})
}
