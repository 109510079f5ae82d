package registry

import (
	"context"
	"sync"
)

// Dates are when the successful backups of a row were made, in nanoseconds since 1970, in no order: verified ones, and others.
type Dates struct {
	Row              Row
	Verified, Others []int64
}

// DatesOf returns the dates of these backups.
func DatesOf(backups []Backup) (out []Dates) {
	at := map[Row]int{}
	for i := range backups {
		b := &backups[i]
		if b.Status != Success || b.CreatedAt.IsZero() {
			continue
		}
		row := b.Row()
		j, known := at[row]
		if !known {
			j = len(out)
			at[row], out = j, append(out, Dates{Row: row})
		}
		if d := &out[j]; b.Verified() {
			d.Verified = append(d.Verified, b.CreatedAt.UnixNano())
		} else {
			d.Others = append(d.Others, b.CreatedAt.UnixNano())
		}
	}
	return out
}

// Dates returns the dates of a page's backups, which takes reading it the first time that a process asks.
func (v *View) Dates(ctx context.Context, p *Page) ([]Dates, error) {
	if d, ok := v.r.dates.get(p.Key); ok {
		return d, nil
	}
	backups, err := v.Page(ctx, p)
	if err != nil {
		return nil, err
	}
	d := DatesOf(backups)
	v.r.dates.put(p.Key, d)
	return d, nil
}

// pageDates keeps the dates of pages that were read.
type pageDates struct {
	mu  sync.Mutex
	all map[string][]Dates
}

// maxDates bounds how many pages' dates are kept: 8 bytes for each of a thousand backups or so.
const maxDates = 2000

func (d *pageDates) get(key string) ([]Dates, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dates, ok := d.all[key]
	return dates, ok
}

func (d *pageDates) put(key string, dates []Dates) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil || len(d.all) >= maxDates {
		d.all = map[string][]Dates{}
	}
	d.all[key] = dates
}
