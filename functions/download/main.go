// Download is the Lambda function that gives links to download backups by.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"downloadBackup"},
	})
}
