// Command rclone is rclone with what "rclone serve s3" over a local directory needs, and nothing else: a tenth of the whole.
package main

import (
	_ "github.com/rclone/rclone/backend/local"
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/serve/s3"
)

func main() { cmd.Main() }
