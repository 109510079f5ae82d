// Delete is the Lambda function that removes backups.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"deleteBackup"},
	})
}
