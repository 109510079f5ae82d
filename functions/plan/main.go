// Plan is the Lambda function that says what a restore would do. It looks at the target, so it is the one function that reads connections
// of targets; it restores nothing.
package main

import "cofre/functions/internal/entry"

func main() {
	entry.Start(entry.Function{
		Operations: []string{"planRestore"},
	})
}
