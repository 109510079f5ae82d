package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"
)

// View is the records as they were at one moment, for reading. All readers of a process share one while registry.json stays the
// same, and none of them can change it: what it returns are copies.
type View struct {
	index *Index
	r     *Registry // for the pages
}

// Read returns the records as they are now: one request when registry.json is as this process last read it. What it does with a
// missing, damaged or newer one is what [Registry.Load] does.
func (r *Registry) Read(ctx context.Context) (*View, error) {
	s := &r.shared
	seen := s.now()
	if v, err := r.present(ctx, seen); v != nil || err != nil {
		return v, err
	}
	begun := s.begun()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	last := s.now()
	if last.number > begun { // loaded since this call began
		return last.view, last.err
	}
	if last.number != seen.number {
		if v, err := r.present(ctx, last); v != nil || err != nil {
			return v, err
		}
	}
	l := load{number: s.begin()}
	l.view, l.as, l.err = r.view(ctx)
	if l.err == nil || ctx.Err() == nil { // that this caller went away is no concern of others
		s.set(l)
	}
	return l.view, l.err
}

// present returns the view that was loaded, if registry.json is still what it was read from; nil if not.
func (r *Registry) present(ctx context.Context, l load) (*View, error) {
	if l.view == nil || l.as.ETag == "" {
		return nil, nil
	}
	o, err := r.store.Head(ctx, IndexKey)
	switch {
	case err != nil && !storage.IsNotFound(err):
		return nil, fmt.Errorf("read registry.json: %w", err)
	case err != nil || o.ETag != l.as.ETag || o.Size != l.as.Size:
		return nil, nil
	}
	return l.view, nil
}

// view reads registry.json and parses it.
func (r *Registry) view(ctx context.Context) (*View, storage.Object, error) {
	s, err := r.load(ctx)
	var unwritten *errUnwritten
	if errors.As(err, &unwritten) {
		r.log.Warn("the rebuilt registry.json could not be written", "error", err.Error())
		return &View{unwritten.index, r}, storage.Object{}, nil
	}
	if err != nil {
		return nil, storage.Object{}, err
	}
	return &View{s.index, r}, storage.Object{ETag: s.etag, Size: int64(len(s.data))}, nil
}

// shared is what the readers of one process have in common.
type shared struct {
	turn chan struct{} // one reader at a time loads, so that the bytes in flight are those of one registry.json

	mu    sync.Mutex
	loads int // begun
	last  load
}

// load is what became of reading registry.json.
type load struct {
	number int
	view   *View
	as     storage.Object // ETag and size of what it was read from; no ETag where there was none
	err    error
}

func (s *shared) now() load {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *shared) begun() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// begin returns the number of a new load. What was loaded before is not the present one: there is no need to hold both.
func (s *shared) begin() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	s.last.view = nil
	return s.loads
}

func (s *shared) set(l load) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = l
}

// Load returns a copy of the index, which the caller may change: one request when all is well. A missing or damaged registry.json
// is rebuilt first; one from a newer version is refused (newer_version). Where the rebuilt one may not be written (read-only
// credentials), it is returned all the same.
func (r *Registry) Load(ctx context.Context) (*Index, error) {
	v, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	return v.copy(), nil
}

func (v *View) copy() *Index {
	x := *v.index
	x.Backups, x.Pages = slices.Clone(x.Backups), slices.Clone(x.Pages)
	return &x
}

// View returns the records of an index as it is now, without those in pages.
func (x *Index) View() *View { return &View{index: (&View{index: x}).copy()} }

// Len returns the number of backups.
func (v *View) Len() int {
	n := len(v.index.Backups)
	for i := range v.index.Pages {
		n += v.index.Pages[i].Count
	}
	return n
}

// ViewOf returns the records of an index, its pages included. The index must not change meanwhile.
func (r *Registry) ViewOf(x *Index) *View { return &View{x, r} }

// Counts are of all backups.
type Counts struct {
	Bytes                              int64 // stored
	Verified, Damaged, Failed, Running int
	Succeeded                          int // damaged ones too
}

// Count counts all backups.
func (v *View) Count() (c Counts) {
	for i := range v.index.Backups {
		b := &v.index.Backups[i]
		c.Bytes += b.Size
		switch {
		case b.Verified():
			c.Verified++
		case b.Damaged():
			c.Damaged++
		}
		switch b.Status {
		case Success:
			c.Succeeded++
		case Failed:
			c.Failed++
		case InProgress:
			c.Running++
		}
	}
	for i := range v.index.Pages {
		p := &v.index.Pages[i]
		c.Bytes += p.Bytes
		c.Verified += p.Good
		c.Damaged += p.Damaged
		c.Failed += p.Failed
		c.Succeeded += p.Succeeded
	}
	return c
}

// Newest returns the backups that have not settled, in the order of their ids, which is oldest first.
func (v *View) Newest() iter.Seq[Backup] { return slices.Values(v.index.Backups) }

// Pages returns what is known of the pages of settled backups, the oldest first. Nothing in it may be changed.
func (v *View) Pages() []Page { return v.index.Pages }

// Sources returns the tallies of a page, and how many successful backups each user of the API has in it: by reading it, where
// registry.json does not say.
func (v *View) Sources(ctx context.Context, p *Page) ([]Tally, map[string]int, error) {
	if p.told() {
		return p.Sources, p.Users, nil
	}
	if t, ok := v.r.told.get(p.Key); ok {
		return t.Sources, t.Users, nil
	}
	backups, err := v.Page(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	t := *p
	t.sumUp(backups)
	v.r.told.put(p.Key, t)
	return t.Sources, t.Users, nil
}

// Page returns the records of a page, in the order of their ids. Nobody may change them.
func (v *View) Page(ctx context.Context, p *Page) ([]Backup, error) {
	backups, err := v.r.page(ctx, p)
	return backups, v.orMoved(ctx, err)
}

// orMoved returns why a page could not be read: it is not lost where registry.json does not name it any more.
func (v *View) orMoved(ctx context.Context, err error) error {
	if IsLostPage(err) {
		if merr := v.r.moved(ctx, v.index); merr != nil {
			return merr
		}
	}
	return err
}

// Reading calls use with the records as they are now, and once more when pages were replaced while it read them.
func (r *Registry) Reading(ctx context.Context, use func(*View) error) error {
	for try := 0; ; try++ {
		v, err := r.Read(ctx)
		if err != nil {
			return err
		}
		if err = use(v); !storage.IsPrecondition(err) || try == maxRereads {
			return err
		}
		if err := pause.For(ctx, backoff(try, time.Millisecond)); err != nil {
			return err
		}
	}
}

// Walk returns the backups, newest first, but for the pages that skip says (nil: none). A page that cannot be read is an error,
// behind which the walk goes on; see [IsLostPage]. One that was replaced meanwhile ends it: see [Registry.Reading].
func (v *View) Walk(ctx context.Context, skip func(*Page) bool) iter.Seq2[Backup, error] {
	return v.walk(ctx, skip, v.Page)
}

// Search is Walk for who looks for a text in records, in any case: pages are not parsed but for records that may hold it. Others
// are among what it returns.
func (v *View) Search(ctx context.Context, text string, skip func(*Page) bool) iter.Seq2[Backup, error] {
	if text == "" || !plainText(text) {
		return v.Walk(ctx, skip)
	}
	return v.walk(ctx, skip, func(ctx context.Context, p *Page) ([]Backup, error) {
		backups, err := v.r.grep(ctx, p, strings.ToLower(text))
		return backups, v.orMoved(ctx, err)
	})
}

func (v *View) walk(ctx context.Context, skip func(*Page) bool, read func(context.Context, *Page) ([]Backup, error)) iter.Seq2[Backup, error] {
	return func(yield func(Backup, error) bool) {
		newest := len(v.index.Backups)
		before := func(id string) bool { // those that did not settle with others of their time
			for newest > 0 && v.index.Backups[newest-1].ID > id {
				if newest--; !yield(v.index.Backups[newest], nil) {
					return false
				}
			}
			return true
		}
		for i := len(v.index.Pages) - 1; i >= 0; i-- {
			p := &v.index.Pages[i]
			if !before(p.Last) {
				return
			}
			if skip != nil && skip(p) {
				continue
			}
			backups, err := read(ctx, p)
			if err != nil && (!yield(Backup{}, err) || !IsLostPage(err)) {
				return
			}
			for _, b := range slices.Backward(backups) {
				if !before(b.ID) || !yield(b, nil) {
					return
				}
			}
		}
		before("")
	}
}

// Find returns the record with this id. Where its page is lost it is read from its manifest.
func (v *View) Find(ctx context.Context, id string) (b Backup, found bool, err error) {
	if i, ok := v.index.search(id); ok {
		return v.index.Backups[i], true, nil
	}
	i, ok := v.index.pageAt(id)
	if !ok {
		return b, false, nil
	}
	backups, err := v.Page(ctx, &v.index.Pages[i])
	if IsLostPage(err) {
		return v.r.findLost(ctx, id)
	}
	g := segment{backups: backups}
	if i, ok := g.search(id); ok {
		return backups[i], true, err
	}
	return b, false, err
}

// findLost returns the record of a backup whose page is lost.
func (r *Registry) findLost(ctx context.Context, id string) (Backup, bool, error) {
	m, err := r.manifest(ctx, id)
	if storage.IsNotFound(err) {
		return Backup{}, false, nil
	}
	if err != nil {
		return Backup{}, false, err
	}
	b := m.Backup
	if err = r.verify(ctx, []found{{id: id}}, func(string) *Backup { return &b }); err != nil {
		return b, true, err
	}
	pin, err := r.pin(ctx, id)
	if err == nil {
		b.Pin = &pin
	}
	if storage.IsNotFound(err) {
		err = nil
	}
	return b, true, err
}

// find returns the record with this id, as it is now; nil where there is none.
func (r *Registry) find(ctx context.Context, id string) (b *Backup, err error) {
	err = r.Reading(ctx, func(v *View) error {
		rec, ok, err := v.Find(ctx, id)
		if b = nil; ok {
			b = &rec
		}
		return err
	})
	return b, err
}

// Settings returns what registry.json says; see [Settings.SavedAt].
func (v *View) Settings() Settings { return v.index.Settings }

// LastCleanup returns when retention was last applied; zero for never.
func (v *View) LastCleanup() time.Time {
	if v.index.LastCleanup == nil {
		return time.Time{}
	}
	return *v.index.LastCleanup
}

// Lost returns the last backup of a source that the schedule asked for, where its process died or was stopped: it is worth another try. The
// one after another one that ended so is not, since it may be the backup that its process dies of. nil where there is none.
func (v *View) Lost(name string) *Backup {
	last, before := v.index.lastTwo(name)
	if last == nil || last.Ended() != Interrupted || before != nil && before.Ended() == Interrupted {
		return nil
	}
	return last
}

// BeingMade returns the last backup of a source that the schedule asked for, while it is in progress; nil where it is not.
func (v *View) BeingMade(name string) *Backup { return v.index.BeingMade(name) }

// BeingMade is that of [View.BeingMade].
func (x *Index) BeingMade(name string) *Backup {
	if last, _ := x.lastTwo(name); last != nil && last.Status == InProgress {
		return last
	}
	return nil
}

// ScheduledUntil returns when the last backup of a source that the schedule asked for ended, by its record; zero where that says nothing: of one that is being
// made, or was lost, or has settled. What bears a time after now was made by a clock that was wrong, and does not count.
func (v *View) ScheduledUntil(name string, now time.Time) time.Time {
	last, _ := v.index.lastTwo(name)
	if last == nil || last.Status == InProgress || last.Duration <= 0 || last.Duration > int64(math.MaxInt64/time.Millisecond) || v.Lost(name) != nil {
		return time.Time{}
	}
	if end := last.CreatedAt.Add(time.Duration(last.Duration) * time.Millisecond); !end.After(now) {
		return end
	}
	return time.Time{}
}

// lastTwo are the last backup of a source that the schedule asked for, and the one before; nil for what has settled.
func (x *Index) lastTwo(name string) (last, before *Backup) {
	for i := range x.Backups {
		if b := &x.Backups[i]; b.Trigger == TriggerSchedule && b.SourceName() == name {
			last, before = b, last
		}
	}
	return last, before
}

// lostBy is how much earlier than it was begun a backup was due that is the first of its source.
const lostBy = time.Minute

// LastScheduled returns when the last backup of a source that the schedule asked for was begun, whatever became of it, unless it was lost (see Lost); zero
// where there is none. What bears a time after now was made by a clock that was wrong, and does not count.
func (v *View) LastScheduled(name string, now time.Time) (last time.Time) {
	lost := v.Lost(name)
	note := func(at time.Time) {
		if at.After(last) && !at.After(now) {
			last = at
		}
	}
	for b := range v.Newest() {
		if b.Trigger == TriggerSchedule && b.SourceName() == name && (lost == nil || b.ID != lost.ID) {
			note(b.CreatedAt)
		}
	}
	for _, p := range v.index.Pages {
		for i := range p.Sources {
			if p.Sources[i].Source == name {
				note(p.Sources[i].LastScheduled)
			}
		}
	}
	if last.IsZero() && lost != nil {
		note(lost.CreatedAt.Add(-lostBy))
	}
	return last
}

// CheckSettings returns an error, settings_lost, when a rebuild could not tell which settings had been saved.
func (v *View) CheckSettings() error { return v.index.Settings.check() }

func (s Settings) check() error {
	if !s.Lost {
		return nil
	}
	return fault.New(fault.Validation, fault.SettingsLost,
		"Save them on the Settings screen. Without a server: remove settings.json and registry.json from the backup directory; then the environment's settings apply.",
		"saved settings are lost or damaged; cleanup is paused until they are saved again")
}
