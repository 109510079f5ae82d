package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"time"

	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// hashes is a set of texts, by their hash, since there may be a million: one that is not in it for sure is not.
type hashes map[uint64]struct{}

type (
	paths = hashes // of files
	idSet = hashes
)

var hashSeed = maphash.MakeSeed()

func (h hashes) add(text string) { h[maphash.String(hashSeed, text)] = struct{}{} }

func (h hashes) has(text string) bool {
	_, ok := h[maphash.String(hashSeed, text)]
	return ok
}

// note adds the path of a backup that has its object. A failed one has given it free.
func (h hashes) note(b *Backup) {
	if b.Status != Failed {
		h.add(b.Filepath)
	}
}

// between returns the part of a list, which is in the order of ids, from first to last.
func between(list []found, first, last string) []found {
	byID := func(f found, id string) int { return strings.Compare(f.id, id) }
	i, _ := slices.BinarySearchFunc(list, first, byID)
	j, there := slices.BinarySearchFunc(list, last, byID)
	if there {
		j++
	}
	return list[i:max(i, j)]
}

func contains(list []found, id string) bool { return len(between(list, id, id)) == 1 }

func hashFound(list []found) string {
	h := sha256.New()
	for _, f := range list {
		io.WriteString(h, f.id+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// candidate is a page that a rebuild found.
type candidate struct {
	Page
	at    time.Time // when it was written, by the service's clock
	exact bool      // there are manifests for just the backups in it
}

// freshly is how long before a page was written a validation may have been recorded and not be in it.
const freshly = time.Hour

// collectPages takes over the pages that are there, as far as there are manifests for what is in them, and returns the manifests
// that no page has, by id. list is all manifests that count, by id, and verifications all of those. known gets the paths of what is
// in the pages. Pages that were replaced may be among those that are there: of several with the same ids one is taken that agrees with
// the manifests, or else the newest.
// One page is in memory at a time, but for those that have to be written again.
func (r *Registry) collectPages(ctx context.Context, x *Index, list, verifications []found, known paths) (loose []found, err error) {
	candidates, err := r.findPages(ctx, list)
	if err != nil || len(candidates) == 0 {
		return list, err
	}
	var taken []candidate
	for _, c := range candidates {
		if !slices.ContainsFunc(taken, func(o candidate) bool { return c.First <= o.Last && o.First <= c.Last }) {
			taken = append(taken, c)
		}
	}
	slices.SortFunc(taken, func(a, b candidate) int { return strings.Compare(a.First, b.First) })
	rest := list
	for _, c := range taken {
		here := between(list, c.First, c.Last)
		before := between(rest, "", c.First)
		if n := len(before); n > 0 && before[n-1].id == c.First {
			before = before[:n-1]
		}
		loose = append(loose, before...)
		rest = rest[len(before):]
		rest = rest[len(between(rest, c.First, c.Last)):]
		missing, err := r.takePage(ctx, x, c, here, between(verifications, c.First, c.Last), known)
		if err != nil {
			return nil, err
		}
		loose = append(loose, missing...)
	}
	return append(loose, rest...), nil
}

// findPages reads all pages, one after the other, and sorts them by how far they are to be believed.
func (r *Registry) findPages(ctx context.Context, list []found) ([]candidate, error) {
	var out []candidate
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: PagesPrefix}) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", PagesPrefix, err)
		}
		if !strings.HasSuffix(o.Key, pageSuffix) {
			continue
		}
		backups, data, err := r.strayPage(ctx, o.Key)
		if storage.IsNotFound(err) {
			continue
		}
		if isDamaged(err) {
			r.log.Warn("page of records skipped", "key", o.Key, "error", err.Error())
			continue
		}
		if err != nil {
			return nil, err
		}
		c := candidate{Page: describePage(backups, data), at: o.LastModified}
		c.Key = o.Key
		if c.check() != nil {
			r.log.Warn("page of records skipped", "key", o.Key, "error", "its name is not that of what it holds")
			continue
		}
		c.exact = hashFound(between(list, c.First, c.Last)) == c.IDs
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b candidate) int {
		if a.exact != b.exact {
			return map[bool]int{true: -1, false: 1}[a.exact]
		}
		return cmp.Or(b.at.Compare(a.at), strings.Compare(a.Key, b.Key))
	})
	return out, nil
}

// strayPage reads a page of which registry.json says nothing, and returns the records and the bytes that were packed.
func (r *Registry) strayPage(ctx context.Context, key string) ([]Backup, []byte, error) {
	packed, _, err := r.get(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	return parsePage(key, packed, nil)
}

// takePage takes a page over. What has no manifest any more is left out; what has been validated since it was written is looked up.
// It returns the manifests of its range that are not in it.
func (r *Registry) takePage(ctx context.Context, x *Index, c candidate, manifests, verifications []found, known paths) (missing []found, err error) {
	backups, _, err := r.strayPage(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	there := &segment{backups: slices.DeleteFunc(backups, func(b Backup) bool { return !contains(manifests, b.ID) })}
	for i := range there.backups {
		known.note(&there.backups[i])
	}
	for _, f := range manifests {
		if _, ok := there.search(f.id); !ok {
			missing = append(missing, f)
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(verifications), func(f found) bool { return f.at.Before(c.at.Add(-freshly)) || there.succeeded(f.id) == nil })
	page := c.Page
	x.Pages = append(x.Pages, page)
	if c.exact && len(fresh) == 0 {
		return missing, nil
	}
	there.page = &page
	x.open = append(x.open, there)
	return missing, r.verify(ctx, fresh, there.succeeded)
}

// recall puts the records of a lost page together again, from manifests and verifications.
func (r *Registry) recall(ctx context.Context, x *Index, p *Page) ([]Backup, error) {
	r.log.Warn("a page of records is lost, and is put together again from the manifests", "key", p.Key, "backups", p.Count)
	list, err := r.listRecords(ctx, ManifestsPrefix, p.First, p.Last)
	if err != nil {
		return nil, err
	}
	removing, err := r.removing(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(f found) bool { _, there := x.search(f.id); return there || removing[f.id] })
	g, err := r.segmentOf(ctx, list)
	if err != nil {
		return nil, err
	}
	if len(g.backups) < p.Count {
		if err := r.recallTagged(ctx, x, p, g, removing); err != nil {
			return nil, err
		}
	}
	verifications, err := r.listRecords(ctx, VerifiedPrefix, p.First, p.Last)
	if err != nil {
		return nil, err
	}
	if err := r.verify(ctx, verifications, g.succeeded); err != nil {
		return nil, err
	}
	if err := r.recallPins(ctx, p, g.succeeded); err != nil {
		return nil, err
	}
	records, err := r.adoptions(ctx)
	if err != nil {
		return nil, err
	}
	adopt(g.backups, records)
	return g.backups, nil
}

// recallTagged adds what has lost its manifest too, from the tags of objects that no record knows.
func (r *Registry) recallTagged(ctx context.Context, x *Index, p *Page, g *segment, removing map[string]bool) error {
	r.log.Warn("there are fewer manifests than the page had records", "key", p.Key, "backups", p.Count, "manifests", len(g.backups))
	known := paths{}
	for _, part := range [][]Backup{x.Backups, g.backups} {
		for i := range part {
			known.note(&part[i])
		}
	}
	for i := range x.Pages {
		if x.Pages[i].Key == p.Key {
			continue
		}
		backups, err := r.page(ctx, &x.Pages[i])
		if err != nil && !IsLostPage(err) {
			return err
		}
		for j := range backups {
			known.note(&backups[j])
		}
	}
	return r.eachTagged(ctx, known, func(b Backup) (err error) {
		if _, there := g.search(b.ID); p.holds(b.ID) && x.Find(b.ID) == nil && !there && !removing[b.ID] {
			if b, err = r.withoutManifest(ctx, b); err == nil {
				g.put(b)
			}
		}
		return err
	})
}

// openUnknown opens the pages with backups that a source has adopted and that do not say so yet: so many at most.
func (r *Registry) openUnknown(ctx context.Context, x *Index, records []source.Record, most int) error {
	names := adopters(records)
	for i := range x.Pages {
		p := &x.Pages[i]
		if len(x.open) < most && len(names) > 0 && (p.Untold || slices.ContainsFunc(p.Sources, func(t Tally) bool { return t.ServerUnknown > 0 && names[t.Source] != "" })) {
			if _, err := r.openPage(ctx, x, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// mendPages puts the pages together again that are lost or damaged, one after the other, and adds the paths of all pages to known.
func (r *Registry) mendPages(ctx context.Context, known paths) error {
	v, err := r.Read(ctx)
	if err != nil {
		return err
	}
	for i := range v.index.Pages {
		p := v.index.Pages[i]
		backups, err := v.Page(ctx, &p)
		for try := 0; try <= maxRereads && (IsLostPage(err) || storage.IsPrecondition(err)); try++ {
			// Each that is mended changes registry.json, so that the next one shows as lost by a new look alone.
			var lost *LostPage
			if errors.As(err, &lost) {
				if err := r.update(ctx, []string{lost.Page.First}, func(*Index) error { return nil }); err != nil && !storage.IsPrecondition(err) {
					return err
				}
			}
			backups, err = r.nowIn(ctx, p)
		}
		if err != nil {
			return err
		}
		for i := range backups {
			known.note(&backups[i])
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// restatePages has registry.json say of pages what an older version did not note, a few with one write.
func (r *Registry) restatePages(ctx context.Context) error {
	open := func(ctx context.Context, x *Index) error {
		for i := range x.Pages {
			if p := &x.Pages[i]; len(x.open) < adoptPages && !p.Untold && !p.Proofs {
				if _, err := r.openPage(ctx, x, i); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for more := true; more; {
		err := r.updateOpen(ctx, open, func(x *Index) error {
			if more = len(x.open) > 0; !more {
				return errUnchanged
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nowIn returns the settled records that stand in the place of a page.
func (r *Registry) nowIn(ctx context.Context, old Page) (all []Backup, err error) {
	err = r.Reading(ctx, func(v *View) error {
		all = nil
		for i := range v.index.Pages {
			if p := &v.index.Pages[i]; p.First <= old.Last && old.First <= p.Last {
				backups, err := v.Page(ctx, p)
				if err != nil {
					return err
				}
				all = append(all, backups...)
			}
		}
		return nil
	})
	return all, err
}

// sweepPages removes pages that registry.json does not name: a writer died, or lost the race, between writing them and naming
// them, or replaced them and died. It lists them, then changes registry.json, then removes those that it did not name then. A
// writer who had read registry.json before that change cannot name them any more, and one who reads it later writes pages under
// names of his own. So no page is removed that anybody could still name. They stay for as long as a lease, for those who still
// read them.
func (r *Registry) sweepPages(ctx context.Context) error {
	v, err := r.Read(ctx)
	if err != nil {
		return err
	}
	var stray []storage.Object
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: PagesPrefix}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", PagesPrefix, err)
		}
		if strings.HasSuffix(o.Key, pageSuffix) && !v.index.names(o.Key) {
			stray = append(stray, o)
		}
	}
	if len(stray) == 0 {
		return nil
	}
	now, err := r.storeNow(ctx)
	if err != nil {
		return err
	}
	stray = slices.DeleteFunc(stray, func(o storage.Object) bool { return now.Sub(o.LastModified) <= r.lease })
	if len(stray) == 0 {
		return nil
	}
	var index Index
	err = r.Update(ctx, func(x *Index) error {
		x.Swept++
		index.Pages = slices.Clone(x.Pages)
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range stray {
		if index.names(o.Key) {
			continue
		}
		if err := r.store.Delete(ctx, o.Key); err != nil {
			return fmt.Errorf("remove %s: %w", o.Key, err)
		}
	}
	return nil
}

// names reports whether the index names this page.
func (x *Index) names(key string) bool {
	return slices.ContainsFunc(x.Pages, func(p Page) bool { return p.Key == key })
}
