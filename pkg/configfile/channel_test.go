package configfile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/pkg/fault"
)

const channelsFile = `channels:
  - name: team
    kind: slack
    where: {env: TEAM_URL}
    events: [backup_failed, overdue]
    sources: ["shop-*"]
    severity: info
    language: pt-BR
    digest: weekly
  - name: hook
    kind: webhook
    where: {file: %s}
    key: {secret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:cofre/shop/channels/key-AbCdEf'}
    allowLocal: true
  - {name: bot, kind: telegram, where: {env: BOT}, chat: "-100123"}
  - {name: mail, kind: email, where: {env: MAIL}, from: cofre@example.com, to: [ana@example.com]}
  - {name: alerts, kind: sns, topic: 'arn:aws:sns:eu-west-1:123456789012:alerts.fifo'}
  - {name: bus, kind: eventbridge, bus: default}
`

// What a channel says, and where its secrets are read. Nothing that they hold is in an error.
func TestChannels(t *testing.T) {
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("https://example.com/hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Parse("cofre.yaml", []byte(strings.Replace(channelsFile, "%s", hook, 1)))
	if err != nil || len(f.Channels) != 6 || f.Channels[0].Digest != "weekly" || !slices.Equal(f.Channels[0].Events, []string{"backup_failed", "overdue"}) || !f.Channels[1].AllowLocal || f.Channels[1].Origin.Line != 10 || f.Channels[3].To[0] != "ana@example.com" || f.Channels[4].Destination() != "arn:aws:sns:eu-west-1:123456789012:alerts.fifo" || f.Channels[5].Destination() != "default" {
		t.Fatalf("%+v %v", f.Channels, err)
	}
	secret := func(_ context.Context, arn string) (string, error) { return "of " + arn[len(arn)-10:], nil }
	for i, want := range []string{"", "https://example.com/hidden"} {
		c := f.Channels[i]
		got, err := Address(t.Context(), c, c.Where, func(string) string { return "" }, secret)
		if got != want || (want == "") != fault.HasReason(err, fault.InvalidInput) || err != nil && !strings.Contains(err.Error(), "TEAM_URL") {
			t.Errorf("%s: %q %v", c.Name, got, err)
		}
	}
	if got, err := Address(t.Context(), f.Channels[1], f.Channels[1].Key, os.Getenv, secret); err != nil || got != "of key-AbCdEf" {
		t.Errorf("%q %v", got, err)
	}
	const hookOf = "channels:\n  - {name: a, kind: slack, where: {env: A}"
	for text, want := range map[string]string{
		"channels:\n  - {name: a, kind: slack}":                                                     `line 2: channel "a": slack needs where`,
		"channels:\n  - {name: a, kind: slack, where: 'https://hooks.slack.com/hidden'}":            "line 2: channels.0.where: want keys with values, not a text",
		"channels:\n  - {name: a, kind: slack, where: {env: 'https://hooks.slack.com/hidden'}}":     "want the name of a variable that holds it",
		"channels:\n  - {name: a, kind: slack, where: {file: 'https://u:hidden@hooks.slack.com/'}}": "line 2: channels.0.where.file: want the path of a file that holds it, and not what is in it",
		"sources:\n  - {name: a, connection: {file: 'postgresql://u:hidden@h/d'}}":                  "want the path of a file",
		"sources:\n  - {name: a, connection: {file: 'a:/b::://hidden'}}":                            "want the path of a file",
		"1: hidden":                `unknown key "1"`,
		"retention: {days: .nan}":  "line 1: retention.days: want a number, not a text",
		"retention: {days: -.Inf}": "retention.days: want a number, not a text",
		"channels:\n  - {name: a, kind: pager, where: {env: A}}":                                                    "want one of webhook, slack",
		hookOf + ", events: [backup_failled]}":                                                                      "channels.0.events.0: want one of backup_ended",
		hookOf + ", severty: info}":                                                                                 `did you mean "severity"?`,
		hookOf + ", key: {env: B}}":                                                                                 `line 2: channel "a": key is for webhook alone`,
		hookOf + ", chat: '-1'}":                                                                                    "chat is for telegram alone",
		hookOf + "}\n  - {name: A, kind: slack, where: {env: B}}":                                                   `line 3: the channel "A" stands in line 2 already`,
		"channels:\n  - {name: a, kind: sns, topic: 'arn:aws:sqs:eu-west-1:123456789012:alerts'}":                   "is no topic: want its ARN",
		"channels:\n  - {name: a, kind: sns, topic: 'arn:aws:sns:evil.example/:123456789012:alerts'}":               "is no topic: want its ARN",
		"channels:\n  - {name: a, kind: eventbridge, bus: 'a:b'}":                                                   "is no bus: want its ARN",
		"channels:\n  - {name: a, kind: sns}":                                                                       "sns needs a topic",
		"channels:\n  - {name: a, kind: eventbridge}":                                                               "eventbridge needs a bus",
		"channels:\n  - {name: a, kind: sns, where: {env: A}, topic: 'arn:aws:sns:eu-west-1:123456789012:alerts'}":  "where is not for sns and eventbridge",
		"channels:\n  - {name: a, kind: sns, allowLocal: true, topic: 'arn:aws:sns:eu-west-1:123456789012:alerts'}": "allowLocal is not for sns and eventbridge",
		hookOf + ", bus: default}":                                                                                  "bus is for eventbridge alone",
		hookOf + ", topic: 'arn:aws:sns:eu-west-1:123456789012:alerts'}":                                            "topic is for sns alone",
		"channels:\n  - {name: a, kind: telegram, where: {env: A}}":                                                 "telegram needs a chat",
		"channels:\n  - {name: a, kind: email, where: {env: A}, from: a@b.c}":                                       "email needs from and to",
		"channels:\n  - {name: a, kind: email, where: {env: A}, from: a@b.c, to: [\"b@b.c\\r\\nBcc: x@y\"]}":        "is no e-mail address",
		"channels:\n  - {name: a, kind: email, where: {env: A}, from: 'A <a@b.c>', to: [b@b.c]}":                    "is no e-mail address",
	} {
		if _, err := Parse("cofre.yaml", []byte(text)); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q:\n%v\nwant %s", text, err, want)
		}
	}
}

// What YAML takes for a date may be a name, and a path may hold a colon.
func TestTextsOfYAML(t *testing.T) {
	f, err := Parse("cofre.yaml", []byte("sources:\n  - &a {name: 2026-01-01, connection: {file: 'C:/a:b:/c:'}}\n  - {<<: *a, name: 2026-01-02T03:04:05Z}"))
	if err != nil || len(f.Sources) != 2 || f.Sources[0].Name != "2026-01-01" || f.Sources[1].Name != "2026-01-02T03:04:05Z" || f.Sources[1].Connection.File != "C:/a:b:/c:" {
		t.Errorf("%+v: %v", f.Sources, err)
	}
}
