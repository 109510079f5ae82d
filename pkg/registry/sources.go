package registry

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// Source returns a source's record; a zero one with its name where none is kept yet.
func (r *Registry) Source(ctx context.Context, name string) (source.Record, error) {
	rec, _, err := r.sourceRecord(ctx, name)
	return rec, err
}

func (r *Registry) sourceRecord(ctx context.Context, name string) (source.Record, string, error) {
	data, o, err := r.get(ctx, SourceKey(name))
	if storage.IsNotFound(err) {
		return source.Record{Name: name}, "", r.nameTaken(ctx, name)
	}
	var rec source.Record
	if err == nil {
		rec, err = parseSource(name, data)
	}
	if err != nil {
		return rec, o.ETag, fmt.Errorf("read what is known of source %q: %w", name, err)
	}
	return rec, o.ETag, nil
}

func parseSource(name string, data []byte) (source.Record, error) {
	var rec source.Record
	err := decode(SourceKey(name), data, &rec)
	switch {
	case isDamaged(err):
		return rec, damagedSource(err, name)
	case err != nil:
		return rec, err
	case rec.Version > recordVersion:
		return rec, newerVersion(SourceKey(name), rec.Version, recordVersion)
	case rec.Name != name && strings.EqualFold(rec.Name, name): // on a file system that takes both for one
		return rec, sameButCase(name, rec.Name)
	case rec.Name != name:
		return rec, damagedSource(nil, name)
	}
	return rec, nil
}

func damagedSource(err error, name string) error {
	return fault.Wrap(err, fault.Validation, fault.StructureDamaged,
		"Nothing was changed. Delete that object: the next backup of the source puts on record anew which server it is. Backups of the source stay; only if it had adopted older ones it has to adopt them again.",
		"%s is not what cofre writes there", SourceKey(name))
}

// nameTaken refuses the name of a source of which nothing is known when another one differs from it by upper and lower case only:
// file systems, and people, take the two for one.
func (r *Registry) nameTaken(ctx context.Context, name string) error {
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: SourcesPrefix}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", SourcesPrefix, err)
		}
		if other := sourceOf(o.Key); other != name && strings.EqualFold(other, name) {
			return sameButCase(name, other)
		}
	}
	return nil
}

func sameButCase(name, other string) error {
	return fault.New(fault.Validation, fault.ServerChanged, "Write it as the source that is there, or give this database another source name (BACKUP_SOURCE).",
		"the source name %q differs from %q, which is there already, by upper and lower case only", name, other)
}

// ChangeSource changes a source's record by compare-and-swap and returns the new one. change may be called several times and
// must depend on nothing but its argument; an error of it ends the change, and nothing is written then, nor when it changes
// nothing. now is written as the time when the source was first seen.
func (r *Registry) ChangeSource(ctx context.Context, name string, now time.Time, change func(source.Record) (source.Record, error)) (source.Record, error) {
	if err := source.CheckName(name); err != nil {
		return source.Record{}, err
	}
	for try := 0; ; try++ {
		old, etag, err := r.sourceRecord(ctx, name)
		if err != nil {
			return old, err
		}
		rec, err := change(old)
		if err != nil {
			return old, err
		}
		rec.Version, rec.Name = recordVersion, name
		if rec.FirstSeen.IsZero() {
			rec.FirstSeen = now.UTC().Truncate(time.Second)
		}
		if etag != "" && reflect.DeepEqual(old, rec) {
			return rec, nil
		}
		_, err = r.putJSON(ctx, SourceKey(name), rec, storage.Condition{IfMatch: etag, IfAbsent: etag == ""})
		if err == nil {
			return rec, nil
		}
		if !storage.IsPrecondition(err) && !storage.IsNotFound(err) || try == maxCollisions {
			return old, fmt.Errorf("write what is known of source %q: %w", name, err)
		}
		if err := pause.For(ctx, backoff(try, time.Millisecond)); err != nil {
			return old, err
		}
	}
}

// Sources returns the records of all sources, by name; and, by name too, why others cannot be read: a newer cofre has written
// them, or something else than cofre.
func (r *Registry) Sources(ctx context.Context) ([]source.Record, map[string]error, error) {
	var found []storage.Object
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: SourcesPrefix}) {
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", SourcesPrefix, err)
		}
		if sourceOf(o.Key) != "" {
			found = append(found, o)
		}
	}
	var (
		out  = make([]source.Record, len(found))
		errs = make([]error, len(found))
		wg   sync.WaitGroup
		room = make(chan struct{}, readers)
	)
	for i, o := range found {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			out[i], errs[i] = r.sources.get(o, func() (source.Record, string, error) { return r.sourceRecord(ctx, sourceOf(o.Key)) })
		})
	}
	wg.Wait()
	r.sources.forget(len(found))
	var kept []source.Record
	unread := map[string]error{}
	for i, err := range errs {
		switch {
		case err == nil && out[i].Version > 0: // not removed meanwhile
			kept = append(kept, out[i])
		case isDamaged(err), fault.HasReason(err, fault.NewerVersion):
			unread[sourceOf(found[i].Key)] = err
		case err != nil:
			return nil, nil, err
		}
	}
	slices.SortFunc(kept, func(a, b source.Record) int { return strings.Compare(a.Name, b.Name) })
	return kept, unread, nil
}

// Adopt gives the backups that were made of the database of this name before sources were known to the source, and returns
// how many there were. From then on they count in the source's rows. Their manifests stay as they are: what a rebuild goes
// by is the source's record, which is written first.
func (r *Registry) Adopt(ctx context.Context, name string, now time.Time) (int, error) {
	rec, err := r.Source(ctx, name)
	if err != nil {
		return 0, err
	}
	some, err := r.anyUnknown(ctx, adopts(rec))
	if err != nil {
		return 0, err
	}
	if database := adopts(rec); !some {
		return 0, fault.New(fault.Validation, fault.NotFound, "List the backups there are with: cofre list",
			"there is no backup of a database %q from before sources were known", database)
	}
	rec, err = r.ChangeSource(ctx, name, now, func(rec source.Record) (source.Record, error) {
		rec.Adopted = true
		return rec, nil
	})
	if err != nil {
		return 0, err
	}
	open := func(ctx context.Context, x *Index) error {
		return r.openUnknown(ctx, x, []source.Record{rec}, adoptPages)
	}
	for total := 0; ; {
		n := 0
		err = r.updateOpen(ctx, open, func(x *Index) error {
			if n = x.adopt([]source.Record{rec}); n == 0 {
				return errUnchanged
			}
			return nil
		})
		if total += n; n == 0 || err != nil {
			return total, err
		}
	}
}

// adoptPages is how many pages are changed, or said more of, with one write of the index.
const adoptPages = 4

// adopts names the database whose old backups a source takes.
func adopts(rec source.Record) string {
	if rec.Database != "" {
		return rec.Database
	}
	return rec.Name
}

// anyUnknown reports whether there is a backup of this database from before sources were known.
func (r *Registry) anyUnknown(ctx context.Context, database string) (bool, error) {
	some := false
	err := r.Reading(ctx, func(v *View) error {
		skip := func(p *Page) bool {
			return !p.Untold && !slices.ContainsFunc(p.Sources, func(t Tally) bool { return t.ServerUnknown > 0 && t.Source == database })
		}
		for b, err := range v.Walk(ctx, skip) {
			if err != nil {
				return err
			}
			if b.Source == "" && b.Database == database {
				some = true
				return nil
			}
		}
		return nil
	})
	return some, err
}

// adopt gives old backups to the sources that adopted them, also in open pages.
func (x *Index) adopt(records []source.Record) int {
	n := adopt(x.Backups, records)
	for _, g := range x.open {
		n += adopt(g.backups, records)
	}
	return n
}

func adopt(backups []Backup, records []source.Record) (n int) {
	names := adopters(records)
	for i := range backups {
		if b := &backups[i]; b.Source == "" && names[b.Database] != "" {
			b.Source = names[b.Database]
			n++
		}
	}
	return n
}

// adopters returns the names of the sources that adopted old backups, by database.
func adopters(records []source.Record) map[string]string {
	names := map[string]string{}
	for _, rec := range records {
		if rec.Adopted {
			names[adopts(rec)] = rec.Name
		}
	}
	return names
}

// NoteSource puts a source on record of which nothing is known yet.
func (r *Registry) NoteSource(ctx context.Context, name string, now time.Time) error {
	_, err := r.ChangeSource(ctx, name, now, func(rec source.Record) (source.Record, error) { return rec, nil })
	return err
}

// ForgetSource removes the record of a source of which nothing is known but since when it was looked for. It is of nobody's use once nobody looks for it.
func (r *Registry) ForgetSource(ctx context.Context, name string) error {
	rec, etag, err := r.sourceRecord(ctx, name)
	if err != nil || etag == "" || !reflect.DeepEqual(rec, source.Record{Version: rec.Version, Name: name, FirstSeen: rec.FirstSeen}) {
		return err
	}
	if err := r.store.Delete(ctx, SourceKey(name)); err != nil {
		return fmt.Errorf("remove what is known of source %q: %w", name, err)
	}
	return nil
}
