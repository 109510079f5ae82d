package registry

import (
	"context"
	"sync"
	"time"
)

// leased is a record beside the backups that one holder at a time writes: that of a restore, or of a proof.
type leased[R any] interface {
	*R
	Live() bool
	key() string
	writing()                     // bounds its texts, and counts the write
	tokenIn(stored []byte) string // the token in a stored record of the same name; "" where that is none
}

// holder is the right of one holder to write a record, by compare-and-swap. It is safe for use by several goroutines.
type holder[R any, P leased[R]] struct {
	r *Registry

	mu      sync.Mutex
	token   string // ours in the record
	rec     R      // as last written
	etag    string
	written bool // by this holder
}

func newHolder[R any, P leased[R]](r *Registry, rec R, token, etag string) *holder[R, P] {
	return &holder[R, P]{r: r, token: token, rec: rec, etag: etag}
}

// record is the record as it was last written.
func (h *holder[R, P]) record() R {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rec
}

// Interval is how often to call Update at least.
func (h *holder[R, P]) Interval() time.Duration { return h.r.lease / 3 }

// write changes the record, and so extends the lease. It returns what the record was, as far as this holder knows, and what it is. An error that is
// taken says that the record is another holder's, or gone.
func (h *holder[R, P]) write(ctx context.Context, change func(*R)) (was, now R, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, now = h.rec, h.rec
	p := P(&now)
	change(&now)
	p.writing()
	data, err := encode(now)
	if err != nil {
		return was, now, err
	}
	etag, err := h.r.exchange(ctx, p.key(), h.etag, data, h.written && p.Live(), func(stored []byte) bool { return p.tokenIn(stored) == h.token })
	if err == nil {
		h.rec, h.etag, h.written = now, etag, true
	}
	return was, now, err
}

// again makes this holder that of a record that others wrote meanwhile, and which has this ETag.
func (h *holder[R, P]) again(rec R, token, etag string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.token, h.rec, h.etag, h.written = token, rec, etag, false
}
