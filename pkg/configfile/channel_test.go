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
`

// What a channel says, and where its secrets are read. Nothing that they hold is in an error.
func TestChannels(t *testing.T) {
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("https://example.com/hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Parse("cofre.yaml", []byte(strings.Replace(channelsFile, "%s", hook, 1)))
	if err != nil || len(f.Channels) != 4 || f.Channels[0].Digest != "weekly" || !slices.Equal(f.Channels[0].Events, []string{"backup_failed", "overdue"}) || !f.Channels[1].AllowLocal || f.Channels[1].Line != 10 || f.Channels[3].To[0] != "ana@example.com" {
		t.Fatalf("%+v %v", f.Channels, err)
	}
	secret := func(_ context.Context, arn string) (string, error) { return "of " + arn[len(arn)-10:], nil }
	for i, want := range []string{"", "https://example.com/hidden"} {
		c := f.Channels[i]
		got, err := c.Read(t.Context(), c.Where, func(string) string { return "" }, secret)
		if got != want || (want == "") != fault.HasReason(err, fault.InvalidInput) || err != nil && !strings.Contains(err.Error(), "TEAM_URL") {
			t.Errorf("%s: %q %v", c.Name, got, err)
		}
	}
	if got, err := f.Channels[1].Read(t.Context(), f.Channels[1].Key, os.Getenv, secret); err != nil || got != "of key-AbCdEf" {
		t.Errorf("%q %v", got, err)
	}
	const hookOf = "channels:\n  - {name: a, kind: slack, where: {env: A}"
	for text, want := range map[string]string{
		"channels:\n  - {name: a, kind: slack}":                                                              `line 2: channels.0: the key "where" is missing`,
		"channels:\n  - {name: a, kind: slack, where: 'https://hooks.slack.com/hidden'}":                     "line 2: channels.0.where: want keys with values, not a text",
		"channels:\n  - {name: a, kind: slack, where: {env: 'https://hooks.slack.com/hidden'}}":              "want the name of a variable that holds it",
		"channels:\n  - {name: a, kind: pager, where: {env: A}}":                                             "value must be one of 'webhook', 'slack'",
		hookOf + ", events: [backup_failled]}":                                                               "channels.0.events.0: value must be one of 'backup_ended'",
		hookOf + ", severty: info}":                                                                          `did you mean "severity"?`,
		hookOf + ", key: {env: B}}":                                                                          `line 2: channel "a": key is for webhook alone`,
		hookOf + ", chat: '-1'}":                                                                             "chat is for telegram alone",
		hookOf + ", sources: ['a[']}":                                                                        "is no pattern",
		hookOf + "}\n  - {name: A, kind: slack, where: {env: B}}":                                            `line 3: the channel "A" stands in line 2 already`,
		"channels:\n  - {name: a, kind: telegram, where: {env: A}}":                                          "telegram needs a chat",
		"channels:\n  - {name: a, kind: email, where: {env: A}, from: a@b.c}":                                "email needs from and to",
		"channels:\n  - {name: a, kind: email, where: {env: A}, from: a@b.c, to: [\"b@b.c\\r\\nBcc: x@y\"]}": "is no e-mail address",
		"channels:\n  - {name: a, kind: email, where: {env: A}, from: 'A <a@b.c>', to: [b@b.c]}":             "is no e-mail address",
	} {
		if _, err := Parse("cofre.yaml", []byte(text)); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q:\n%v\nwant %s", text, err, want)
		}
	}
}
