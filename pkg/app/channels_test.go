package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/pkg/app"
	"cofre/pkg/channel"
	"cofre/pkg/configfile"
	"cofre/pkg/event"
)

// The schema of the file knows each kind of event, of channel, severity and language that there is, and no other.
func TestChannelsOfTheSchema(t *testing.T) {
	type node struct {
		Properties map[string]*node
		Items      *node
		Enum       []string
	}
	var schema node
	if err := json.Unmarshal(configfile.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	texts := func(list any) (out []string) {
		data, _ := json.Marshal(list)
		json.Unmarshal(data, &out)
		return out
	}
	is := schema.Properties["channels"].Items.Properties
	for name, want := range map[string]any{"severity": event.Severities(), "language": event.Languages(), "digest": []string{event.Daily, event.Weekly},
		"kind": []string{channel.Webhook, channel.Slack, channel.Discord, channel.Telegram, channel.Teams, channel.Ntfy, channel.Email}} {
		if !slices.Equal(is[name].Enum, texts(want)) {
			t.Errorf("%s: %q, want %q", name, is[name].Enum, want)
		}
	}
	if got := is["events"].Items.Enum; !slices.Equal(got, texts(event.Kinds())) {
		t.Errorf("events: %q, want %q", got, event.Kinds())
	}
	docs, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range event.Kinds() {
		if !strings.Contains(string(docs), "`"+string(k)+"`") {
			t.Errorf("docs/operating.md does not say what %s is", k)
		}
	}
}

// Without channels nobody is told, and nothing is kept; a language that there is not is refused.
func TestNoChannels(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	c, err := app.Load([]string{"BACKUP_DIRECTORY=" + dir, "BACKUP_LANGUAGE=pt-BR"})
	if err != nil || c.Language != "pt-BR" {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), c, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Outbox != nil || a.Service.Events != nil || a.TellPeople(t.Context(), true) != nil {
		t.Error("somebody is told")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was written")
	}
	if _, err := a.TestChannel(t.Context(), "team", "ana"); err == nil {
		t.Error("a channel that is not there was told")
	}
	if _, err := app.Load([]string{"BACKUP_LANGUAGE=de"}); err == nil {
		t.Error("German is taken")
	}
}
