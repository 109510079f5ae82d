package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	xterm "golang.org/x/term"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

const deleteLong = `Deletes a backup: its file and its records. Asks first on a terminal; for the only verified backup of a
source and kind, the source's name must be typed. --yes skips the prompt; without a terminal there is none.`

const deleteExamples = `  cofre delete 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre delete 01JH5W0R8ZB3M7K2Q4X9T6V1NA --yes`

func (p *program) deleteCommand() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use: "delete ID [options]", Aliases: []string{"rm"}, Short: "Delete a backup", Long: deleteLong, Example: deleteExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(anyBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.delete(cmd.Context(), args[0], yes) },
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (p *program) delete(ctx context.Context, ref string, yes bool) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	b, err := a.Service.Info(ctx, ref)
	if err != nil {
		p.acted(storage.Freeing(ctx), a, "delete", ref, err, nil)
		return err
	}
	if !yes && !p.json && p.asks() {
		if err := p.confirm(ctx, a.Service, b); err != nil {
			return err
		}
	}
	id, file := b.ID, b.Filepath
	b, err = a.Service.Delete(ctx, id, actor())
	p.acted(storage.Freeing(ctx), a, "delete", id, err, map[string]string{"file": file})
	if err != nil {
		return err
	}
	b = located(a, b)
	return p.print(b, func() error {
		return p.printf("%s backup %s removed%s\n", p.out.Green(p.out.Sign("✓", "ok:")), b.ID, freed(b.Size))
	})
}

func freed(n int64) string {
	if n == 0 {
		return ""
	}
	return ", " + term.Bytes(n) + " freed"
}

// asks tells whether somebody is there to answer.
func (p *program) asks() bool {
	return p.stdin != nil && xterm.IsTerminal(int(p.stdin.Fd())) && p.screen.Live
}

// confirm asks before a backup goes; nil means yes.
func (p *program) confirm(ctx context.Context, svc *backup.Service, b backup.Backup) error {
	last, err := svc.Last(ctx, b)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("backup %s of %s, %s, %s", b.ID, term.Clean(b.SourceName()), term.Time(b.CreatedAt), term.Bytes(b.Size))
	wanted, question := []string{"y", "yes"}, "Delete "+what+"? [y/N] "
	if last {
		wanted = []string{strings.ToLower(b.SourceName())}
		question = p.screen.Red("This is the only verified backup of "+term.Clean(backup.DescribeRow(b.Row()))+".") + "\nDelete " + what + "?\nType the source's name to delete it: "
	}
	answer, err := p.ask(ctx, question)
	if err != nil {
		return err
	}
	for _, w := range wanted {
		if w != "" && strings.ToLower(answer) == w {
			return nil
		}
	}
	return fault.New(fault.Canceled, "", "Nothing was deleted.", "the backup was not deleted: the answer was not %s", map[bool]string{true: "the source's name", false: "yes"}[last])
}

// ask puts a question and reads a line. Ctrl-C ends the waiting; the reader ends with the process.
func (p *program) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(p.screen, question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(p.stdin).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		fmt.Fprintln(p.screen)
		return "", context.Cause(ctx)
	}
}
