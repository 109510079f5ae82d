package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/configfile"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/outbox"
	"cofre/pkg/secret"
)

// openOutbox makes the queue of events, where the file has channels: without one nothing is kept and nothing is looked at.
func (a *App) openOutbox() backup.Events {
	c := a.config
	if len(c.File.Channels) == 0 {
		return nil
	}
	o := outbox.Options{Zone: time.Local, Log: a.log}
	for _, ch := range c.File.Channels {
		o.Channels = append(o.Channels, channel.New(c.channel(ch, a.Directory)))
		if ch.Digest != "" && !slices.Contains(o.Digests, ch.Digest) {
			o.Digests = append(o.Digests, ch.Digest)
		}
	}
	a.Outbox = outbox.New(a.Store, o)
	return a.Outbox
}

// channel is one of the file. What its references lead to is read with each message.
func (c Config) channel(ch configfile.Channel, place string) channel.Config {
	read := func(k configfile.Connection) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return ch.Read(ctx, k, c.getenv, secret.Key) }
	}
	conf := channel.Config{
		Name: ch.Name, Kind: ch.Kind, Where: read(ch.Where), Chat: ch.Chat, From: ch.From, To: ch.To, Language: event.Language(ch.Language), Zone: time.Local, AllowLocal: ch.AllowLocal, Place: place,
		Filter: event.Filter{Sources: ch.Sources, Least: event.Severity(ch.Severity), Digest: ch.Digest},
	}
	if conf.Language == "" {
		conf.Language = event.Language(c.Language)
	}
	for _, k := range ch.Events {
		conf.Filter.Kinds = append(conf.Filter.Kinds, event.Kind(k))
	}
	if ch.Key != (configfile.Connection{}) {
		conf.Key = read(ch.Key)
	}
	return conf
}

// TellPeople puts what happened into the queue, with what follows from how it stands with all backups, and tells the channels what they were not
// told. Whoever has time calls it: it never belongs into the way of a backup. With notice it looks how it stands in any case; otherwise only
// where that may have changed.
func (a *App) TellPeople(ctx context.Context, notice bool) error {
	if a.Outbox == nil {
		return nil
	}
	err := a.Outbox.Write(ctx)
	if a.Outbox.Looked() || notice {
		if serr := a.notice(ctx); serr != nil {
			a.Outbox.Look() // the next one looks again
			err = errors.Join(err, serr)
		}
	}
	return errors.Join(err, a.Outbox.Deliver(ctx))
}

// notice finds out what lasts, and puts what is news of it into the queue.
func (a *App) notice(ctx context.Context) error {
	var digest func(period string) *event.Summary
	held := func(ctx context.Context) ([]event.Condition, func(string) bool, error) {
		o, err := a.Service.Overview(ctx, time.Local)
		if err != nil {
			return nil, nil, err
		}
		held, covers := a.Service.Conditions(o)
		digest = func(period string) *event.Summary { return backup.Summary(o, held, period) }
		return held, covers, nil
	}
	return a.Outbox.Settle(ctx, held, func(period string) *event.Summary { return digest(period) })
}

// People is what the API has of channels and events: nil where the file has no channels.
func (a *App) people() api.People {
	if a.Outbox == nil {
		return nil
	}
	return a
}

// Channels says how it stands with each channel of the file. Where they lead to is a secret.
func (a *App) Channels(ctx context.Context) ([]contract.Channel, error) {
	all := []contract.Channel{}
	if a.Outbox == nil {
		return all, nil
	}
	known, err := a.Outbox.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	for i, s := range known {
		ch := a.config.File.Channels[i]
		all = append(all, contract.Channel{
			Name: ch.Name, Kind: ch.Kind, Severity: contract.Severity(cmp.Or(ch.Severity, string(event.Warning))), Events: append([]string{}, ch.Events...), Sources: append([]string{}, ch.Sources...),
			Language: cmp.Or(ch.Language, a.config.Language), Digest: contract.ChannelDigest(ch.Digest),
			Sent: s.Sent, Waiting: s.Waiting, GivenUp: s.GivenUp, LastSent: s.LastSent, Failures: s.Failures, FailingSince: s.FailingSince, RetryAt: s.RetryAt, LastError: s.LastError,
		})
	}
	return all, nil
}

// TestChannel sends a test message for whom by names, and returns what the receiver answered.
func (a *App) TestChannel(ctx context.Context, name, by string) (answer string, err error) {
	if a.Outbox == nil {
		return "", api.NoChannel()
	}
	return a.Outbox.Try(ctx, name, by)
}

// Events returns a page of what people were told, the newest first, in words of the language of BACKUP_LANGUAGE.
func (a *App) Events(ctx context.Context, before string, limit int) (contract.ListEventsResponse, error) {
	out := contract.ListEventsResponse{Events: []contract.Event{}}
	events, more, err := a.Outbox.List(ctx, before, limit)
	if err != nil {
		return out, err
	}
	for _, e := range events {
		text := e.Say(event.Language(a.config.Language), time.UTC)
		out.Events = append(out.Events, contract.Event{
			ID: e.ID, Kind: contract.EventKind(e.Kind), At: e.At, Severity: contract.Severity(e.Severity), Title: text.Title, Lines: text.Lines, Source: e.Source, Resource: e.Resource, By: e.By, Since: e.Since,
			Day: e.Day, Bytes: e.Bytes, Limit: e.Limit, Duration: e.Duration, Count: e.Count, Target: e.Target, Reason: e.Reason, Detail: e.Detail,
		})
	}
	if more {
		out.Next = events[len(events)-1].ID
	}
	return out, nil
}

// checkChannels looks whether people can be told: whether the references of channels lead to something, and whether receivers answered.
func (a *App) checkChannels(ctx context.Context) []backup.Check {
	known, err := a.Outbox.Statuses(ctx)
	if err != nil {
		return []backup.Check{backup.Failing("channels", err)}
	}
	var checks []backup.Check
	for i, s := range known {
		ch := a.config.File.Channels[i]
		check := backup.Check{Name: "channel " + ch.Name, Result: backup.CheckOK, Detail: fmt.Sprintf("%d messages sent", s.Sent)}
		_, err := ch.Read(ctx, ch.Where, a.config.getenv, secret.Key)
		if err == nil && ch.Key != (configfile.Connection{}) {
			_, err = ch.Read(ctx, ch.Key, a.config.getenv, secret.Key)
		}
		switch {
		case err != nil:
			f := fault.From(err)
			check.Result, check.Detail, check.Hint = backup.CheckWarning, "nobody can be told: "+f.Message, f.Hint
		case s.Failures > 0:
			check.Result, check.Hint = backup.CheckWarning, "Look whether its address is right and its receiver answers."
			check.Detail = fmt.Sprintf("nobody could be told since %s: %s", s.FailingSince.UTC().Format("2006-01-02 15:04 UTC"), s.LastError)
		}
		checks = append(checks, check)
	}
	return checks
}
