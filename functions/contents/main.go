// Contents is the Lambda function that says what backups contain, and what changed between two.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getBackupContents", "diffBackups"},
	})
}
