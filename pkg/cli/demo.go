package cli

import (
	"os"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/demo"
	"cofre/pkg/registry"
)

const demoLong = `Tries everything on a throwaway PostgreSQL with a sample shop in it: backups, their validation, a restore,
the comparison of both databases table by table, a download through a presigned link, and the web UI. It
takes less than a minute, listens on this machine only, and leaves nothing behind.

The server's programs are searched for in COFRE_DEMO_POSTGRES, beside this program in a checkout, in
/usr/lib/postgresql and in PATH. When run as root, the server runs as user postgres, or nobody.`

const demoExamples = `  cofre demo
  cofre demo --keep              keep it running until Ctrl-C
  cofre demo --rows 5000000      a larger shop`

func (p *program) demoCommand() *cobra.Command {
	var o demo.Options
	c := &cobra.Command{
		Use: "demo [options]", Short: "Try everything on a sample database", Long: demoLong, Example: demoExamples,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			bar := p.bar("")
			o.Bars = bar.Mode()
			bar.Close()
			o.Environ, o.Screen, o.Log, o.Program = p.environ, p.screen, p.log, os.Args[0]
			o.Out, o.Look = p.stdout, p.out
			if p.json {
				o.Out, o.Look = p.screen, p.screen.Look
			}
			o.Table = func(backups []backup.Backup) error { return p.backupTable(backups, nil).Write(o.Out, o.Look) }
			r, err := demo.Run(cmd.Context(), o)
			if !p.json {
				return err
			}
			doc := struct {
				demo.Report
				Error *registry.Error `json:"error,omitempty"`
			}{r, recordOf(err)}
			if perr := p.print(doc, nil); perr != nil || err == nil {
				return perr
			}
			return told{err}
		},
	}
	c.Flags().BoolVar(&o.Keep, "keep", false, "keep everything running until Ctrl-C")
	c.Flags().IntVar(&o.Rows, "rows", demo.DefaultRows, "about how many `ROWS` the sample gets")
	return c
}
