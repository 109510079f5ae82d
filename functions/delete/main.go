// Delete is the Lambda function that removes backups, and keeps them from being removed.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"deleteBackup", "pinBackup", "unpinBackup"},
	})
}
