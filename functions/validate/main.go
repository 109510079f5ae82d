// Validate is the Lambda function that reads backups back to see whether they are good.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"validateBackup"},
	})
}
