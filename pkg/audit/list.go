package audit

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Bounds of List.
const (
	defaultLimit = 50
	maxLimit     = 1000
	// maxScan is how many records one call reads in search of those that match.
	maxScan = 5000
	// strayClock: so many records in a row that are older than what is asked for end the search. One alone may have been
	// written by a machine whose clock was wrong.
	strayClock = 100
	parallel   = 16 // reads
)

// List gives a page, newest first. A page of filtered records may hold fewer than asked for, or none, and still have a next
// one, since one call reads 5000 records at most. Records are shown as they are stored; [Trail.Verify] says whether they are genuine.
func (t *Trail) List(ctx context.Context, p contract.ListAuditParams) (contract.ListAuditResponse, error) {
	page := contract.ListAuditResponse{Records: []contract.AuditRecord{}}
	limit := p.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	at, err := decodeCursor(p.Cursor)
	if err != nil {
		return page, err
	}
	first, err := t.first(ctx)
	if err != nil || first == 0 {
		return page, err
	}
	h, err := t.readHead(ctx)
	if err != nil {
		return page, err
	}
	if at == 0 || at > h.doc.Sequence {
		end, err := t.lastBehind(ctx, max(h.doc.Sequence, first-1))
		if err != nil {
			return page, err
		}
		if at == 0 || at > end {
			at = end
		}
	}
	batch := int64(parallel)
	if noFilter(p) {
		batch = int64(limit) + 1
	}
	shown, old := int64(0), 0
	for scanned := int64(0); at >= first; scanned += batch {
		if scanned >= maxScan {
			page.Next = encodeCursor(at)
			return page, nil
		}
		records, err := t.readDown(ctx, at, max(first, at-batch+1))
		if err != nil {
			return page, err
		}
		for _, r := range records {
			switch {
			case !p.Since.IsZero() && r.At.Before(p.Since):
				if old++; old == strayClock {
					return page, nil
				}
				continue
			case !matches(r, p):
			case len(page.Records) == limit:
				page.Next = encodeCursor(shown - 1)
				return page, nil
			default:
				page.Records = append(page.Records, r.AuditRecord)
				shown = r.Sequence
			}
			old = 0
		}
		at -= batch
	}
	return page, nil
}

func noFilter(p contract.ListAuditParams) bool {
	return p.Actor == "" && p.Action == "" && p.Outcome == "" && p.Resource == "" && p.Since.IsZero() && p.Until.IsZero()
}

func matches(r record, p contract.ListAuditParams) bool {
	return (p.Actor == "" || r.Actor == p.Actor) && (p.Action == "" || r.Action == p.Action) &&
		(p.Outcome == "" || r.Outcome == p.Outcome) && (p.Resource == "" || r.Resource == p.Resource) &&
		(p.Until.IsZero() || r.At.Before(p.Until))
}

// first gives the least sequence there is; 0 when there is none.
func (t *Trail) first(ctx context.Context) (int64, error) {
	for o, err := range t.store.List(ctx, storage.ListOptions{Prefix: Prefix}) {
		if err != nil {
			return 0, fmt.Errorf("list the audit trail: %w", err)
		}
		if n := sequenceOf(o.Key); n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// readDown reads the records from one sequence down to another. Those that are not there, or are no records at all, are left
// out.
func (t *Trail) readDown(ctx context.Context, from, to int64) ([]record, error) {
	records := make([]record, from-to+1)
	errs := make([]error, len(records))
	limit := make(chan struct{}, parallel)
	var g sync.WaitGroup
	for i := range records {
		limit <- struct{}{}
		g.Go(func() {
			defer func() { <-limit }()
			data, _, err := t.get(ctx, keyOf(from-int64(i)))
			if err == nil {
				records[i], _ = parse(data)
				records[i].Sequence = from - int64(i)
			} else if !storage.IsNotFound(err) {
				errs[i] = fmt.Errorf("read an audit record: %w", err)
			}
		})
	}
	g.Wait()
	found := records[:0]
	for i, r := range records {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if r.ID != "" {
			found = append(found, r)
		}
	}
	return found, nil
}

// Cursors are opaque to callers: the sequence to go on from, so that new records do not shift the pages.
func encodeCursor(at int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("a1:" + strconv.FormatInt(at, 10)))
}

// decodeCursor gives 0 for no cursor. The last page's end, 0, is never handed out.
func decodeCursor(c string) (int64, error) {
	if c == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(c)
	text, ours := strings.CutPrefix(string(raw), "a1:")
	n, nerr := strconv.ParseInt(text, 10, 64)
	if err != nil || !ours || nerr != nil || n < 1 || n > maxSequence || encodeCursor(n) != c {
		return 0, fault.New(fault.Validation, fault.InvalidInput, `Pass the value of "next" from the page before, or leave it out.`, "that is not a cursor of the audit trail")
	}
	return n, nil
}
