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
// one, since one call reads 5000 records at most. Records are shown as they are stored, in as much as a record can hold. One whose own hash does not fit is marked; [Trail.Verify] says whether
// they are genuine. Where records are missing, the next ones are looked for: a single object with a number far away hides no others.
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
		if len(records) == 0 && at >= first {
			seen := int64(0)
			if at, seen, err = t.lastUpTo(ctx, at, first); err != nil {
				return page, err
			}
			scanned += seen
		}
	}
	return page, nil
}

func noFilter(p contract.ListAuditParams) bool {
	return p.Actor == "" && p.Action == "" && p.Outcome == "" && p.Resource == "" && !p.WithoutReads && p.Since.IsZero() && p.Until.IsZero()
}

func matches(r record, p contract.ListAuditParams) bool {
	return (p.Actor == "" || r.Actor == p.Actor) && (p.Action == "" || r.Action == p.Action) &&
		(p.Outcome == "" || r.Outcome == p.Outcome) && (p.Resource == "" || r.Resource == p.Resource) &&
		(p.Until.IsZero() || r.At.Before(p.Until)) && !(p.WithoutReads && onlyLooked(r))
}

// looks are the actions that change nothing and hand out no data: most records are of these. Downloads, and rows of tables, are none of them.
var looks = map[string]bool{
	"settings_read": true, "list": true, "info": true, "contents": true, "diff": true, "log": true, "status": true, "metrics": true, "health": true, "audit": true, "session": true,
	"databases": true, "restore_targets": true, "restore_plan": true, "restore_list": true, "restore_status": true, "source_list": true, "source_info": true,
	"place_list": true, "place_info": true, "channel_list": true, "channel_info": true, "event_list": true,
}

// Looks reports whether an action changes nothing and hands out no data.
func Looks(action string) bool { return looks[action] }

// onlyLooked reports whether a record is of no more than that. What was refused or failed is of interest whatever it was.
func onlyLooked(r record) bool {
	return r.Outcome == contract.AuditOutcomeAllowed && (looks[r.Action] || r.Detail["dry_run"] == "true")
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

// lastUpTo gives the greatest sequence there is that is no greater than one, and not less than first; 0 when there is none. It looks
// further and further back, since stores list upwards only, and tells how many names it saw.
func (t *Trail) lastUpTo(ctx context.Context, at, first int64) (last, seen int64, err error) {
	for reach := int64(maxScan); ; reach *= 64 {
		o := storage.ListOptions{Prefix: Prefix}
		from := at - reach
		if from >= first {
			o.After = keyOf(from)
		}
		for obj, err := range t.store.List(ctx, o) {
			if err != nil {
				return 0, seen, fmt.Errorf("list the audit trail: %w", err)
			}
			n := sequenceOf(obj.Key)
			if n > at {
				break
			}
			seen, last = seen+1, max(last, n)
		}
		if last > 0 || from < first {
			return last, seen, nil
		}
	}
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
				var sound bool
				records[i], sound = parse(data)
				records[i].Unsound = !sound || records[i].Sequence != from-int64(i) // whatever it says itself
				records[i].Sequence = from - int64(i)
				clean(&records[i].AuditRecord) // what was planted there is no longer, and no less printable, than what is written
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
