// Health is the Lambda function that tells whether the service can work.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getHealth"},
		OnlyTells:  true,
	})
}
