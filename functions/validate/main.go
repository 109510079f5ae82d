// Validate is the Lambda function that reads backups back to see whether they are good. It has no server to restore them into, and says so
// to whoever wants a proof.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"validateBackup", "proveBackup"},
	})
}
