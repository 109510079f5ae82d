// Cleanup is the Lambda function that removes expired backups, and writes the gauges of the state of all.
package main

import (
	"cofre/functions/internal/entry"
	"cofre/pkg/publish"
)

func main() {
	entry.Start(entry.Function{
		Operations: []string{"cleanupBackups"},
		Scheduled:  entry.Cleanup,
		Publisher:  new(publish.AWS),
	})
}
