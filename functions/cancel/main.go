// Cancel is the Lambda function that stops backups that are being made.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"cancelBackup"},
	})
}
