package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// How records settle. registry.json holds the newest backups and those in progress. What is beyond is moved into pages, the oldest
// first and many at a time, inside the compare-and-swap of whoever adds one: the pages are written first, under names that were
// never used, then registry.json, which names them. Whoever dies in between, or loses the race, leaves pages that nothing names, and
// that reconcile removes (sweepPages). A page that was replaced is removed last. A reader who still goes by the old registry.json
// finds that its page is gone, and reads again.

// sizes are how much goes where.
type sizes struct {
	newest int // backups that registry.json keeps at least
	step   int // beyond newest, before any settle
	page   int // records in a page
	listed int // records that one listing may give: a service that lists without an end must not fill the memory
}

var usualSizes = sizes{newest: 10_000, step: 1_000, page: 10_000, listed: 4_000_000}

const (
	maxIndex  = 16 << 20 // bytes of registry.json
	indexRoom = 12 << 20 // bytes beyond which records settle that are not beyond the newest
)

// segment is a page that is open: its records can be found and changed in the index.
type segment struct {
	page    *Page // nil for a new one
	backups []Backup
	lost    bool // the page is to be written again, also where it says the same
}

func (g *segment) search(id string) (int, bool) {
	i := sort.Search(len(g.backups), func(i int) bool { return g.backups[i].ID >= id })
	return i, i < len(g.backups) && g.backups[i].ID == id
}

// succeeded returns the backup with an id, nil where it is not there or has failed.
func (g *segment) succeeded(id string) *Backup {
	if i, ok := g.search(id); ok && g.backups[i].Status == Success {
		return &g.backups[i]
	}
	return nil
}

// succeeded returns the backup with an id that is in the index or in an open page, nil where it is not there or has failed.
func (x *Index) succeeded(id string) *Backup {
	if b := x.Find(id); b != nil && b.Status == Success {
		return b
	}
	return nil
}

// segment returns the open page that has this id.
func (x *Index) segment(id string) (*segment, int) {
	for _, g := range x.open {
		if i, ok := g.search(id); ok {
			return g, i
		}
	}
	return nil, 0
}

// hold returns the index as it is, whatever settles in it afterwards.
func (x *Index) hold() *Index {
	held := *x
	held.Pages, held.open = slices.Clone(x.Pages), nil
	for _, g := range x.open {
		g.backups = slices.Clip(g.backups) // one more goes into a copy
		same := *g
		held.open = append(held.open, &same)
	}
	return &held
}

// Part is backups that follow on each other: those of a page, or last those that have not settled.
type Part struct {
	Page    *Page    // nil for the last part
	Backups []Backup // nil for a page that is not open
}

// Parts returns all backups, the oldest first. Nothing in them may be changed.
func (x *Index) Parts() []Part {
	parts := make([]Part, 0, len(x.Pages)+1)
	for i := range x.Pages {
		part := Part{Page: &x.Pages[i]}
		for _, g := range x.open {
			if g.page != nil && g.page.Key == part.Page.Key {
				part.Backups = g.backups
			}
		}
		parts = append(parts, part)
	}
	return append(parts, Part{Backups: x.Backups})
}

// Parts returns all backups, the oldest first; those of pages have to be read.
func (v *View) Parts() []Part { return v.index.Parts() }

// openPages opens the pages that these backups may be in. One that is lost is put together again.
func (r *Registry) openPages(ctx context.Context, x *Index, ids []string) error {
	for _, id := range ids {
		if _, ok := x.search(id); ok {
			continue
		}
		if i, ok := x.pageAt(id); ok {
			if _, err := r.openPage(ctx, x, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Registry) openPage(ctx context.Context, x *Index, i int) (*segment, error) {
	p := &x.Pages[i]
	for _, g := range x.open {
		if g.page != nil && g.page.Key == p.Key {
			return g, nil
		}
	}
	backups, err := r.page(ctx, p)
	lost := IsLostPage(err)
	if lost {
		if err = r.moved(ctx, x); err == nil {
			backups, err = r.recall(ctx, x, p)
		}
	}
	if err != nil {
		return nil, err
	}
	own := *p
	g := &segment{page: &own, backups: slices.Clone(backups), lost: lost}
	x.open = append(x.open, g)
	return g, nil
}

// moved returns an error, precondition_failed, when registry.json is not any more the one that an index was read from: a page that
// it does not name any more is not lost.
func (r *Registry) moved(ctx context.Context, x *Index) error {
	o, err := r.store.Head(ctx, IndexKey)
	if err != nil && !storage.IsNotFound(err) {
		return fmt.Errorf("look at registry.json: %w", err)
	}
	if err != nil || o.ETag != x.etag {
		return fault.New(fault.FileSystem, fault.Precondition, "Try again.", "registry.json was changed while its pages were read")
	}
	return nil
}

// put adds a record in its place.
func (g *segment) put(b Backup) {
	i, there := g.search(b.ID)
	if there {
		g.backups[i] = b
		return
	}
	g.backups = slices.Insert(g.backups, i, b)
}

// moveOut moves the oldest records into open pages until most are left. Those in progress stay.
func (r *Registry) moveOut(ctx context.Context, x *Index, most int) error {
	stay := x.Backups[:0:0]
	for n, b := range x.Backups {
		if b.Status == InProgress || len(stay)+len(x.Backups)-n <= most {
			stay = append(stay, b)
			continue
		}
		g, err := r.pageFor(ctx, x, b.ID)
		if err != nil {
			return err
		}
		g.put(b)
	}
	x.Backups = stay
	return nil
}

// pageFor opens the page that a record goes into: the first one that does not end before it; behind all of them, the last one
// where it has room, or a new one.
func (r *Registry) pageFor(ctx context.Context, x *Index, id string) (*segment, error) {
	if n := len(x.open); n > 0 && x.open[n-1].page == nil {
		if g := x.open[n-1]; len(g.backups) > 0 && g.backups[0].ID < id {
			return g, nil
		}
	}
	i, _ := x.pageAt(id)
	last := len(x.Pages) - 1
	if i > last && last >= 0 && x.Pages[last].Count < r.sizes.page {
		i = last
	}
	if i <= last {
		return r.openPage(ctx, x, i)
	}
	g := &segment{}
	x.open = append(x.open, g)
	return g, nil
}

// closePages writes the open pages that changed, and names them in the index. It returns the keys of those that they replace.
func (r *Registry) closePages(ctx context.Context, x *Index) (replaced []string, err error) {
	for _, g := range x.open {
		parts, err := r.writeParts(ctx, g)
		if err != nil {
			return nil, err
		}
		if len(parts) == 1 && g.page != nil && parts[0].Key == g.page.Key {
			if i, ok := x.pageAt(g.page.First); ok && x.Pages[i].Key == g.page.Key {
				x.Pages[i] = parts[0] // what is said of it may be more
			}
			continue
		}
		if g.page != nil {
			replaced = append(replaced, g.page.Key)
			x.Pages = slices.DeleteFunc(x.Pages, func(p Page) bool { return p.Key == g.page.Key })
		}
		x.Pages = append(x.Pages, parts...)
	}
	x.open = nil
	slices.SortFunc(x.Pages, func(a, b Page) int { return strings.Compare(a.First, b.First) })
	return replaced, x.checkPages()
}

// checkPages refuses pages that no cofre wrote down.
func (x *Index) checkPages() error {
	for i := range x.Pages {
		if err := x.Pages[i].check(); err != nil {
			return err
		}
		if i > 0 && x.Pages[i].First <= x.Pages[i-1].Last {
			return fmt.Errorf("the pages %s and %s have ids in common", x.Pages[i-1].Key, x.Pages[i].Key)
		}
	}
	return nil
}

// writeParts writes an open page that changed, as several where it is too large for one. An empty one is none.
func (r *Registry) writeParts(ctx context.Context, g *segment) ([]Page, error) {
	var parts []Page
	for rest := g.backups; len(rest) > 0; {
		n := min(len(rest), r.sizes.page)
		data, err := encodePage(rest[:n])
		for err == nil && len(data) > pageRoom && n > 1 {
			n /= 2
			data, err = encodePage(rest[:n])
		}
		if err != nil {
			return nil, err
		}
		if g.page != nil && !g.lost && n == len(g.backups) && n == g.page.Count {
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) == g.page.SHA256 {
				same := *g.page
				if !same.Untold && !same.Proofs {
					same = describePage(g.backups, data)
					same.Key = g.page.Key
				}
				return []Page{same}, nil
			}
		}
		p, err := r.writePage(ctx, rest[:n], data)
		if err != nil {
			return nil, err
		}
		parts, rest = append(parts, p), rest[n:]
	}
	return parts, nil
}

// pack makes what is written as registry.json: it settles what is beyond the newest, or too long.
func (r *Registry) pack(ctx context.Context, x *Index) (data []byte, replaced []string, err error) {
	if len(x.Backups) > r.sizes.newest+r.sizes.step {
		if err := r.moveOut(ctx, x, r.sizes.newest); err != nil {
			return nil, nil, err
		}
	}
	for {
		more, err := r.closePages(ctx, x)
		if err != nil {
			return nil, nil, err
		}
		replaced = append(replaced, more...)
		if data, err = x.marshal(); err != nil || len(data) <= indexRoom {
			return data, replaced, err
		}
		before := len(x.Backups)
		if x.forgetOne(len(data) / 2) {
			continue
		}
		if err := r.moveOut(ctx, x, before/2); err != nil {
			return nil, nil, err
		}
		if len(x.Backups) == before || before <= 1 {
			break
		}
	}
	if len(data) > maxIndex {
		return nil, nil, fault.New(fault.Validation, fault.LimitReached, "Wait for some of them to end, or stop them.",
			"the records of %d backups in progress take %d bytes, and %d are allowed in all", len(x.Backups), len(data), maxIndex)
	}
	return data, replaced, nil
}

// forgetOne leaves out what is said of the oldest page that is summed up, where the pages take more than most bytes together.
func (x *Index) forgetOne(most int) bool {
	if n := (&Index{Pages: x.Pages}).length(); n <= most {
		return false
	}
	some := 0
	for i := range x.Pages {
		if p := &x.Pages[i]; !p.Untold && some <= len(x.Pages)/8 {
			p.forget()
			some++
		}
	}
	return some > 0
}

// length returns the bytes of registry.json.
func (x *Index) length() int {
	data, err := x.marshal()
	if err != nil {
		return maxIndex + 1
	}
	return len(data)
}

// removeReplaced removes the pages that registry.json does not name any more. What stays is removed by reconcile.
func (r *Registry) removeReplaced(ctx context.Context, keys []string) {
	for _, key := range keys {
		if err := r.store.Delete(ctx, key); err != nil {
			level := slog.LevelWarn
			if fault.From(err).Code == fault.Permission { // only who removes backups may
				level = slog.LevelDebug
			}
			r.log.Log(ctx, level, "a page of records that was replaced is left behind; the next cleanup removes it", "key", key, "error", err.Error())
		}
	}
}
