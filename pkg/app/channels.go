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
	"cofre/pkg/wording"
)

// openOutbox makes the queue of events. Without channels nothing is kept in it.
func (a *App) openOutbox() backup.Events {
	a.Outbox = outbox.New(a.Store, outbox.Options{Find: a.findChannels, Zone: time.Local, Log: a.log})
	return a.Outbox
}

// findChannels are those that tell people.
func (a *App) findChannels(ctx context.Context) (out []outbox.Channel, more bool, err error) {
	all, err := a.Service.Channels(ctx)
	if fault.HasCode(err, fault.Permission) { // what runs with few rights tells by the file alone, and others by all
		a.log.Debug("the channels in the bucket cannot be read here", "error", err.Error())
		more, err = true, nil
	}
	for _, ch := range all {
		if ch.Trouble == nil {
			out = append(out, a.channel(ch))
			continue
		}
		if ch.Unread() != nil { // with another key, perhaps, somebody else can read it
			more = true
		}
		if _, said := a.unfit.LoadOrStore(ch.Name+"\x00"+ch.Version(), true); !said {
			a.log.Warn("a channel tells nobody", "channel", ch.Name, "error", fault.From(ch.Trouble).Message)
		}
	}
	return out, more, err
}

// knownARNs are the topics and buses that channels may name: those of BACKUP_CHANNEL_ARNS, and of a file of this machine. What lies in S3 names none by itself:
// whoever may write there would publish with the credentials of this process.
func (c Config) knownARNs() []string {
	known := c.ChannelARNs
	if c.FileURL == "" {
		for _, ch := range c.File.Channels {
			known = append(known[:len(known):len(known)], ch.Destination())
		}
	}
	return known
}

// channel is one that tells people. What its references lead to is read with each message.
func (a *App) channel(ch backup.Channel) *channel.Channel {
	c := a.config
	read := func(purpose string, k configfile.Connection) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			if ch.Stored(purpose) {
				return ch.Secret(purpose)
			}
			return configfile.Address(ctx, ch.Settings, k, c.getenv, secret.Key)
		}
	}
	conf := channel.Config{
		Name: ch.Name, Kind: ch.Kind, Where: read(backup.ChannelWhere, ch.Where), Chat: ch.Chat, From: ch.From, To: ch.To, Destination: ch.Destination(), Publisher: a.publisher, Language: event.Language(cmp.Or(ch.Language, c.Language)), Zone: time.Local,
		AllowLocal: ch.AllowLocal, Made: ch.Made, Place: a.Directory,
		Filter: event.Filter{Sources: ch.Sources, Least: event.Severity(ch.Severity), Digest: ch.Digest},
	}
	for _, k := range ch.Events {
		conf.Filter.Kinds = append(conf.Filter.Kinds, event.Kind(k))
	}
	if ch.Signed() {
		conf.Key = read(backup.ChannelKey, ch.Key)
	}
	return channel.New(conf)
}

// TellPeople puts what happened into the queue, with what follows from how it stands with all backups, and tells the channels what they were not
// told. Whoever has time calls it: it never belongs into the way of a backup. With notice it looks how it stands in any case; otherwise only
// where that may have changed.
func (a *App) TellPeople(ctx context.Context, notice bool) error {
	err := a.Outbox.Write(ctx)
	if channels, cerr := a.Outbox.Channels(ctx); cerr != nil || len(channels) == 0 {
		return err
	}
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

// Channels says how it stands with each channel. Where they lead to is a secret.
func (a *App) Channels(ctx context.Context) ([]contract.Channel, error) {
	known, err := a.Service.Channels(ctx)
	if err != nil {
		return nil, err
	}
	out := []contract.Channel{}
	var states []outbox.Status
	if len(known) > 0 {
		if states, err = a.Outbox.Statuses(ctx); err != nil {
			return nil, err
		}
	}
	for _, ch := range known {
		c := contract.Channel{
			Name: ch.Name, Kind: ch.Kind, Origin: api.Origin(ch.Origin), Editable: ch.Editable(), Severity: contract.Severity(cmp.Or(ch.Severity, string(event.Warning))), Events: append([]string{}, ch.Events...), Sources: append([]string{}, ch.Sources...),
			Language: cmp.Or(ch.Language, a.config.Language), Digest: contract.ChannelDigest(ch.Digest),
		}
		if ch.Trouble != nil {
			c.Trouble = fault.From(ch.Trouble).Message
		} else if i := slices.IndexFunc(states, func(s outbox.Status) bool { return s.Name == ch.Name }); i >= 0 {
			s := states[i]
			c.Sent, c.Waiting, c.GivenUp, c.LastSent, c.Failures, c.FailingSince, c.RetryAt, c.LastError = s.Sent, s.Waiting, s.GivenUp, s.LastSent, s.Failures, s.FailingSince, s.RetryAt, s.LastError
		}
		out = append(out, c)
	}
	return out, nil
}

// TestChannel sends a test message for whom by names, and returns what the receiver answered.
func (a *App) TestChannel(ctx context.Context, name, by string) (answer string, err error) {
	return a.Outbox.Try(ctx, name, by)
}

// TryChannel sends a test message over a channel as it would be, for whom by names, and returns what the receiver answered.
func (a *App) TryChannel(ctx context.Context, ch backup.Channel, by string) (answer string, err error) {
	return a.Outbox.Test(ctx, a.channel(ch), by)
}

// KeepChannel makes a channel in the bucket, or changes one, and tells it from now on.
func (a *App) KeepChannel(ctx context.Context, change backup.ChannelChange, by string) (backup.Channel, error) {
	ch, err := a.Service.KeepChannel(ctx, change, by)
	a.Outbox.Changed()
	return ch, err
}

// RemoveChannel removes a channel from the bucket, and what it was not told yet. waiting is how many events that were.
func (a *App) RemoveChannel(ctx context.Context, name, by string) (waiting int, err error) {
	states, err := a.Outbox.Statuses(ctx)
	if err != nil {
		a.log.Warn("what a channel was not told yet is not known", "channel", name, "error", err.Error())
	}
	if err := a.Service.RemoveChannel(ctx, name, by); err != nil {
		return 0, err
	}
	a.Outbox.Forget(ctx, name)
	for _, s := range states {
		if s.Name == name {
			waiting = s.Waiting
		}
	}
	return waiting, nil
}

// Events returns a page of what people were told, the newest first, in words of every language.
func (a *App) Events(ctx context.Context, before string, limit int) (contract.ListEventsResponse, error) {
	out := contract.ListEventsResponse{Events: []contract.Event{}}
	events, more, err := a.Outbox.List(ctx, before, limit)
	if err != nil {
		return out, err
	}
	for _, e := range events {
		text := e.Say(event.English, time.UTC)
		out.Events = append(out.Events, contract.Event{
			ID: e.ID, Kind: contract.EventKind(e.Kind), At: e.At, Severity: contract.Severity(e.Severity), Title: text.Title, Lines: text.Lines, Source: e.Source, Resource: e.Resource, By: e.By, Since: e.Since,
			Day: e.Day, Bytes: e.Bytes, Limit: e.Limit, Duration: e.Duration, Count: e.Count, Target: e.Target, Reason: e.Reason, Detail: e.Detail,
			Wordings: eventWordings(e, text),
		})
	}
	if more {
		out.Next = events[len(events)-1].ID
	}
	return out, nil
}

// eventWordings are the words of an event in the languages other than English, beside those of its English text.
func eventWordings(e event.Event, english event.Text) []contract.Wording {
	var all []contract.Wording
	for _, l := range event.Languages() {
		if l == event.English {
			continue
		}
		add := func(of, text string) {
			if text != of {
				all = append(all, contract.Wording{Language: contract.WordingLanguage(l), Of: of, Text: text})
			}
		}
		said := e.Say(l, time.UTC)
		add(english.Title, said.Title)
		for i, line := range said.Lines {
			add(english.Lines[i], line)
		}
		add(e.Detail, wording.Say(string(l), e.Detail))
	}
	return all
}

// checkChannels looks whether people can be told: whether the references of channels lead to something, and whether receivers answered.
func (a *App) checkChannels(ctx context.Context) []backup.Check {
	all, err := a.Service.Channels(ctx)
	if err != nil {
		return []backup.Check{backup.Failing("channels", err)}
	}
	checks := backup.CheckChannels(all)
	if len(all) == len(checks) {
		return checks
	}
	a.Outbox.Changed() // as they are now
	known, err := a.Outbox.Statuses(ctx)
	if err != nil {
		return append(checks, backup.Failing("channels", err))
	}
	for _, s := range known {
		i := slices.IndexFunc(all, func(c backup.Channel) bool { return c.Name == s.Name && c.Trouble == nil })
		if i < 0 {
			continue
		}
		check := backup.Check{Name: "channel " + s.Name, Result: backup.CheckOK, Detail: fmt.Sprintf("%d messages sent", s.Sent)}
		err := a.channel(all[i]).Readable(ctx)
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
