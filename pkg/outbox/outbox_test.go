package outbox

import (
	"context"
	"encoding/json"
	"errors"

	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/channel"
	"cofre/pkg/event"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// fixed are channels that are always there.
func fixed(all ...Channel) func(context.Context) ([]Channel, bool, error) {
	return func(context.Context) ([]Channel, bool, error) { return all, false, nil }
}

// receiver is a webhook that notes the ids it gets, and answers what it is told to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []string
	kinds  []string
	status int
}

func receive(t *testing.T) *receiver {
	r := &receiver{status: 200}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body struct{ ID, Kind string }
		data, _ := io.ReadAll(req.Body)
		json.Unmarshal(data, &body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status == 200 {
			r.got, r.kinds = append(r.got, body.ID), append(r.kinds, body.Kind)
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// has are the kinds that were received since the last call.
func (r *receiver) has() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kinds
	r.kinds = nil
	return k
}

func (r *receiver) channel(name string, f event.Filter) *channel.Channel {
	return channel.New(channel.Config{Name: name, Kind: channel.Webhook, Where: func(context.Context) (string, error) { return r.URL, nil }, Filter: f, AllowLocal: true})
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func all(string) bool { return true }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Of several that deliver at once each message is sent once, by one of them, on every kind of store.
func TestSeveralDeliver(t *testing.T) {
	for name, store := range map[string]storage.Store{"local": storagetest.NewLocal(t), "minio": storagetest.NewMinIO(t)} {
		t.Run(name, func(t *testing.T) {
			a, b := receive(t), receive(t)
			var all []*Outbox
			for range 3 {
				all = append(all, New(store, Options{Find: fixed(a.channel("a", event.Filter{Least: event.Info}), b.channel("b", event.Filter{}))}))
			}
			for i := range 6 {
				all[i%3].Tell(event.Event{Kind: event.BackupEnded, Source: "shop"})
				all[i%3].Tell(event.Event{Kind: event.CleanupOdd})
			}
			var work sync.WaitGroup
			for _, o := range all {
				work.Go(func() {
					if err := o.Write(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			work.Wait()
			for _, o := range all {
				for range 3 {
					work.Go(func() {
						if err := o.Deliver(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
			}
			work.Wait()
			must(t, all[0].Deliver(t.Context())) // whoever came too late for the last one
			for r, want := range map[*receiver]int{a: 12, b: 6} {
				unique := slices.Compact(slices.Sorted(slices.Values(r.got)))
				if len(r.got) != want || len(unique) != want {
					t.Errorf("%d messages came, %d of them different, want %d", len(r.got), len(unique), want)
				}
			}
			status, err := all[1].Statuses(t.Context())
			if err != nil || len(status) != 2 || status[0].Sent != 12 || status[1].Sent != 6 || status[0].Waiting != 0 {
				t.Errorf("%+v %v", status, err)
			}
		})
	}
}

// A receiver that is away is tried again, ever later, and gets everything in order when it is back; what it refuses it is not sent again. It
// holds up no other channel.
func TestReceiverIsAway(t *testing.T) {
	store, at := storagetest.NewLocal(t), &clock{t: time.Now()}
	a, b := receive(t), receive(t)
	o := New(store, Options{Find: fixed(a.channel("a", event.Filter{}), b.channel("b", event.Filter{})), Now: at.now})
	round := func(after time.Duration) {
		at.add(after)
		must(t, o.Write(t.Context()))
		must(t, o.Deliver(t.Context()))
	}
	a.answers(500)
	o.Tell(event.Event{Kind: event.RestoreFailed})
	round(0)
	expect(t, "the other", b.has(), "restore_failed")
	o.Tell(event.Event{Kind: event.CleanupOdd})
	a.answers(200)
	round(30 * time.Second)
	expect(t, "not yet", a.has())
	a.answers(503)
	round(31 * time.Second)
	a.answers(200)
	round(110 * time.Second)
	expect(t, "two minutes", a.has())
	status, err := o.Statuses(t.Context())
	if err != nil || status[0].Failures != 2 || status[0].Waiting != 2 || status[0].LastError == "" || status[1].Sent != 2 {
		t.Errorf("%+v %v", status, err)
	}
	round(11 * time.Second)
	expect(t, "it is back", a.has(), "restore_failed", "cleanup_odd")
	a.answers(400)
	o.Tell(event.Event{Kind: event.RestoreFailed})
	round(time.Second)
	a.answers(200)
	round(time.Hour)
	expect(t, "refused", a.has())
	a.answers(500)
	o.Tell(event.Event{Kind: event.RestoreFailed})
	round(time.Second)
	a.answers(200)
	o.Tell(event.Event{Kind: event.SettingsChanged})
	round(4 * 24 * time.Hour)
	expect(t, "news of four days ago", a.has())
	if status, _ := o.Statuses(t.Context()); status[0].GivenUp != 3 || status[0].Failures != 1 {
		t.Errorf("%+v", status)
	}
	round(4 * 24 * time.Hour) // a week is over: all go
	if events, more, err := o.List(t.Context(), "", 10); err != nil || len(events) != 0 || more {
		t.Errorf("%+v %v %v", events, more, err)
	}
	for obj, err := range store.List(t.Context(), storage.ListOptions{Prefix: QueuePrefix}) {
		t.Errorf("%s is left: %v", obj.Key, err)
	}
}

// Who does not know where a channel leads to, such as a machine without its variable, leaves it to others, and keeps them from nothing.
func TestAddressIsNotKnownHere(t *testing.T) {
	store, r := storagetest.NewLocal(t), receive(t)
	unknown := channel.New(channel.Config{Name: "a", Kind: channel.Webhook, Where: func(context.Context) (string, error) { return "", errors.New("A is not set") }})
	here, there := New(store, Options{Find: fixed(unknown)}), New(store, Options{Find: fixed(r.channel("a", event.Filter{}))})
	here.Tell(event.Event{Kind: event.CleanupOdd})
	must(t, here.Write(t.Context()))
	must(t, here.Deliver(t.Context()))
	must(t, there.Deliver(t.Context()))
	expect(t, "the one who knows", r.has(), "cleanup_odd")
	if status, err := here.Statuses(t.Context()); err != nil || status[0].Failures != 0 || status[0].Sent != 1 {
		t.Errorf("%+v %v", status, err)
	}
}

// A receiver that hangs is away, also for a process that has little time: the next one leaves it alone for a while. One that was asked in the last moment is
// not.
func TestReceiverHangs(t *testing.T) {
	store, hang := storagetest.NewLocal(t), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	r := &receiver{Server: server}
	o := New(store, Options{Find: fixed(r.channel("a", event.Filter{}))})
	o.Tell(event.Event{Kind: event.CleanupOdd})
	must(t, o.Write(t.Context()))
	for i, c := range []struct {
		patience time.Duration
		failures int
	}{{time.Minute, 0}, {20 * time.Millisecond, 1}} {
		o.patience = c.patience
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // until it is asked, on a busy machine
		o.Deliver(ctx)
		cancel()
		status, err := o.Statuses(t.Context())
		if err != nil || status[0].Failures != c.failures || status[0].Waiting != 1 || status[0].RetryAt.IsZero() != (c.failures == 0) {
			t.Errorf("%d: %+v %v", i, status, err)
		}
	}
}

// Whoever dies on the way loses nothing: the next one tells what is in the state and not in the queue, and takes a channel over whose server is silent.
func TestProcessesThatDie(t *testing.T) {
	store, at := storagetest.NewLocal(t), &clock{t: time.Now()}
	r := receive(t)
	options := Options{Find: fixed(r.channel("a", event.Filter{Digest: event.Daily})), Now: at.now}
	o := New(store, options)
	held := []event.Condition{{Kind: event.Overdue, Source: "shop", Severity: event.Critical, Since: at.now().Add(-time.Hour)}}
	settle := func() {
		must(t, o.Settle(t.Context(), func(context.Context) ([]event.Condition, func(string) bool, error) { return held, all, nil }, func(p string) *event.Summary { return &event.Summary{Period: p} }))
	}
	dead, _ := event.State{}.Next(at.now(), held, all)
	dead.Due(event.Daily, at.now())
	_, err := o.putState(t.Context(), dead, storage.Condition{IfAbsent: true})
	must(t, err)
	settle()
	settle()
	rec := record{Version: 1, Name: "a", Since: at.now().Add(-time.Minute), Token: "of a dead one"}
	s := &service{o: o, c: r.channel("a", event.Filter{}), rec: rec}
	must(t, s.save(t.Context()))
	must(t, o.Deliver(t.Context()))
	expect(t, "while another one may be at it", r.has())
	at.add(3 * time.Minute)
	must(t, o.Deliver(t.Context()))
	expect(t, "after its time", r.has(), "overdue")

	at.add(24 * time.Hour) // by another process
	o = New(store, options)
	settle()
	must(t, o.Deliver(t.Context()))
	expect(t, "a day later", r.has(), "overdue", "digest")
	held = nil
	settle()
	settle()
	must(t, o.Deliver(t.Context()))
	expect(t, "when it is over", r.has(), "recovered")
	state, _, err := o.state(t.Context())
	if err != nil || len(state.Open) != 0 || len(state.Pending) != 0 {
		t.Errorf("%+v %v", state, err)
	}

	// A new channel is not told the history, and damaged records are begun anew.
	at.add(2 * time.Hour)
	late := receive(t)
	o = New(store, Options{Find: fixed(late.channel("late", event.Filter{Least: event.Info})), Now: at.now})
	for _, key := range []string{StateKey, channelKey("late"), QueuePrefix + "00000000000000000000000000.json"} {
		if _, err := store.Put(t.Context(), key, []byte("{"), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	o.Tell(event.Event{Kind: event.LinkMade})
	must(t, o.Write(t.Context()))
	must(t, o.Deliver(t.Context()))
	expect(t, "a new channel", late.has(), "link_made")
	events, more, err := o.List(t.Context(), "", 2)
	if err != nil || len(events) != 2 || !more || events[0].Kind != event.LinkMade || events[1].Kind != event.Recovered {
		t.Errorf("%+v %v %v", events, more, err)
	}
	if rest, more, err := o.List(t.Context(), events[1].ID, 10); err != nil || len(rest) != 3 || more {
		t.Errorf("%+v %v %v", rest, more, err)
	}
}

// Of what nobody wants nothing is kept; a crowd of events is bounded.
func TestBounds(t *testing.T) {
	r := receive(t)
	o := New(storagetest.NewLocal(t), Options{Find: fixed(r.channel("a", event.Filter{}))})
	_, err := o.Channels(t.Context()) // until then it keeps everything
	must(t, err)
	o.Tell(event.Event{Kind: event.BackupEnded})
	if o.Pending() {
		t.Error("it keeps what nobody wants")
	}
	for range maxMemory + 5 {
		o.Tell(event.Event{Kind: event.CleanupOdd})
	}
	if len(o.waiting) != maxMemory || o.lost != 5 {
		t.Errorf("%d wait, %d are lost", len(o.waiting), o.lost)
	}
	for failures, want := range map[int]time.Duration{0: time.Minute, 1: time.Minute, 2: 2 * time.Minute, 6: 32 * time.Minute, 7: time.Hour, 1 << 30: time.Hour} {
		if got := backoff(failures, 0); got != want {
			t.Errorf("%d failures: %s", failures, got)
		}
	}
	if backoff(1, 10*time.Minute) != 10*time.Minute || backoff(1, 48*time.Hour) != time.Hour {
		t.Error("what a receiver asks for is not kept, or too much of it")
	}
	if answer, err := o.Try(t.Context(), "a", "ana"); err != nil || answer != "HTTP 200" {
		t.Errorf("%q %v", answer, err)
	}
	if _, err := o.Try(t.Context(), "b", "ana"); err == nil {
		t.Error("a channel that is not there")
	}
}

// Neither a record that says "not before the year 9999" nor a queue full of events of that year keeps people from being told: a clock was ahead once, or
// somebody else can write to the bucket.
func TestTimesAhead(t *testing.T) {
	r := receive(t)
	store := storagetest.NewLocal(t)
	o := New(store, Options{Find: fixed(r.channel("a", event.Filter{}))})
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	data, err := json.Marshal(record{Version: 1, Name: "a", Since: far, RetryAt: far, FailingSince: far, LastSent: far, Sent: -7, Failures: 3})
	must(t, err)
	_, err = store.Put(t.Context(), channelKey("a"), data, storage.PutOptions{})
	must(t, err)
	for range 3 {
		e := event.Event{Kind: event.CleanupOdd}.Ready(far)
		_, err = store.Put(t.Context(), QueuePrefix+e.ID+".json", []byte("{}"), storage.PutOptions{})
		must(t, err)
	}
	if all, err := o.Statuses(t.Context()); err != nil || len(all) != 1 || !all[0].FailingSince.IsZero() || !all[0].LastSent.IsZero() || all[0].Sent != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	o.Tell(event.Event{Kind: event.CleanupOdd})
	must(t, o.Write(t.Context()))
	must(t, o.Deliver(t.Context()))
	expect(t, "what was told", r.has(), "cleanup_odd")
	if ids, surplus, err := o.queue(t.Context()); err != nil || len(ids) != 1 || len(surplus) != 0 {
		t.Errorf("%v %v %v", ids, surplus, err)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"name":"a","done":["00000000000000000000000000","x"],"lastError":"b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRecord(data)
		if err != nil {
			return
		}
		for _, id := range r.Done {
			if !event.ValidID(id) {
				t.Errorf("%q", id)
			}
		}
		if len(r.LastError) > maxWords {
			t.Errorf("%d bytes", len(r.LastError))
		}
		r.due(r.Done)
	})
}

// Another channel of the name of one that is gone gets nothing of what was before it was made, whatever the old one was told; while it cannot be found
// out which channels there are, those that there were are told, and nothing is lost.
func TestChannelsComeAndGo(t *testing.T) {
	store, r := storagetest.NewLocal(t), receive(t)
	at := &clock{t: time.Now()}
	var there []Channel
	var trouble error
	var more bool
	o := New(store, Options{Find: func(context.Context) ([]Channel, bool, error) { return there, more, trouble }, Now: at.now})
	made := func() Channel {
		c := r.channel("a", event.Filter{})
		c.Config.Made = at.now()
		return c
	}
	trouble = errors.New("away")
	o.Tell(event.Event{Kind: event.CleanupOdd}) // nobody knows whether somebody wants it
	if err := o.Write(t.Context()); !errors.Is(err, trouble) || !o.Pending() {
		t.Errorf("%v", err)
	}
	trouble, there = nil, []Channel{made()}
	must(t, o.Write(t.Context()))
	must(t, o.Deliver(t.Context()))
	expect(t, "the first", r.has(), "cleanup_odd")
	r.answers(500)
	at.add(time.Minute)
	o.Tell(event.Event{Kind: event.CleanupOdd})
	must(t, o.Write(t.Context()))
	must(t, o.Deliver(t.Context()))
	r.answers(200)
	at.add(time.Minute)
	there = []Channel{made()} // another one
	must(t, o.Deliver(t.Context()))
	expect(t, "what waited for the old one", r.has())
	trouble = errors.New("away")
	at.add(time.Minute)
	o.Tell(event.Event{Kind: event.SettingsChanged})
	must(t, o.Write(t.Context()))
	must(t, o.Deliver(t.Context()))
	expect(t, "while that is not known", r.has(), "settings_changed")
	trouble, there = nil, nil
	at.add(time.Minute)
	o.Tell(event.Event{Kind: event.CleanupOdd})
	must(t, o.Write(t.Context()))
	must(t, o.Deliver(t.Context()))
	o.Forget(t.Context(), "a")
	expect(t, "one that is gone", r.has())

	// What this process knows nobody to want is kept for who knows more.
	more = true
	at.add(time.Minute)
	must(t, o.Write(t.Context()))
	o.Tell(event.Event{Kind: event.BackupEnded})
	must(t, o.Write(t.Context()))
	if events, _, err := o.List(t.Context(), "", 1); err != nil || len(events) != 1 || events[0].Kind != event.BackupEnded {
		t.Errorf("%v %v", events, err)
	}
}
