// Metrics is the Lambda function that shows figures about the backups.
package main

import (
	"cofre/functions/internal/entry"
	"cofre/pkg/publish"
)

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getMetricsSummary"},
		Scheduled:  entry.Measure,
		Publisher:  new(publish.AWS),
	})
}
