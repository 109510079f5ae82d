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
		return source.Record{Name: name}, "", nil
	}
	var rec source.Record
	if err == nil {
		rec, err = parseSource(name, data)
	}
	if err != nil {
		return rec, "", fmt.Errorf("read what is known of source %q: %w", name, err)
	}
	return rec, o.ETag, nil
}

func parseSource(name string, data []byte) (source.Record, error) {
	var rec source.Record
	if err := decode(SourceKey(name), data, &rec); err != nil {
		return rec, err
	}
	switch {
	case rec.Version > IndexVersion:
		return rec, newerVersion(SourceKey(name), rec.Version)
	case rec.Name != name:
		return rec, damagedRecord(nil, SourceKey(name))
	}
	return rec, nil
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
		rec.Version, rec.Name = IndexVersion, name
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
		if err := sleep(ctx, backoff(try, time.Millisecond)); err != nil {
			return old, err
		}
	}
}

// Sources returns the records of all sources, by name. One that is not what cofre writes is passed over with a warning.
func (r *Registry) Sources(ctx context.Context) ([]source.Record, error) {
	var names []string
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: SourcesPrefix}) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", SourcesPrefix, err)
		}
		if name := sourceOf(o.Key); name != "" {
			names = append(names, name)
		}
	}
	var (
		out  = make([]source.Record, len(names))
		errs = make([]error, len(names))
		wg   sync.WaitGroup
		room = make(chan struct{}, readers)
	)
	for i, name := range names {
		room <- struct{}{}
		wg.Go(func() { defer func() { <-room }(); out[i], _, errs[i] = r.sourceRecord(ctx, name) })
	}
	wg.Wait()
	var kept []source.Record
	for i, err := range errs {
		switch {
		case err == nil && out[i].Version > 0: // not removed meanwhile
			kept = append(kept, out[i])
		case isDamaged(err):
			r.log.Warn("record passed over", "key", SourceKey(names[i]), "error", err.Error())
		case err != nil:
			return nil, err
		}
	}
	slices.SortFunc(kept, func(a, b source.Record) int { return strings.Compare(a.Name, b.Name) })
	return kept, nil
}

// Adopt gives the backups that were made of the database of this name before sources were known to the source, and returns
// how many there were. From then on they count in the source's rows. Their manifests stay as they are: what a rebuild goes
// by is the source's record, which is written first.
func (r *Registry) Adopt(ctx context.Context, name string, now time.Time) (int, error) {
	rec, err := r.Source(ctx, name)
	if err != nil {
		return 0, err
	}
	x, err := r.Load(ctx)
	if err != nil {
		return 0, err
	}
	if database := adopts(rec); !slices.ContainsFunc(x.Backups, func(b Backup) bool { return b.Source == "" && b.Database == database }) {
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
	n := 0
	err = r.Update(ctx, func(x *Index) error {
		n = x.adopt([]source.Record{rec})
		if n == 0 {
			return errUnchanged
		}
		return nil
	})
	return n, err
}

// adopts names the database whose old backups a source takes.
func adopts(rec source.Record) string {
	if rec.Database != "" {
		return rec.Database
	}
	return rec.Name
}

// adopt gives old backups to the sources that adopted them.
func (x *Index) adopt(records []source.Record) (n int) {
	names := map[string]string{}
	for _, rec := range records {
		if rec.Adopted {
			names[adopts(rec)] = rec.Name
		}
	}
	for i := range x.Backups {
		if b := &x.Backups[i]; b.Source == "" && names[b.Database] != "" {
			b.Source = names[b.Database]
			n++
		}
	}
	return n
}

// NoteSource puts a source on record of which nothing is known yet.
func (r *Registry) NoteSource(ctx context.Context, name string, now time.Time) error {
	_, err := r.ChangeSource(ctx, name, now, func(rec source.Record) (source.Record, error) { return rec, nil })
	return err
}
