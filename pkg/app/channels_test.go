package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/configfile"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/publish"
	"cofre/pkg/source"
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
		"kind": []string{channel.Webhook, channel.Slack, channel.Discord, channel.Telegram, channel.Teams, channel.Ntfy, channel.Email, channel.SNS, channel.EventBridge}} {
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
	a.Outbox.Tell(event.Event{Kind: event.CleanupOdd})
	if a.TellPeople(t.Context(), true) != nil || a.Outbox.Pending() {
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

// A channel has cofre publish to what whoever runs it has named, and to nothing else: not one that is kept in the bucket, nor one of a file that lies there.
func TestTopicsAndBuses(t *testing.T) {
	s := testenv.Messaging(t)
	for _, line := range s.Env() {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	queue := s.NewQueue(t, "named")
	topic := s.NewTopic(t, "named", queue, "")
	other := s.NewTopic(t, "other", queue, "")
	dir := filepath.Join(t.TempDir(), "backups")
	open := func(more ...string) *app.App {
		t.Helper()
		c, err := app.Load(append([]string{"BACKUP_DIRECTORY=" + dir}, more...))
		if err != nil {
			t.Fatal(err)
		}
		a, err := app.Open(t.Context(), c, app.Options{Publisher: new(publish.AWS)})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	sns := func(topic string) channel.Settings {
		return channel.Settings{Name: "alerts", Kind: channel.SNS, Topic: topic, Severity: "info"}
	}
	a := open("BACKUP_CHANNEL_ARNS=," + topic)
	for _, set := range []channel.Settings{sns(other), {Name: "bus", Kind: channel.EventBridge, Bus: "default"}} {
		if _, err := a.KeepChannel(t.Context(), backup.ChannelChange{Settings: set}, "ana"); !fault.HasReason(err, fault.PlaceForbidden) {
			t.Errorf("%+v: %v", set, err)
		}
	}
	if _, err := a.KeepChannel(t.Context(), backup.ChannelChange{Settings: sns(topic), Where: source.Given{Connection: source.Connection{Env: "COFRE_X"}}}, "ana"); !fault.HasReason(err, fault.InvalidInput) {
		t.Errorf("with an address: %v", err)
	}
	// One that was another kind has no address any more, and one that becomes another needs one.
	slack := channel.Settings{Name: "alerts", Kind: channel.Slack}
	kept, err := a.KeepChannel(t.Context(), backup.ChannelChange{Settings: slack, Where: source.Given{Connection: source.Connection{Env: "COFRE_X"}}}, "ana")
	if err == nil {
		kept, err = a.KeepChannel(t.Context(), backup.ChannelChange{Version: kept.Version(), Settings: sns(topic)}, "ana")
	}
	if err != nil || kept.Trouble != nil || kept.Where.Env != "" {
		t.Fatalf("%+v: %v", kept, err)
	}
	if _, err := a.KeepChannel(t.Context(), backup.ChannelChange{Version: kept.Version(), Settings: slack}, "ana"); !fault.HasReason(err, fault.InvalidInput) {
		t.Errorf("slack without an address: %v", err)
	}
	queue.Receive(t)
	a.Outbox.Tell(event.Event{Kind: event.CleanupOdd, Detail: "eleven"})
	if err := a.TellPeople(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(queue.Receive(t), "\n"); !strings.Contains(got, "eleven") {
		t.Errorf("the topic was told %s", got)
	}
	// It is named no longer: nothing is published there.
	a = open()
	if ch, err := a.Service.Channel(t.Context(), "alerts"); err != nil || !fault.HasReason(ch.Trouble, fault.PlaceForbidden) {
		t.Errorf("%+v: %v", ch, err)
	}
	if _, err := a.TestChannel(t.Context(), "alerts", "ana"); err == nil || len(queue.Receive(t)) > 0 {
		t.Error("what is named no longer was told")
	}

	// A file of this machine names what it wants, one in S3 what is named beside it.
	text := "channels:\n  - {name: file, kind: sns, topic: '" + other + "'}\n"
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if answer, err := open("BACKUP_CONFIG="+file).TestChannel(t.Context(), "file", "ana"); err != nil || len(queue.Receive(t)) != 1 {
		t.Errorf("%q, %v", answer, err)
	}
	store := testenv.MinIO(t)
	for _, line := range store.Env() {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	bucket := store.NewBucket(t)
	if _, err := store.Client(t).PutObject(t.Context(), bucket, "config/cofre.yaml", strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	for arns, troubled := range map[string]bool{"": true, topic: true, other: false} {
		ch, err := open("BACKUP_CONFIG=s3://"+bucket+"/config/cofre.yaml", "BACKUP_SECRET_PREFIX=cofre/shop/", "BACKUP_CHANNEL_ARNS="+arns).Service.Channel(t.Context(), "file")
		if err != nil || fault.HasReason(ch.Trouble, fault.PlaceForbidden) != troubled || (ch.Trouble != nil) != troubled {
			t.Errorf("%q: %v, %v", arns, ch.Trouble, err)
		}
	}
	if _, err := app.Load([]string{"BACKUP_CHANNEL_ARNS=default"}); err == nil {
		t.Error("a bus without an account is taken")
	}
}
