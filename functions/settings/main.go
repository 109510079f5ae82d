// Settings is the Lambda function that shows and changes the settings.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getSettings", "putSettings"},
	})
}
