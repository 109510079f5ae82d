package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"
)

// Allowance bounds how many requests each user makes in a minute, over all instances of the API together. What each was granted
// stands in limits/<hash of the user>.json, changed by compare-and-swap. An instance does not ask for every request: it takes a
// block, and spends that from memory within a minute. Blocks begin small (a sixtieth of the limit), so that an instance that is
// asked once does not hold much back, and grow to a tenth of it while they are used up.
//
// In any 60 seconds at most the limit is granted. What is spent in 60 seconds can be more by what instances still held of
// earlier blocks: one block each, a tenth of the limit. Time is that of the instances' own clocks; one that is d ahead of the
// others ends its blocks' minute d too early for its users.
//
// When storage cannot be asked, requests pass: that backups can be made and fetched is worth more than a limit.
type Allowance struct {
	Log *slog.Logger // default: nothing

	store     storage.Store
	perMinute int
	now       func() time.Time

	mu      sync.Mutex
	users   map[string]*share
	trouble time.Time // storage is not asked before then
}

// share is what this instance holds for one user.
type share struct {
	turn  chan struct{} // one request at a time looks
	left  int           // may be spent
	until time.Time     // before then
	block int           // the next one's size
	bar   time.Time     // nothing is to be had before then
}

// limitsPrefix is where allowances stand.
const limitsPrefix = "limits/"

const (
	allowanceSpan  = time.Minute
	allowanceTime  = 2 * time.Second // for one block; the request waits
	allowancePause = 5 * time.Second // after trouble with storage
	maxShares      = 10_000          // users remembered
)

// grant is one block that was taken.
type grant struct {
	At time.Time `json:"at"`
	N  int       `json:"n"`
}

// allowed is the object of one user.
type allowed struct {
	Grants []grant `json:"grants"`
}

// NewAllowance gives an allowance of so many requests a minute; 0 is no limit. now nil is time.Now.
func NewAllowance(store storage.Store, perMinute int, now func() time.Time) *Allowance {
	if now == nil {
		now = time.Now
	}
	return &Allowance{Log: slog.New(slog.DiscardHandler), store: store, perMinute: perMinute, now: now, users: map[string]*share{}}
}

// Allow counts one request of a user. Beyond the limit it is a ValidationError with the reason rate_limited, which says when
// there will be room again.
func (a *Allowance) Allow(ctx context.Context, subject string) error {
	if a.perMinute <= 0 {
		return nil
	}
	s := a.share(subject)
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	now := a.now()
	switch {
	case s.left > 0 && now.Before(s.until):
		s.left--
		return nil
	case now.Before(s.bar):
		return a.refuse(s.bar.Sub(now))
	case a.paused(now):
		return nil
	}
	if s.left > 0 || s.block == 0 { // the last one was too large, or there was none
		s.block = max(1, a.perMinute/60)
	}
	n, wait, err := a.take(ctx, subject, s.block)
	if err != nil {
		a.pause(ctx, now, err)
		return nil
	}
	if n == 0 {
		s.left, s.bar = 0, now.Add(wait)
		return a.refuse(wait)
	}
	s.left, s.until, s.block = n-1, now.Add(allowanceSpan), min(2*s.block, max(1, a.perMinute/10))
	return nil
}

// share gives what is held for a user. Those for whom nothing is are forgotten when there are too many.
func (a *Allowance) share(subject string) *share {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.users[subject]
	if s == nil {
		if len(a.users) >= maxShares {
			a.users = map[string]*share{} // costs them a look at storage each; what they hold counts as spent
		}
		s = &share{turn: make(chan struct{}, 1)}
		a.users[subject] = s
	}
	return s
}

func (a *Allowance) paused(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.trouble)
}

// pause notes that storage could not be asked, unless it is the caller who left.
func (a *Allowance) pause(ctx context.Context, now time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	a.trouble = now.Add(allowancePause)
	a.mu.Unlock()
	a.Log.Warn("requests pass without being counted: the limit of each user cannot be read or written", "error", err.Error())
}

func (a *Allowance) refuse(wait time.Duration) error {
	f := fault.New(fault.Validation, RateLimited, "Wait a moment. An administrator may raise BACKUP_MAX_REQUESTS_PER_MINUTE.",
		"too many requests: %d a minute are allowed to each user", a.perMinute)
	f.RetryAfter = max(wait, time.Second)
	return f
}

// RateLimited is the reason of a request beyond a user's allowance.
const RateLimited fault.Reason = "rate_limited"

// maxAllowed is far beyond what the grants of one minute take, in bytes.
const maxAllowed = 256 << 10

// parseAllowed reads what was granted; somebody's text counts for nothing, and is replaced.
func parseAllowed(data []byte) (doc allowed) {
	if len(data) > maxAllowed || json.Unmarshal(data, &doc) != nil {
		return allowed{}
	}
	return doc
}

// take takes a block of n or fewer. None means to wait so long.
func (a *Allowance) take(ctx context.Context, subject string, n int) (got int, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, allowanceTime)
	defer cancel()
	sum := sha256.Sum256([]byte(subject))
	key := limitsPrefix + hex.EncodeToString(sum[:16]) + ".json"
	for try := 0; ; try++ {
		data, o, err := a.store.Get(ctx, key)
		if err != nil && !storage.IsNotFound(err) && !fault.HasReason(err, fault.LimitReached) {
			return 0, 0, fmt.Errorf("read a user's allowance: %w", err)
		}
		doc := parseAllowed(data)
		now := a.now().UTC()
		free, wait := doc.settle(now, a.perMinute)
		if free <= 0 {
			return 0, wait, nil
		}
		got = min(n, free)
		doc.Grants = append(doc.Grants, grant{now, got})
		body, err := json.Marshal(doc)
		if err != nil {
			return 0, 0, fmt.Errorf("encode a user's allowance: %w", err)
		}
		_, err = a.store.Put(ctx, key, body, jsonOptions(storage.Condition{IfMatch: o.ETag, IfAbsent: o.ETag == ""}))
		if err == nil {
			return got, 0, nil
		}
		if !storage.IsPrecondition(err) && !storage.IsNotFound(err) {
			return 0, 0, fmt.Errorf("write a user's allowance: %w", err)
		}
		if serr := pause.For(ctx, rand.N(time.Millisecond*time.Duration(5<<min(try, 5)))); serr != nil {
			return 0, 0, errors.Join(serr, err)
		}
	}
}

// allowanceIdle is how long an allowance stands without a change before it may go: far longer than its minute.
const allowanceIdle = 24 * time.Hour

// ForgetAllowances removes the allowances that nobody has changed for a day, by the service's clock, and gives how many. What
// they say was over long ago. Each is looked at again right before it goes. A user who comes back in the instant between that
// look and the removal loses the count of one block, and so may get up to that block more in this one minute; a writer that
// finds its object gone makes a new one.
func (r *Registry) ForgetAllowances(ctx context.Context) (n int, err error) {
	var old []string
	var now time.Time
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: limitsPrefix}) {
		if err != nil {
			return 0, fmt.Errorf("list the users' allowances: %w", err)
		}
		if now.IsZero() {
			if now, err = r.storeNow(ctx); err != nil {
				return 0, err
			}
		}
		if strings.HasSuffix(o.Key, ".json") && now.Sub(o.LastModified) > allowanceIdle {
			old = append(old, o.Key)
		}
	}
	for _, key := range old {
		gone, err := r.forgetAllowance(ctx, key, now)
		if err != nil {
			return n, fmt.Errorf("remove a user's allowance: %w", err)
		}
		if gone {
			n++
		}
	}
	return n, nil
}

// forgetAllowance removes one, unless it was changed since it was listed. A process that slept in between must not wake up and
// remove it.
func (r *Registry) forgetAllowance(ctx context.Context, key string, now time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	o, err := r.store.Head(ctx, key)
	if storage.IsNotFound(err) {
		return false, nil
	}
	if err != nil || now.Sub(o.LastModified) <= allowanceIdle {
		return false, err
	}
	return true, r.store.Delete(ctx, key)
}

// settle drops what is over, and gives how much may be granted, or when the first of the others is over. A grant from the
// future was made by a clock that is ahead. It counts as long as it says, unless it says more than a minute, which would lock the
// user out for as long as nobody looks.
func (d *allowed) settle(now time.Time, perMinute int) (free int, wait time.Duration) {
	free, wait = perMinute, 2*allowanceSpan
	d.Grants = slices.DeleteFunc(d.Grants, func(g grant) bool { return g.N <= 0 || now.Sub(g.At) >= allowanceSpan || g.At.Sub(now) > allowanceSpan })
	for i := range d.Grants {
		g := &d.Grants[i]
		g.N = min(g.N, perMinute)
		free -= g.N
		wait = min(wait, g.At.Add(allowanceSpan).Sub(now))
	}
	slices.SortFunc(d.Grants, func(x, y grant) int { return cmp.Compare(x.At.UnixNano(), y.At.UnixNano()) })
	return free, wait
}
