// Restore is the Lambda function that takes restores, shows them, cancels them and ends those whose container died. It reaches no
// database: the container restores.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"listRestoreTargets", "createRestore", "listRestores", "getRestoreStatus", "cancelRestore"},
		Actions:    map[string]entry.Action{"settle": entry.SettleRestore},
	})
}
