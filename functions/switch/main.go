// Switch is the Lambda function that puts a restored database in the place of another, by their names. It reads connections of targets, and
// no backup.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"switchDatabases"},
	})
}
