// Audit is the Lambda function that shows the audit trail.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"listAudit"},
	})
}
