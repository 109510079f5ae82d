// Package outbox keeps events in the bucket until they were told, and tells them.
//
//	events/queue/<id>.json       an event, create-only; removed after a week
//	events/state.json            what was told of what lasts (event.State), by compare-and-swap
//	events/channels/<hash>.json  what one channel was told, when to try again, and who is telling it now
//
// # Never in the way
//
// [Outbox.Tell] and [Outbox.Look] only note something in memory: they never block and never fail, so that no backup is slower or fails for
// them. Whoever has time calls [Outbox.Write], [Outbox.Settle] and [Outbox.Deliver]: the server beside its work, the command line at its
// end, a function on its schedule. What a process that is killed had not written yet is lost, as far as it happened once; what lasts follows from the records
// of backups and is found by whoever settles next.
//
// # At least once
//
// A channel is served by one process at a time, which holds the channel's record by compare-and-swap and notes each message that was taken. If
// it dies between a message and its note, the message is sent again, with the same id. A receiver that does not answer is tried again after a
// minute, then ever later up to an hour, for three days; it holds up no other channel.
package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Places in the bucket.
const (
	Prefix        = "events/"
	QueuePrefix   = "events/queue/"
	StateKey      = "events/state.json"
	ChannelPrefix = "events/channels/"
)

// Bounds.
const (
	keep      = 7 * 24 * time.Hour // an event stays in the queue
	maxQueue  = 2000               // events; the oldest go
	maxMemory = 1000               // events that are not written yet
	trimAtOne = 200                // events that one round removes
	atOnce    = 64                 // channels that are told at the same time
	history   = time.Hour          // of what was before it a new channel is told
)

// Channel tells people.
type Channel interface {
	Name() string
	// Made is when the channel was made, where that is known. What was before it, a channel is not told: another one that had its name may have been.
	Made() time.Time
	// Takes tells whether the channel wants this event.
	Takes(event.Event) bool
	// Send tells it, and returns what the receiver answered, in a few words. An error of the reason MessageRefused is about this message alone: it is
	// not sent again. After all others the channel is tried again later; RetryAfter says when, where it is set.
	Send(ctx context.Context, e event.Event) (answer string, err error)
}

// Options are what an outbox is made of.
type Options struct {
	// Find finds the channels that there are; more tells that there are others, which cannot be read here. Until it was asked, every event is noted; what no
	// channel wants is not written, unless there are others: whoever can read them tells them.
	Find func(context.Context) (all []Channel, more bool, err error)
	Zone *time.Location // of digests; nil is UTC
	Now  func() time.Time
	Log  *slog.Logger
}

// Outbox is the queue of one backup directory. It may be used by several goroutines, and any number of processes may have one each.
type Outbox struct {
	Options
	store    storage.Store
	patience time.Duration
	woken    chan struct{}

	mu       sync.Mutex
	channels []Channel
	more     bool
	found    time.Time     // when channels was; zero is never
	waiting  []event.Event // not in the bucket yet
	look     bool          // what lasts may have changed
	lost     int           // events for which there was no room
	known    map[string]event.Event
}

// New makes an outbox. It does no input or output.
func New(store storage.Store, o Options) *Outbox {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Outbox{Options: o, store: store, patience: patience, woken: make(chan struct{}, 1), known: map[string]event.Event{}}
}

// Tell notes an event that some channel wants. It never blocks.
func (o *Outbox) Tell(e event.Event) {
	e = e.Ready(o.Now())
	if !o.wanted(e) {
		return
	}
	o.mu.Lock()
	if len(o.waiting) < maxMemory {
		o.waiting = append(o.waiting, e)
	} else {
		o.lost++
	}
	o.mu.Unlock()
	o.wake()
}

// Look notes that what lasts may have changed: a backup ended, or something was found out about one. It never blocks.
func (o *Outbox) Look() {
	o.mu.Lock()
	o.look = true
	o.mu.Unlock()
	o.wake()
}

func (o *Outbox) wake() {
	select {
	case o.woken <- struct{}{}:
	default:
	}
}

// Woken receives after Tell and Look.
func (o *Outbox) Woken() <-chan struct{} { return o.woken }

// Pending tells whether Tell or Look noted something that is not settled.
func (o *Outbox) Pending() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.look || len(o.waiting) > 0
}

// Looked tells whether Look was called since the last call of Looked.
func (o *Outbox) Looked() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.look
	o.look = false
	return was
}

// findEvery is how long it holds which channels there are.
const findEvery = 20 * time.Second

// Channels are those that there are, as they were a moment ago. Where that cannot be found out, those that were found before stay.
func (o *Outbox) Channels(ctx context.Context) ([]Channel, error) {
	o.mu.Lock()
	all, at := o.channels, o.found
	o.mu.Unlock()
	if now := o.Now(); !at.IsZero() && now.Sub(at) < findEvery && !now.Before(at) {
		return all, nil
	}
	found, more, err := o.Find(ctx)
	if err != nil {
		if at.IsZero() {
			return nil, fmt.Errorf("find the channels: %w", err)
		}
		o.Log.Warn("which channels there are is not known; those that there were are told", "error", err.Error())
		return all, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.channels, o.more, o.found = found, more, o.Now()
	return found, nil
}

// Changed says that a channel was made, changed or removed by this process.
func (o *Outbox) Changed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.found.IsZero() {
		o.found = o.found.Add(-findEvery)
	}
}

// wanted tells whether some channel takes an event, as far as is known.
func (o *Outbox) wanted(e event.Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.found.IsZero() || o.more || takes(o.channels, e)
}

func takes(channels []Channel, e event.Event) bool {
	return slices.ContainsFunc(channels, func(c Channel) bool { return c.Takes(e) })
}

// Write puts what was told into the bucket. What could not be written stays noted.
func (o *Outbox) Write(ctx context.Context) error {
	if _, err := o.Channels(ctx); err != nil {
		return err
	}
	o.mu.Lock()
	events, lost := o.waiting, o.lost
	o.waiting, o.lost = nil, 0
	o.mu.Unlock()
	if lost > 0 {
		o.Log.Warn("events were not kept: there were too many at once", "count", lost)
	}
	for i, e := range events {
		if err := o.put(ctx, e); err != nil {
			o.mu.Lock()
			o.waiting = slices.Concat(events[i:], o.waiting)
			o.waiting = o.waiting[:min(len(o.waiting), maxMemory)]
			o.mu.Unlock()
			return err
		}
	}
	return nil
}

// put writes an event. One that is there already is the same.
func (o *Outbox) put(ctx context.Context, e event.Event) error {
	if !o.wanted(e) {
		return nil
	}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	_, err = o.store.Put(ctx, QueuePrefix+e.ID+".json", data, storage.PutOptions{ContentType: "application/json", Condition: storage.Condition{IfAbsent: true}})
	if err != nil && !storage.IsPrecondition(err) {
		return fmt.Errorf("write an event: %w", err)
	}
	o.remember(e)
	return nil
}

func (o *Outbox) remember(e event.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.known) >= maxQueue {
		clear(o.known)
	}
	o.known[e.ID] = e
}

// queue lists the ids of the events in the bucket, the oldest first, and at most maxQueue of the newest; surplus are those that may go.
func (o *Outbox) queue(ctx context.Context) (ids, surplus []string, err error) {
	oldest, newest := o.Now().Add(-keep), o.Now().Add(keep)
	for obj, err := range o.store.List(ctx, storage.ListOptions{Prefix: QueuePrefix}) {
		if err != nil {
			return nil, nil, fmt.Errorf("list the events: %w", err)
		}
		id := strings.TrimSuffix(strings.TrimPrefix(obj.Key, QueuePrefix), ".json")
		switch {
		case !event.ValidID(id): // nothing of ours
		case event.TimeOf(id).Before(oldest), event.TimeOf(id).After(newest): // what is dated so far ahead would outlive all others
			surplus = append(surplus, id)
		default:
			ids = append(ids, id)
		}
		if len(ids) > 2*maxQueue {
			surplus, ids = append(surplus, ids[:maxQueue]...), ids[maxQueue:]
		}
	}
	if n := len(ids) - maxQueue; n > 0 {
		surplus, ids = append(surplus, ids[:n]...), ids[n:]
	}
	return ids, surplus, nil
}

// trim removes events that are too old. Who may not remove anything leaves that to others.
func (o *Outbox) trim(ctx context.Context, surplus []string) {
	for _, id := range surplus[:min(len(surplus), trimAtOne)] {
		if err := o.store.Delete(storage.Freeing(ctx), QueuePrefix+id+".json"); err != nil {
			o.Log.Debug("an old event was not removed", "event", id, "error", err.Error())
			return
		}
	}
}

// get reads an event; found is false where it is gone, or is none.
func (o *Outbox) get(ctx context.Context, id string) (e event.Event, found bool, err error) {
	o.mu.Lock()
	e, known := o.known[id]
	o.mu.Unlock()
	if known {
		return e, true, nil
	}
	data, _, err := o.store.Get(storage.Within(ctx, event.MaxSize), QueuePrefix+id+".json")
	switch {
	case storage.IsNotFound(err):
		return e, false, nil
	case err != nil && !fault.HasReason(err, fault.LimitReached):
		return e, false, fmt.Errorf("read an event: %w", err)
	}
	if err == nil {
		e, err = event.Parse(data)
	}
	if err != nil || e.ID != id {
		o.Log.Warn("an object among the events is not one: skipped", "event", id)
		return e, false, nil
	}
	o.remember(e)
	return e, true, nil
}

// List returns the newest events that were kept because some channel wanted them, the newest first, older than before ("" is the newest); more
// tells whether there are others behind them.
func (o *Outbox) List(ctx context.Context, before string, limit int) (events []event.Event, more bool, err error) {
	ids, _, err := o.queue(ctx)
	if err != nil {
		return nil, false, err
	}
	slices.Reverse(ids)
	events = []event.Event{}
	for _, id := range ids {
		if before != "" && id >= before {
			continue
		}
		if len(events) == limit {
			return events, true, nil
		}
		e, found, err := o.get(ctx, id)
		if err != nil {
			return nil, false, err
		}
		if found {
			events = append(events, e)
		}
	}
	return events, false, nil
}

// maxTries is how often a state is looked at anew because somebody else has changed it.
const maxTries = 5

// Held works out what holds now, and of which sources that is everything.
type Held func(context.Context) (held []event.Condition, covers func(source string) bool, err error)

// Settle compares what holds now with what was told, and puts what follows into the queue. digest sums up for a period. Both are called again after
// a collision.
func (o *Outbox) Settle(ctx context.Context, held Held, digest func(period string) *event.Summary) error {
	for try := 0; ; try++ {
		err := o.settle(ctx, held, digest)
		if !storage.IsPrecondition(err) && !storage.IsNotFound(err) {
			return err
		}
		if try == maxTries {
			return nil // others look all the time
		}
	}
}

func (o *Outbox) settle(ctx context.Context, held Held, digest func(period string) *event.Summary) error {
	state, unchanged, err := o.state(ctx)
	if err != nil {
		return err
	}
	if err := o.putAll(ctx, state.Pending); err != nil {
		return err
	}
	conditions, covers, err := held(ctx)
	if err != nil {
		return err
	}
	now := o.Now()
	next, changed := state.Next(now, conditions, covers)
	channels, err := o.Channels(ctx)
	if err != nil {
		return err
	}
	for _, period := range digests(channels, now) {
		due, marked := next.Due(period, now.In(o.Zone))
		changed = changed || marked
		if due {
			next.Pending = append(next.Pending, event.Event{Kind: event.Digest, Summary: digest(period)}.Ready(now))
		}
	}
	if !changed && len(state.Pending) == 0 {
		return nil
	}
	etag, err := o.putState(ctx, next, unchanged)
	if err != nil || len(next.Pending) == 0 {
		return err
	}
	if err := o.putAll(ctx, next.Pending); err != nil {
		return err
	}
	next.Pending = nil
	if _, err = o.putState(ctx, next, storage.Condition{IfMatch: etag}); storage.IsPrecondition(err) {
		return nil // somebody else has seen them by now
	}
	return err
}

// digests are the periods for which some channel wants a digest.
func digests(channels []Channel, now time.Time) (periods []string) {
	for _, period := range []string{event.Daily, event.Weekly} {
		if takes(channels, event.Event{Kind: event.Digest, Summary: &event.Summary{Period: period}}.Ready(now)) {
			periods = append(periods, period)
		}
	}
	return periods
}

func (o *Outbox) putAll(ctx context.Context, events []event.Event) error {
	for _, e := range events {
		if err := o.put(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// state reads what was told. One that is damaged is begun anew: what lasts is told once more, then.
func (o *Outbox) state(ctx context.Context) (event.State, storage.Condition, error) {
	data, obj, err := o.store.Get(storage.Within(ctx, event.MaxState), StateKey)
	switch {
	case storage.IsNotFound(err):
		return event.State{}, storage.Condition{IfAbsent: true}, nil
	case err != nil && !fault.HasReason(err, fault.LimitReached):
		return event.State{}, storage.Condition{}, fmt.Errorf("read what was told: %w", err)
	}
	var s event.State
	if err == nil {
		s, err = event.ParseState(data)
	}
	if err != nil {
		o.Log.Warn("what was told is not known any more: what lasts is told once more", "error", err.Error())
		s = event.State{}
	}
	return s, storage.Condition{IfMatch: obj.ETag}, nil
}

func (o *Outbox) putState(ctx context.Context, s event.State, c storage.Condition) (etag string, err error) {
	data, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode what was told: %w", err)
	}
	obj, err := o.store.Put(ctx, StateKey, data, storage.PutOptions{ContentType: "application/json", Condition: c})
	if err != nil {
		return "", fmt.Errorf("write what was told: %w", err)
	}
	return obj.ETag, nil
}

// channelKey is where the record of a channel lies. Names may be anything.
func channelKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return ChannelPrefix + hex.EncodeToString(sum[:16]) + ".json"
}

// Deliver tells every channel what it was not told yet, all at the same time, and removes what is too old. The error is for the queue itself;
// how it stands with the channels says Statuses.
func (o *Outbox) Deliver(ctx context.Context) error {
	ids, surplus, err := o.queue(ctx)
	if err != nil {
		return err
	}
	channels, err := o.Channels(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(channels))
	var work sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for i, c := range channels {
		room <- struct{}{}
		work.Go(func() { defer func() { <-room }(); errs[i] = o.deliver(ctx, c, ids) })
	}
	work.Wait()
	o.trim(ctx, surplus)
	return errors.Join(errs...)
}
