// Contents is the Lambda function that says what backups contain, what changed between two, and what was noted while one was made.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getBackupContents", "diffBackups", "getBackupLog"},
	})
}
