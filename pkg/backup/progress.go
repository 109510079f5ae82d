package backup

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"cofre/pkg/fault"
)

// Phases of a run, in their order. Dumping and uploading overlap: uploading is what follows pg_dump's end.
const (
	PhaseConnecting = "connecting"
	PhaseDumping    = "dumping"
	PhaseUploading  = "uploading"
	PhaseVerifying  = "verifying"
	PhaseDone       = "done"
)

// Progress is how far a run is. status/<id>.json holds one.
type Progress struct {
	ID        string  `json:"id"`
	Phase     string  `json:"phase"`
	Attempt   int     `json:"attempt"`
	DumpBytes int64   `json:"dumpBytes"`   // read from pg_dump
	SentBytes int64   `json:"bytes"`       // acknowledged by storage
	Rate      float64 `json:"bytesPerSec"` // of DumpBytes, over the last seconds
	Expected  int64   `json:"expectedBytes,omitempty"`
	Percent   *int    `json:"progress,omitempty"` // only with an honest estimate; 99 at most until done
	// What reads the rows, as in the record, and how many of the pieces that several connections read have been written.
	Engine       string `json:"engine,omitempty"`
	EngineReason string `json:"engineReason,omitempty"`
	Jobs         int    `json:"jobs,omitempty"`
	Pieces       int    `json:"pieces,omitempty"`
	Written      int    `json:"piecesWritten,omitempty"`

	StartedAt  time.Time `json:"startedAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
	LastNotice string    `json:"message,omitempty"`
}

// tracker collects a run's progress; its counters may be fed from several goroutines.
type tracker struct {
	id      string
	started time.Time
	dumped  atomic.Int64
	sent    atomic.Int64

	mu       sync.Mutex
	phase    string
	attempt  int
	notice   string
	how      How
	pieces   func() (written, all int) // nil where there are none
	expected int64                     // bytes that pg_dump is expected to give; 0 unknown
	marks    []mark                    // the last seconds, for the rate
}

type mark struct {
	at    time.Time
	bytes int64
}

// rateWindow is the time over which the rate is taken.
const rateWindow = 5 * time.Second

func (t *tracker) enter(phase string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase = phase
}

// note sets what is said until the next attempt.
func (t *tracker) note(notice string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notice = notice
}

func (t *tracker) expect(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expected = bytes
}

// made notes how the dump is made.
func (t *tracker) made(d Dump) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.how = d.How()
	if c, ok := d.(Counted); ok {
		t.pieces = c.Pieces
	}
}

func (t *tracker) begin(attempt int, notice string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempt, t.notice, t.marks, t.how, t.pieces = attempt, notice, nil, How{}, nil
	t.dumped.Store(0)
	t.sent.Store(0)
}

// at gives the progress as of now.
func (t *tracker) at(now time.Time) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	dumped := t.dumped.Load()
	t.marks = append(t.marks, mark{now, dumped})
	for len(t.marks) > 2 && now.Sub(t.marks[1].at) > rateWindow {
		t.marks = t.marks[1:]
	}
	p := Progress{
		ID: t.id, Phase: t.phase, Attempt: t.attempt, DumpBytes: dumped, SentBytes: t.sent.Load(),
		Expected: t.expected, StartedAt: t.started, UpdatedAt: now.UTC(), LastNotice: t.notice,
		Engine: t.how.Engine, EngineReason: t.how.Reason, Jobs: t.how.Jobs,
	}
	if t.pieces != nil {
		p.Written, p.Pieces = t.pieces()
	}
	if d := now.Sub(t.marks[0].at).Seconds(); d > 0 {
		p.Rate = float64(dumped-t.marks[0].bytes) / d
	}
	switch {
	case t.phase == PhaseDone:
		full := 100
		p.Percent = &full
	case t.expected > 0 && t.phase != PhaseConnecting:
		part := int(min(99, dumped*100/t.expected))
		p.Percent = &part
	}
	return p
}

// parseProgress reads status/<id>.json, and reports whether it is one. Its figures are within what can be.
func parseProgress(data []byte) (p Progress, ok bool) {
	if json.Unmarshal(data, &p) != nil {
		return p, false
	}
	for _, n := range []*int64{&p.DumpBytes, &p.SentBytes, &p.Expected} {
		*n = max(*n, 0)
	}
	for _, n := range []*int{&p.Attempt, &p.Jobs, &p.Pieces, &p.Written} {
		*n = max(*n, 0)
	}
	p.Rate = max(p.Rate, 0)
	if p.Percent != nil {
		percent := min(max(*p.Percent, 0), 100)
		p.Percent = &percent
	}
	for _, text := range []*string{&p.ID, &p.Phase, &p.LastNotice, &p.Engine, &p.EngineReason} {
		*text = fault.Shorten(*text, fault.MaxText)
	}
	return p, true
}
