package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build says what program this is.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (p *program) build() build {
	b := build{Version: p.version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.Version = cmp.Or(b.Version, info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	b.Version = cmp.Or(b.Version, "(unknown)")
	return b
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Long: "Prints the version of cofre, and what it was built with.",
		Example: "  cofre version", Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			b := p.build()
			return p.print(b, func() error {
				commit := ""
				if b.Commit != "" {
					commit = " (" + b.Commit[:min(12, len(b.Commit))] + ")"
				}
				return p.printf("cofre %s%s, %s, %s\n", b.Version, commit, b.Go, b.Platform)
			})
		},
	}
}
