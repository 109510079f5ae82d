package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/cli/term"
	"cofre/pkg/source"
)

const channelAddLong = `Adds a channel, kept in the backup directory beside the backups: every cofre that works on it uses the
channel, without a restart. Its address is prompted for, or read from standard input (first line; with --key
the second line is the key that signs messages): usually a URL; for telegram the token of a bot; for email a
URL that begins with smtps:// and holds the login. It is stored encrypted to BACKUP_SERVER_KEY. Without that
key, use --env or --secret to say where it is found. It must not lead to this machine or its link-local
network. An SNS topic (--topic) and an EventBridge bus (--bus) on AWS have no address: they are reached with
the credentials that cofre runs with, and must be named in BACKUP_CHANNEL_ARNS or cofre.yaml.`

const channelAddExamples = `  cofre channel add team --kind slack <slack-url.txt
  cofre channel add on-call --kind telegram --chat @alerts --severity critical
  cofre channel add mail --kind email --from cofre@example.com --to ana@example.com --env COFRE_SMTP_URL
  cofre channel add alerts --kind sns --topic arn:aws:sns:eu-west-1:123456789012:alerts`

const channelSetExamples = `  cofre channel set team --severity critical --digest daily
  cofre channel set team --address <new-url.txt`

// channelFlags are the options of channel add and set.
type channelFlags struct {
	set          channel.Settings
	where, key   given
	signed, anew bool
}

func (f *channelFlags) add(c *cobra.Command, changing bool) {
	o := c.Flags()
	if changing {
		o.BoolVar(&f.anew, "address", false, "read a new address from standard input, or ask for it")
	}
	o.StringVar(&f.set.Kind, "kind", "", "`KIND`: webhook, slack, discord, telegram, teams, ntfy, email, sns or eventbridge")
	o.StringSliceVar(&f.set.Events, "event", nil, "tell it of this `EVENT` only; may be repeated (default: everything)")
	o.StringSliceVar(&f.set.Sources, "source", nil, "only of this `SOURCE`, or of a pattern: shop-*; may be repeated")
	o.StringVar(&f.set.Severity, "severity", "", "the least `SEVERITY` that it is told: info, warning or critical (default: warning)")
	o.StringVar(&f.set.Language, "language", "", "`LANGUAGE` of its messages: en or pt-BR (default: BACKUP_LANGUAGE)")
	o.StringVar(&f.set.Digest, "digest", "", "a summary every `PERIOD` besides: daily or weekly")
	o.StringVar(&f.set.Chat, "chat", "", "of telegram: `ID` of the chat")
	o.StringVar(&f.set.From, "from", "", "of email: `ADDRESS` of the sender")
	o.StringSliceVar(&f.set.To, "to", nil, "of email: `ADDRESS` of somebody who is told; may be repeated")
	o.StringVar(&f.set.Topic, "topic", "", "of sns: `ARN` of the topic")
	o.StringVar(&f.set.Bus, "bus", "", "of eventbridge: `ARN` of the bus")
	o.StringVar(&f.where.env, "env", "", "its address is in the environment variable `COFRE_NAME`")
	o.StringVar(&f.where.secret, "secret", "", "its address is in the secret with this `ARN`")
	o.BoolVar(&f.signed, "key", false, "of webhook: read the key that signs messages behind the address")
	o.StringVar(&f.key.env, "key-env", "", "the key is in the environment variable `COFRE_NAME`")
	o.StringVar(&f.key.secret, "key-secret", "", "the key is in the secret with this `ARN`")
}

// secrets reads what is not named elsewhere.
func (f *channelFlags) secrets(ctx context.Context, p *program, address bool) (where, key source.Given, err error) {
	where, key = f.where.named(), f.key.named()
	var prompts []string
	var into []*source.Given
	if address && f.where.none() {
		prompts, into = append(prompts, "address of the channel"), append(into, &where)
	}
	if f.signed && f.key.none() {
		prompts, into = append(prompts, "key that signs messages"), append(into, &key)
	}
	if len(prompts) == 0 {
		return where, key, nil
	}
	got, err := p.secrets(ctx, prompts...)
	for i := range got {
		into[i].Value = got[i]
	}
	return where, key, err
}

func (p *program) channelAddCommand() *cobra.Command {
	var f channelFlags
	c := &cobra.Command{
		Use: "add NAME --kind KIND [options]", Short: "Add a channel, kept in the backup directory", Long: channelAddLong, Example: channelAddExamples,
		Args: arguments(1, 1, "a channel's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.set.Name = args[0]
			if err := source.CheckKeptName("channel", args[0]); err != nil { // before anybody is asked for a secret
				return err
			}
			where, key, err := f.secrets(cmd.Context(), p, !f.set.Published())
			if err != nil {
				return err
			}
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			return p.keepChannel(cmd.Context(), a, "channel_create", backup.ChannelChange{Settings: f.set, Where: where, Key: key})
		},
	}
	f.add(c, false)
	return c
}

func (p *program) channelSetCommand() *cobra.Command {
	var f channelFlags
	c := &cobra.Command{
		Use: "set NAME [options]", Short: "Change a channel that is kept in the backup directory",
		Long: `Changes the given options of a channel added by "cofre channel add" or in the web UI; everything else stays
as it is, its address too unless --address, --env or --secret replaces it. What is in cofre.yaml is changed
there. An empty value resets an option: --digest "".`,
		Example: channelSetExamples, Args: arguments(1, 1, "a channel's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error { return p.setChannel(cmd, args[0], &f) },
	}
	f.add(c, true)
	return c
}

func (p *program) setChannel(cmd *cobra.Command, name string, f *channelFlags) error {
	ctx := cmd.Context()
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	now, err := a.Service.Channel(ctx, name)
	if err != nil {
		return err
	}
	if err := now.Unread(); err != nil {
		return err
	}
	set := now.Settings
	for flag, put := range map[string]func(){
		"kind": func() { set.Kind = f.set.Kind }, "event": func() { set.Events = f.set.Events }, "source": func() { set.Sources = f.set.Sources }, "severity": func() { set.Severity = f.set.Severity },
		"language": func() { set.Language = f.set.Language }, "digest": func() { set.Digest = f.set.Digest }, "chat": func() { set.Chat = f.set.Chat }, "from": func() { set.From = f.set.From }, "to": func() { set.To = f.set.To },
		"topic": func() { set.Topic = f.set.Topic }, "bus": func() { set.Bus = f.set.Bus },
	} {
		if cmd.Flags().Changed(flag) {
			put()
		}
	}
	where, key, err := f.secrets(ctx, p, f.anew)
	if err != nil {
		return err
	}
	return p.keepChannel(ctx, a, "channel_change", backup.ChannelChange{Version: now.Version(), Settings: set, Where: where, Key: key})
}

// keepChannel makes or changes a channel, and records it.
func (p *program) keepChannel(ctx context.Context, a *app.App, action string, change backup.ChannelChange) error {
	ch, err := a.KeepChannel(ctx, change, actor())
	p.acted(ctx, a, action, "", err, map[string]string{"channel": change.Settings.Name})
	if err != nil {
		return err
	}
	return p.print(map[string]any{"channel": ch.Name, "version": ch.Version()}, func() error {
		return p.printf("%s channel %s is kept; try it: cofre channel test %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(ch.Name), source.Quote(ch.Name))
	})
}

func (p *program) channelRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Aliases: []string{"rm"}, Short: "Remove a channel",
		Long:    `Removes a channel from the backup directory. Messages still waiting for it are dropped.`,
		Example: `  cofre channel remove team`,
		Args:    arguments(1, 1, "a channel's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			waiting, err := a.RemoveChannel(cmd.Context(), args[0], actor())
			p.acted(cmd.Context(), a, "channel_remove", "", err, map[string]string{"channel": args[0]})
			if err != nil {
				return err
			}
			return p.print(map[string]any{"channel": args[0], "waiting": waiting}, func() error {
				left := ""
				if waiting > 0 {
					left = fmt.Sprintf("; it is not told of %s any more", term.Plural(waiting, "event"))
				}
				return p.printf("%s channel %s is removed%s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(args[0]), left)
			})
		},
	}
}
