package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
)

// completeWithin bounds how long a shell waits for suggestions.
const completeWithin = 3 * time.Second

func anyBackup(backup.Backup) bool      { return true }
func storedBackup(b backup.Backup) bool { return b.Status == registry.Success }

// completeIDs suggests the ids of backups. Completion never complains: without a backup directory, or when
// storage is slow, there are no suggestions, and the shell goes on.
func (p *program) completeIDs(wanted func(backup.Backup) bool, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		files := cobra.ShellCompDirectiveNoFileComp
		if most < 0 { // files are arguments too
			files = cobra.ShellCompDirectiveDefault
		} else if len(args) >= most {
			return nil, files
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		p.log = slog.New(slog.DiscardHandler)
		a, err := p.open(ctx)
		if err != nil {
			return nil, files
		}
		page, err := a.Service.List(ctx, backup.ListOptions{Limit: maxCompletions})
		if err != nil {
			return nil, files
		}
		var out []cobra.Completion
		for _, b := range page.Backups {
			if wanted(b) {
				what := fmt.Sprintf("%s %s %s", term.Clean(b.Database), term.Time(b.CreatedAt), statusWord(b, term.Look{}).Text)
				out = append(out, cobra.CompletionWithDesc(b.ID, what))
			}
		}
		return out, files | cobra.ShellCompDirectiveKeepOrder
	}
}

// maxCompletions bounds what is suggested.
const maxCompletions = 1000

// fixedValues suggests an option's values.
func fixedValues(c *cobra.Command, option string, values ...string) {
	err := c.RegisterFlagCompletionFunc(option, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil { // no such option: a mistake in this package
		panic(err)
	}
}
