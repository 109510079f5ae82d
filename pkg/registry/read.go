package registry

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"

	"cofre/pkg/jsonlist"
)

// takeIndex reads what stands in registry.json, but for its lists. Names of members are taken as encoding/json takes them.
func takeIndex(data []byte) (x Index, pages, backups []byte, err error) {
	for m := range jsonlist.Members(data) {
		if err = m.Err; err == nil {
			switch into := x.member(m.Name); {
			case strings.EqualFold(m.Name, "pages"):
				pages = m.Value
			case strings.EqualFold(m.Name, "backups"):
				backups = m.Value
			case into != nil:
				err = json.Unmarshal(m.Value, into)
			}
		}
		if err != nil {
			return x, nil, nil, err
		}
	}
	return x, pages, backups, nil
}

// member returns where a member of registry.json goes that is no list, or what is no member.
func (x *Index) member(name string) any {
	switch strings.ToLower(name) {
	case "version":
		return &x.Version
	case "lastcleanup":
		return &x.LastCleanup
	case "settings":
		return &x.Settings
	case "swept":
		return &x.Swept
	}
	return new(json.RawMessage) // it has to be JSON, whatever it is
}

// readPages reads what registry.json says of pages. A page is checked before the next one is read.
func readPages(data []byte) ([]Page, error) {
	if data == nil || jsonlist.IsNull(data) {
		return nil, nil
	}
	texts, err := jsonlist.Texts(data, maxPages, shortPage)
	if err != nil {
		return nil, err
	}
	pages := make([]Page, 0, len(texts))
	for _, text := range texts {
		var p Page
		if len(text) > longPage {
			return nil, fmt.Errorf("what stands there of one page has %d bytes", len(text))
		}
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, err
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		pages = append(pages, p)
	}
	return pages, nil
}

// readRecords reads a list of records and checks each of them. nil is none.
func readRecords(data []byte) ([]Backup, error) {
	if data == nil || jsonlist.IsNull(data) {
		return []Backup{}, nil
	}
	texts, err := jsonlist.Texts(data, math.MaxInt, shortRecord)
	if err != nil {
		return nil, err
	}
	n := len(texts)
	backups := make([]Backup, n)
	// Each of a few workers reads the next so many: the first error of the list is the one that is returned.
	share := max(n/runtime.GOMAXPROCS(0)+1, 100)
	errs := make([]error, n/share+1)
	var wg sync.WaitGroup
	for w := range errs {
		from, to := w*share, min((w+1)*share, n)
		read := func() {
			known := &Backup{}
			for i := from; i < to && errs[w] == nil; i++ {
				errs[w] = readRecord(texts[i], &backups[i], known)
				known = &backups[i]
			}
		}
		if w == len(errs)-1 {
			read()
		} else {
			wg.Go(read)
		}
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return backups, nil
}

// readRecord reads a record and checks it. known is one that may have some of its texts.
func readRecord(text []byte, b, known *Backup) error {
	if !quickRecord(text, b, known) {
		*b = Backup{}
		if err := json.Unmarshal(text, b); err != nil {
			return err
		}
	}
	return checkRecord(b)
}

// readPage reads what stands in a page before its records, and returns those as text.
func readPage(data []byte) (doc pageDoc, backups []byte, err error) {
	for m := range jsonlist.Members(data) {
		if err = m.Err; err == nil {
			switch {
			case strings.EqualFold(m.Name, "backups"):
				backups = m.Value
			case strings.EqualFold(m.Name, "version"):
				err = json.Unmarshal(m.Value, &doc.Version)
			case strings.EqualFold(m.Name, "ids"):
				err = json.Unmarshal(m.Value, &doc.IDs)
			default:
				err = json.Unmarshal(m.Value, new(json.RawMessage))
			}
		}
		if err != nil {
			return doc, nil, err
		}
	}
	return doc, backups, nil
}
