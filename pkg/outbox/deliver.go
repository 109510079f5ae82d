package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

const (
	perRound   = 20              // messages to one channel before others have a look
	lease      = 2 * time.Minute // how long whoever serves a channel may be silent
	sendTime   = 30 * time.Second
	patience   = 5 * time.Second // whoever has not answered by then is away, although this process has no more time
	firstRetry = time.Minute
	lastRetry  = time.Hour
	giveUp     = 3 * 24 * time.Hour // after which an event is no news any more
	maxRecord  = 256 << 10          // bytes
	maxWords   = 300                // bytes of an error
)

// record is what is known of a channel.
type record struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since"` // of what was before, it is not told
	Made    time.Time `json:"made,omitzero"`
	Done    []string  `json:"done"` // ids of events that it was told, or does not want
	// Token is of whoever serves it now; "" is nobody.
	Token string `json:"token,omitempty"`

	Sent         int       `json:"sent"`
	GivenUp      int       `json:"givenUp"` // messages that were refused, or that became too old
	LastSent     time.Time `json:"lastSent,omitzero"`
	Failures     int       `json:"failures,omitempty"` // in a row
	FailingSince time.Time `json:"failingSince,omitzero"`
	RetryAt      time.Time `json:"retryAt,omitzero"`
	LastError    string    `json:"lastError,omitempty"`
}

// parseRecord reads a record.
func parseRecord(data []byte) (record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return r, err
	}
	if r.Version != 1 {
		return r, fmt.Errorf("it is of version %d", r.Version)
	}
	r.Done = slices.DeleteFunc(r.Done, func(id string) bool { return !event.ValidID(id) })
	r.LastError = fault.Shorten(r.LastError, maxWords)
	r.Sent, r.GivenUp, r.Failures = max(r.Sent, 0), max(r.GivenUp, 0), max(r.Failures, 0)
	return r, nil
}

// load reads the record of a channel. One that is damaged, or is of another channel that had this name, is begun anew.
func (o *Outbox) load(ctx context.Context, c Channel) (record, storage.Object, error) {
	name := c.Name()
	fresh := record{Version: 1, Name: name, Since: o.Now().Add(-history).UTC(), Made: c.Made().UTC()}
	if fresh.Made.After(fresh.Since) {
		fresh.Since = fresh.Made
	}
	data, obj, err := o.store.Get(storage.Within(ctx, maxRecord), channelKey(name))
	switch {
	case storage.IsNotFound(err):
		return fresh, storage.Object{}, nil
	case err != nil && !fault.HasReason(err, fault.LimitReached):
		return fresh, obj, fmt.Errorf("read what channel %s was told: %w", name, err)
	}
	var r record
	if err == nil {
		r, err = parseRecord(data)
	}
	if err != nil {
		o.Log.Warn("what a channel was told is not known any more", "channel", name, "error", err.Error())
		return fresh, obj, nil
	}
	if !r.Made.Equal(fresh.Made) {
		return fresh, obj, nil
	}
	// A clock that was ahead, or whoever writes to the bucket, silences no channel for longer than a receiver could.
	if r.RetryAt.After(o.Now().Add(lastRetry)) {
		r.RetryAt = time.Time{}
	}
	if r.Since.After(o.Now()) {
		r.Since = fresh.Since
	}
	for _, at := range []*time.Time{&r.LastSent, &r.FailingSince} {
		if at.After(o.Now().Add(lastRetry)) { // nobody knows when, then
			*at = time.Time{}
		}
	}
	return r, obj, nil
}

// service is one process's turn at one channel.
type service struct {
	o    *Outbox
	c    Channel
	rec  record
	etag string
}

// save writes the record, which extends the turn. Reason precondition_failed: the turn is somebody else's.
func (s *service) save(ctx context.Context) error {
	data, err := json.Marshal(s.rec)
	if err != nil {
		return fmt.Errorf("encode what a channel was told: %w", err)
	}
	c := storage.Condition{IfMatch: s.etag, IfAbsent: s.etag == ""}
	obj, err := s.o.store.Put(ctx, channelKey(s.c.Name()), data, storage.PutOptions{ContentType: "application/json", Condition: c})
	if err != nil {
		return fmt.Errorf("write what channel %s was told: %w", s.c.Name(), err)
	}
	s.etag = obj.ETag
	return nil
}

// deliver tells one channel what it was not told, as long as nobody else does.
func (o *Outbox) deliver(ctx context.Context, c Channel, ids []string) error {
	rec, obj, err := o.load(ctx, c)
	if err != nil {
		return err
	}
	now := o.Now()
	if rec.Token != "" && now.Sub(obj.LastModified).Abs() < lease || rec.RetryAt.After(now) {
		return nil
	}
	due := rec.due(ids)
	if len(due) == 0 {
		return nil
	}
	s := &service{o, c, rec, obj.ETag}
	s.rec.Token = rand.Text()
	listed := make(map[string]bool, len(ids))
	for _, id := range ids {
		listed[id] = true
	}
	s.rec.Done = slices.DeleteFunc(s.rec.Done, func(id string) bool { return !listed[id] })
	if err := s.save(ctx); err != nil {
		return ours(err)
	}
	err = s.tell(ctx, due)
	s.rec.Token = ""
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if serr := s.save(end); err == nil {
		err = serr
	}
	return ours(err)
}

// ours is an error, unless it says that somebody else serves the channel.
func ours(err error) error {
	if storage.IsPrecondition(err) || storage.IsNotFound(err) {
		return nil
	}
	return err
}

// due are the events that the channel was not told.
func (r record) due(ids []string) []string {
	done := make(map[string]bool, len(r.Done))
	for _, id := range r.Done {
		done[id] = true
	}
	var due []string
	for _, id := range ids {
		if !done[id] && !event.TimeOf(id).Before(r.Since.Truncate(time.Millisecond)) {
			due = append(due, id)
		}
	}
	return due
}

// tell sends what the channel wants, in order, until it refuses or had its share.
func (s *service) tell(ctx context.Context, due []string) error {
	sent := 0
	for _, id := range due {
		e, found, err := s.o.get(ctx, id)
		if err != nil {
			return err
		}
		old := s.o.Now().Sub(event.TimeOf(id)) > giveUp
		if !found || !s.c.Takes(e) || old {
			if found && s.c.Takes(e) {
				s.rec.GivenUp++
			}
			s.rec.Done = append(s.rec.Done, id)
			continue
		}
		if sent == perRound || ctx.Err() != nil {
			return nil
		}
		if err := s.send(ctx, e); err != nil {
			return nil // it stands in the record
		}
		sent++
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// send sends one message and notes what came of it. The error is for a channel that has to be left alone for a while.
func (s *service) send(ctx context.Context, e event.Event) error {
	within, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	began := time.Now()
	_, err := s.c.Send(within, e)
	now, r := s.o.Now().UTC().Truncate(time.Millisecond), &s.rec
	switch {
	case err == nil:
		r.Sent++
		r.LastSent, r.Failures, r.FailingSince, r.RetryAt, r.LastError = now, 0, time.Time{}, time.Time{}, ""
		s.o.Log.Info("told", "channel", s.c.Name(), "event", e.ID, "kind", string(e.Kind))
	case ctx.Err() != nil && time.Since(began) < s.o.patience: // this process has no more time: nobody's fault
		return ctx.Err()
	case fault.HasReason(err, fault.AddressUnknown): // on this machine: others may know it
		s.o.Log.Warn("a channel is left to others", "channel", s.c.Name(), "error", fault.From(err).Message)
		return err
	case fault.HasReason(err, fault.MessageRefused):
		r.GivenUp++
		r.LastError = fault.Shorten(fault.From(err).Message, maxWords)
		s.o.Log.Warn("a message was refused", "channel", s.c.Name(), "event", e.ID, "error", fault.From(err).Message)
	default:
		r.Failures++
		if r.FailingSince.IsZero() {
			r.FailingSince = now
		}
		r.LastError = fault.Shorten(fault.From(err).Message, maxWords)
		r.RetryAt = now.Add(backoff(r.Failures, fault.From(err).RetryAfter))
		s.o.Log.Warn("a channel cannot be told; it is tried again", "channel", s.c.Name(), "event", e.ID, "error", fault.From(err).Message, "again", r.RetryAt)
		return err
	}
	r.Done = append(r.Done, e.ID)
	return nil
}

// backoff is how long a channel is left alone after so many failures in a row; asked is what its receiver asked for.
func backoff(failures int, asked time.Duration) time.Duration {
	wait := min(firstRetry<<min(max(failures-1, 0), 10), lastRetry)
	return min(max(wait, asked), lastRetry)
}

// Status is how it stands with a channel.
type Status struct {
	Name         string
	Sent         int
	GivenUp      int
	Waiting      int // events that it was not told yet, at most
	LastSent     time.Time
	Failures     int // in a row
	FailingSince time.Time
	RetryAt      time.Time
	LastError    string
}

// Statuses says how it stands with each channel, in their order.
func (o *Outbox) Statuses(ctx context.Context) ([]Status, error) {
	ids, _, err := o.queue(ctx)
	if err != nil {
		return nil, err
	}
	channels, err := o.Channels(ctx)
	if err != nil {
		return nil, err
	}
	all, errs := make([]Status, len(channels)), make([]error, len(channels))
	var work sync.WaitGroup
	room := make(chan struct{}, atOnce/4)
	for i, c := range channels {
		room <- struct{}{}
		work.Go(func() { defer func() { <-room }(); all[i], errs[i] = o.status(ctx, c, ids) })
	}
	work.Wait()
	return all, errors.Join(errs...)
}

func (o *Outbox) status(ctx context.Context, c Channel, ids []string) (Status, error) {
	r, _, err := o.load(ctx, c)
	if err != nil {
		return Status{}, err
	}
	waiting := 0
	for _, id := range r.due(ids) {
		if e, found, err := o.get(ctx, id); err != nil {
			return Status{}, err
		} else if found && c.Takes(e) {
			waiting++
		}
	}
	return Status{c.Name(), r.Sent, r.GivenUp, waiting, r.LastSent, r.Failures, r.FailingSince, r.RetryAt, r.LastError}, nil
}

// Try sends a test message to the channel of this name, now, and returns what its receiver answered.
func (o *Outbox) Try(ctx context.Context, name, by string) (answer string, err error) {
	channels, err := o.Channels(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range channels {
		if c.Name() == name {
			return o.Test(ctx, c, by)
		}
	}
	return "", fault.New(fault.Validation, fault.NotFound, cmp.Or(names(channels), "Name channels in cofre.yaml, the file that BACKUP_CONFIG leads to."), "there is no channel %.60q", name)
}

// Test sends a test message over a channel, which need not be one of these, and returns what its receiver answered.
func (o *Outbox) Test(ctx context.Context, c Channel, by string) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return c.Send(ctx, event.Event{Kind: event.Test, By: by}.Ready(o.Now()))
}

// Forget removes what is known of a channel that is no more. Who may not remove anything leaves it: another channel of that name begins anew all the same.
func (o *Outbox) Forget(ctx context.Context, name string) {
	o.Changed()
	if err := o.store.Delete(storage.Freeing(ctx), channelKey(name)); err != nil {
		o.Log.Debug("what a channel was told was not removed", "channel", name, "error", err.Error())
	}
}

func names(channels []Channel) string {
	text := ""
	for i, c := range channels[:min(len(channels), 20)] {
		if i > 0 {
			text += ", "
		}
		text += c.Name()
	}
	if text == "" {
		return ""
	}
	return "There are: " + text + "."
}
