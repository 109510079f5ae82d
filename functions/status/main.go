// Status is the Lambda function that tells how far a backup is.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getBackupStatus"},
	})
}
