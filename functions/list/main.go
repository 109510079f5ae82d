// List is the Lambda function that shows backups.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"listBackups", "getBackup", "getSession"},
	})
}
