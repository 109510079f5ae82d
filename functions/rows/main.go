// Rows is the Lambda function that shows rows of tables out of backups.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getBackupRows"},
	})
}
