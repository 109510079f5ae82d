// Create is the Lambda function that makes backups.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"createBackup", "listDatabases"},
		Actions: map[string]entry.Action{
			"reserve": entry.Reserve, "plan": entry.Choose, "run": entry.Run, "validate": entry.Validate, "finalize": entry.Finalize,
			"due": entry.StartDue,
		},
		Scheduled: entry.Backup,
	})
}
