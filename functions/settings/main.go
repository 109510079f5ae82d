// Settings is the Lambda function that shows and changes the settings, and shows who is told of what happens.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getSettings", "putSettings", "listChannels", "testChannel", "listEvents"},
	})
}
