package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/api/contract"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
)

const channelLong = `Channels notify people: when backups fail, are overdue or damaged, and when all is well again. They are
defined in the file that BACKUP_CONFIG names, or kept beside the backups (cofre channel add).`

func (p *program) channelCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "channel", Short: "Manage notification channels", Long: channelLong,
		Example: "  cofre channel list\n  cofre channel test team",
		Args:    func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(p.channelListCommand(), p.channelAddCommand(), p.channelSetCommand(), p.channelTestCommand(), p.channelRemoveCommand())
	for _, sub := range c.Commands() {
		sub.DisableFlagsInUseLine = true
	}
	return c
}

func (p *program) channelListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List channels, and whether their receivers answer",
		Long: `Lists the channels: which events each gets, how many were sent, what is waiting, and why it could not be
sent. Addresses are secrets and are not shown.`,
		Example: `  cofre channel list
  cofre channel list --json | jq -r '.channels[] | select(.failures > 0) | .name'`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.channelList(cmd.Context()) },
	}
}

func (p *program) channelList(ctx context.Context) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	all, err := a.Channels(ctx)
	if err != nil {
		return err
	}
	return p.print(map[string]any{"channels": all}, func() error { return p.channelTable(all) })
}

func (p *program) channelTable(all []contract.Channel) error {
	if len(all) == 0 {
		p.note("No channel yet. Make one with: cofre channel add, or name it under channels in cofre.yaml.")
		return nil
	}
	t := &term.Table{Columns: []term.Column{
		{Title: "CHANNEL", Shrink: 10}, {Title: "KIND"}, {Title: "FROM"}, {Title: "EVENTS", Shrink: 12, Drop: 3}, {Title: "SENT", Right: true, Drop: 2}, {Title: "WAITING", Right: true, Drop: 1}, {Title: "LAST", Drop: 4}, {Title: "TROUBLE", Shrink: 20},
	}}
	for _, c := range all {
		events, last, trouble := "all", "-", ""
		if len(c.Events) > 0 {
			events = strings.Join(c.Events, ", ")
		}
		if !c.LastSent.IsZero() {
			last = term.Time(c.LastSent)
		}
		if c.Trouble != "" {
			trouble = c.Trouble
		} else if c.LastError != "" {
			trouble = c.LastError
			if c.Failures > 0 {
				trouble = fmt.Sprintf("%s in a row: %s", term.Plural(c.Failures, "failure"), c.LastError)
			}
		}
		t.Add(term.Cell{Text: c.Name}, term.Cell{Text: c.Kind}, term.Cell{Text: string(c.Severity)}, term.Cell{Text: events}, term.Cell{Text: fmt.Sprint(c.Sent)}, term.Cell{Text: fmt.Sprint(c.Waiting)},
			term.Cell{Text: last}, term.Cell{Text: trouble, Paint: p.out.Red})
	}
	return t.Write(p.stdout, p.out)
}

func (p *program) channelTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test NAME", Short: "Send a test message",
		Long: `Sends a test message over a channel now, and says what its receiver answered. Exit code 5 when it cannot be
reached.`,
		Example: `  cofre channel test team`,
		Args:    arguments(1, 1, "a channel's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error { return p.channelTest(cmd.Context(), args[0]) },
	}
}

func (p *program) channelTest(ctx context.Context, name string) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	answer, err := a.TestChannel(ctx, name, actor())
	p.acted(ctx, a, "channel_test", "", err, map[string]string{"channel": name})
	if err != nil {
		return err
	}
	return p.print(map[string]any{"channel": name, "answer": answer}, func() error {
		return p.printf("%s %s: %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(name), term.Clean(answer))
	})
}

// tellTime bounds what a command does at its end for the people that are to be told: what is left waits in the bucket.
const tellTime = 10 * time.Second

// tellPeople tells people of what this command did, watchers of jobs and channels at the same time. It changes nothing about how the command ended, which
// failed says: what stands there is not said again.
func (p *program) tellPeople(ctx context.Context, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	defer cancel()
	var work sync.WaitGroup
	for _, a := range p.opened {
		work.Go(func() { a.WaitPings(ctx) })
		if !a.Outbox.Pending() {
			continue
		}
		work.Go(func() {
			switch err := a.TellPeople(ctx, false); {
			case err == nil:
			case failed != nil && fault.From(err).Error() == fault.From(failed).Error():
			case fault.HasCode(err, fault.Permission): // as a container on AWS, where a function tells
				p.log.Debug("others tell of this", "error", fault.From(err).Error())
			default:
				p.log.Warn("not everybody was told of this; the next cofre goes on with it", "error", fault.From(err).Error())
			}
		})
	}
	work.Wait()
}
