package registry

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// PagesPrefix is where the records stand that have settled; see [Page].
const PagesPrefix = "registry/"

// pageSuffix ends the names of pages: JSON, packed by gzip.
const pageSuffix = ".json.gz"

// Page is what registry.json says of one page. A page holds the records of settled backups, which are those that have ended and
// are not among the newest, in the order of their ids. No two pages have ids in common. A page is never changed: another one, with a
// name that was never used, takes its place in registry.json, so that the compare-and-swap of registry.json decides about it too.
type Page struct {
	// Key is registry/<first id>-<last id>-<random>.json.gz.
	Key    string `json:"key"`
	First  string `json:"first"`
	Last   string `json:"last"`
	Count  int    `json:"count"`
	IDs    string `json:"ids"`    // SHA-256 of the ids, each with a newline behind it; hex
	SHA256 string `json:"sha256"` // of what is in the page, unpacked; hex
	Bytes  int64  `json:"bytes"`  // stored, of all of them
	Good   int    `json:"good"`   // verified
	// Damaged, Failed and Succeeded count; damaged ones have succeeded too.
	Damaged   int `json:"damaged,omitempty"`
	Failed    int `json:"failed,omitempty"`
	Succeeded int `json:"succeeded,omitempty"`
	// From and To are the dates of the oldest and the newest backup.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Sources sum the page up, so that most questions need no look into it.
	Sources SourceTallies `json:"sources"`
	// Users counts the successful backups of each user of the API.
	Users Users `json:"users,omitempty"`
	// Proofs is set where Sources say which backups were proven, which of them in full, and which can be. Versions before that wrote pages
	// without, or with "proofs" where they said the first alone: they are read, and the next cleanup says it.
	Proofs bool `json:"provable,omitempty"`
	// Untold is set where Sources and Users are left out, because they were too long: the page has to be read.
	Untold bool `json:"untold,omitempty"`
}

// pageDoc is what a page holds, besides its records.
type pageDoc struct {
	Version int    `json:"version"`
	IDs     string `json:"ids"` // as in [Page]
}

const (
	maxPage    = 48 << 20       // bytes of a page, unpacked
	pageRoom   = 24 << 20       // bytes beyond which records go into another page
	maxTallies = 128 << 10      // bytes of what registry.json says of one page
	longPage   = 2 * maxTallies // bytes, also where somebody has indented it
	pageRefs   = 5              // Tally.Sizes there
)

// hashIDs is what tells whether a page holds just these backups.
func hashIDs(backups []Backup) string {
	h := sha256.New()
	for i := range backups {
		io.WriteString(h, backups[i].ID+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// encodePage returns a page of records, unpacked: one a line, as in registry.json.
func encodePage(backups []Backup) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(256 + 700*len(backups))
	fmt.Fprintf(&buf, "{\n \"version\": %d,\n \"ids\": \"%s\",\n", pageVersion, hashIDs(backups))
	err := encodeRecords(&buf, backups)
	buf.WriteString("}\n")
	return buf.Bytes(), err
}

// describePage sums a page up.
func describePage(backups []Backup, data []byte) Page {
	sum := sha256.Sum256(data)
	first, last := backups[0].ID, backups[len(backups)-1].ID
	p := Page{
		Key:   PagesPrefix + first + "-" + last + "-" + strings.ToLower(rand.Text()[:16]) + pageSuffix,
		First: first, Last: last, Count: len(backups), IDs: hashIDs(backups), SHA256: hex.EncodeToString(sum[:]),
		From: backups[0].CreatedAt, To: backups[0].CreatedAt,
	}
	for i := range backups {
		b, at := &backups[i], backups[i].CreatedAt
		p.Bytes += b.Size
		switch {
		case b.Status == Failed:
			p.Failed++
		case b.Damaged():
			p.Damaged++
		case b.Verified():
			p.Good++
		}
		if b.Status == Success {
			p.Succeeded++
		}
		if at.Before(p.From) {
			p.From = at
		}
		if at.After(p.To) {
			p.To = at
		}
	}
	p.sumUp(backups)
	if text, err := json.Marshal([]any{p.Sources, p.Users}); err != nil || len(text) > maxTallies {
		p.forget()
	}
	return p
}

// sumUp says what is in a page.
func (p *Page) sumUp(backups []Backup) {
	short := make([]Backup, len(backups)) // without what a summary need not say
	p.Users = nil
	for i, b := range backups {
		if b.Error != nil {
			e := *b.Error
			e.Detail = ""
			b.Error = &e
		}
		short[i] = b
		if b.Trigger == TriggerAPI && b.Status == Success {
			if p.Users == nil {
				p.Users = map[string]int{}
			}
			p.Users[b.CreatedBy]++
		}
	}
	p.Sources, p.Proofs = tallies(short), true
	for i := range p.Sources {
		t := &p.Sources[i]
		t.Sizes = t.Sizes[max(0, len(t.Sizes)-pageRefs):]
	}
}

// forget leaves out what takes reading the page then.
func (p *Page) forget() { p.Sources, p.Users, p.Untold, p.Proofs = []Tally{}, nil, true, false }

// told reports whether registry.json says all that is asked of a page.
func (p *Page) told() bool { return !p.Untold && p.Proofs }

// holds reports whether a backup with this id would be in the page.
func (p *Page) holds(id string) bool { return p.First <= id && id <= p.Last }

// check refuses what no cofre wrote about a page.
func (p *Page) check() error {
	first, rest, _ := strings.Cut(strings.TrimPrefix(p.Key, PagesPrefix), "-")
	last, random, _ := strings.Cut(strings.TrimSuffix(rest, pageSuffix), "-")
	switch {
	case p.Key != PagesPrefix+first+"-"+last+"-"+random+pageSuffix || len(random) != 16 || strings.ContainsAny(random, "/\\"):
		return fmt.Errorf("a page is named %.120q", p.Key)
	case !ValidID(first) || !ValidID(last) || first != p.First || last != p.Last || first > last:
		return fmt.Errorf("the page %s is said to go from %.40q to %.40q", p.Key, p.First, p.Last)
	case p.Count < 1 || p.Count > maxPageCount, p.Bytes < 0 || p.Bytes > maxSize*int64(p.Count):
		return fmt.Errorf("the page %s is said to have %d records", p.Key, p.Count)
	}
	for i := range p.Sources {
		t := &p.Sources[i]
		counts := []int{t.Count, t.ServerUnknown, t.Unprovable, t.Succeeded, t.Damaged, t.Failed, t.Canceled, t.Interrupted, t.Running, t.Whole.Count, t.Whole.Failures, t.Parts.Count, t.Parts.Failures}
		for _, r := range t.Rows {
			counts = append(counts, r.Succeeded, r.Verified, r.Proven, r.FullyProven, r.Finished)
		}
		if slices.Min(counts) < 0 || slices.Max(counts) > p.Count || t.Bytes < 0 || t.Bytes > p.Bytes {
			return fmt.Errorf("the page %s is said to have %v backups of %d bytes of one source", p.Key, counts, t.Bytes)
		}
	}
	if counts := []int{p.Good, p.Damaged, p.Failed, p.Succeeded}; slices.Min(counts) < 0 || slices.Max(counts) > p.Count {
		return fmt.Errorf("the page %s is said to have %v backups", p.Key, counts)
	}
	for user, n := range p.Users {
		if n < 0 || n > p.Count {
			return fmt.Errorf("the page %s is said to have %d backups of %.40q", p.Key, n, user)
		}
	}
	return nil
}

// maxPageCount is far beyond what is put into one page.
const maxPageCount = 1_000_000

// unpackPage returns the bytes that were packed. It holds them against what registry.json says of the page; p nil: against nothing.
func unpackPage(key string, packed []byte, p *Page) ([]byte, error) {
	bad := func(err error) ([]byte, error) { return nil, damagedRecord(err, key) }
	z, err := gzip.NewReader(bufio.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return bad(err)
	}
	data, err := io.ReadAll(io.LimitReader(z, maxPage+1))
	if err != nil {
		return bad(err)
	}
	if len(data) > maxPage {
		return bad(fmt.Errorf("it has more than %d bytes", maxPage))
	}
	if sum := sha256.Sum256(data); p != nil && hex.EncodeToString(sum[:]) != p.SHA256 {
		return bad(fmt.Errorf("its SHA-256 is not the one in registry.json"))
	}
	return data, nil
}

// parsePage returns the records of a page and the bytes that were packed; p as in unpackPage.
func parsePage(key string, packed []byte, p *Page) (backups []Backup, data []byte, err error) {
	if data, err = unpackPage(key, packed, p); err != nil {
		return nil, nil, err
	}
	backups, err = parseRecords(key, data, p)
	return backups, data, err
}

// parseRecords reads an unpacked page; p as in unpackPage.
func parseRecords(key string, data []byte, p *Page) ([]Backup, error) {
	bad := func(err error) ([]Backup, error) { return nil, damagedRecord(err, key) }
	if v := readHead(data, true).Version; v > pageVersion {
		return nil, newerVersion(key, v, pageVersion)
	}
	doc, list, err := readPage(data)
	if err != nil {
		return bad(err)
	}
	backups, err := readRecords(list)
	if err != nil {
		return bad(err)
	}
	for i := range backups {
		b := &backups[i]
		if err := b.fit(len(data) / len(backups)); err != nil {
			return bad(err)
		}
		if b.Status == InProgress || i > 0 && b.ID <= backups[i-1].ID {
			return bad(fmt.Errorf("the backup %s does not belong where it is", b.ID))
		}
	}
	if len(backups) == 0 || doc.Version < 1 || doc.IDs != hashIDs(backups) || p != nil && (doc.IDs != p.IDs || len(backups) != p.Count) {
		return bad(fmt.Errorf("it is not whole"))
	}
	return backups, nil
}

// pageCache keeps the pages that were read last. They are many bytes each, and never change.
type pageCache struct {
	mu   sync.Mutex
	keys []string // the newest last
	all  map[string][]Backup
}

// keptPages is how many pages a process keeps: who pages through a list reads the same one again and again.
const keptPages = 2

func (c *pageCache) get(key string) []Backup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[key]
}

func (c *pageCache) put(key string, backups []Backup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string][]Backup{}
	}
	if c.all[key] == nil {
		c.keys = append(c.keys, key)
	}
	c.all[key] = backups
	for len(c.keys) > keptPages {
		delete(c.all, c.keys[0])
		c.keys = c.keys[1:]
	}
}

// toldPages keeps what pages say of which registry.json does not.
type toldPages struct {
	mu  sync.Mutex
	all map[string]Page
}

// maxTold bounds what is kept of pages that were read for their sums.
const maxTold = 200

func (t *toldPages) get(key string) (Page, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.all[key]
	return p, ok
}

func (t *toldPages) put(key string, p Page) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil || len(t.all) >= maxTold {
		t.all = map[string]Page{}
	}
	t.all[key] = p
}

// LostPage is the error of a page that is not there or is damaged.
type LostPage struct {
	Page Page
	Err  error
}

func (e *LostPage) Error() string {
	return fmt.Sprintf("%s, with the records of %d backups, cannot be read: %v", e.Page.Key, e.Page.Count, e.Err)
}

// Unwrap returns a fault for people.
func (e *LostPage) Unwrap() error {
	return fault.Wrap(e.Err, fault.Validation, fault.StructureDamaged, "The backups are not lost. Their records are put together again by: cofre cleanup", "a part of the records, of %d backups, cannot be read", e.Page.Count)
}

// IsLostPage tells whether err says that a page is not there or is damaged.
func IsLostPage(err error) bool { return errors.As(err, new(*LostPage)) }

// page returns the records of a page. Nobody may change them. One that is not there, or not what it should be, is a *LostPage.
func (r *Registry) page(ctx context.Context, p *Page) ([]Backup, error) {
	var backups []Backup
	err := r.readPage(ctx, p, func(packed []byte) (err error) {
		if backups, _, err = parsePage(p.Key, packed, p); err == nil {
			r.pages.put(p.Key, backups)
		}
		return err
	}, func(kept []Backup) { backups = kept })
	return backups, err
}

// grep returns those records of a page in whose JSON there is a text, in lower case. Others may be among them.
func (r *Registry) grep(ctx context.Context, p *Page, text string) ([]Backup, error) {
	var backups []Backup
	err := r.readPage(ctx, p, func(packed []byte) error {
		data, err := unpackPage(p.Key, packed, p)
		if err != nil {
			return err
		}
		backups, err = grepPage(p, data, text)
		return err
	}, func(kept []Backup) { backups = kept })
	return backups, err
}

// grepPage parses the lines that hold a text. A page that is not written one record a line is parsed whole.
func grepPage(p *Page, data []byte, text string) (out []Backup, err error) {
	key := p.Key
	_, list, ok := bytes.Cut(data, []byte("\n \"backups\": [\n"))
	if !ok {
		return parseRecords(key, data, p)
	}
	for line := range bytes.Lines(list) {
		if line = bytes.TrimSuffix(bytes.TrimSpace(line), []byte(",")); !bytes.HasPrefix(line, []byte("{")) || !bytes.Contains(bytes.ToLower(line), []byte(text)) {
			continue
		}
		var b Backup
		if err := readRecord(line, &b, &Backup{}); err != nil {
			return nil, damagedRecord(err, key)
		}
		out = append(out, b)
	}
	return out, nil
}

// plainText reports whether a text stands in JSON as it is.
func plainText(text string) bool {
	data, err := json.Marshal(text)
	return err == nil && string(data) == `"`+text+`"`
}

// readPage has a page parsed, or uses what was kept of it.
func (r *Registry) readPage(ctx context.Context, p *Page, parse func(packed []byte) error, use func([]Backup)) error {
	if backups := r.pages.get(p.Key); backups != nil {
		use(backups)
		return nil
	}
	select { // one at a time, so that the bytes in flight are those of one page
	case r.paging <- struct{}{}:
		defer func() { <-r.paging }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if backups := r.pages.get(p.Key); backups != nil {
		use(backups)
		return nil
	}
	packed, _, err := r.get(ctx, p.Key)
	if err == nil {
		err = parse(packed)
	}
	switch {
	case storage.IsNotFound(err), isDamaged(err):
		return &LostPage{*p, err}
	case err != nil:
		return fmt.Errorf("read %s: %w", p.Key, err)
	}
	return nil
}

// writePage stores records as a new page.
func (r *Registry) writePage(ctx context.Context, backups []Backup, data []byte) (Page, error) {
	p := describePage(backups, data)
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return p, fmt.Errorf("pack a page: %w", err)
	}
	if _, err := z.Write(data); err != nil {
		return p, fmt.Errorf("pack a page: %w", err)
	}
	if err := z.Close(); err != nil {
		return p, fmt.Errorf("pack a page: %w", err)
	}
	if _, err := r.store.Put(ctx, p.Key, packed.Bytes(), storage.PutOptions{ContentType: "application/gzip"}); err != nil {
		return p, fmt.Errorf("write %s: %w", p.Key, err)
	}
	return p, nil
}

// pageAt returns the place of the page that a backup with this id would be in, and whether there is one.
func (x *Index) pageAt(id string) (int, bool) {
	i, _ := slices.BinarySearchFunc(x.Pages, id, func(p Page, id string) int { return strings.Compare(p.Last, id) })
	return i, i < len(x.Pages) && x.Pages[i].holds(id)
}
