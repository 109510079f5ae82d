// Command cofre backs PostgreSQL up to S3-compatible storage or a local directory, verifies and restores it.
package main

import (
	"os"

	"cofre/pkg/cli"
)

// version is set when it is built: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	os.Exit(cli.Main(version))
}
