package registry

import (
	"cmp"
	"hash/fnv"
	"io"
	"slices"
	"time"
)

// Ref is one backup.
type Ref struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Size int64     `json:"size"` // stored bytes
}

// ProofRef is a backup that was restored and compared, and when that was.
type ProofRef struct {
	Ref
	Proof  time.Time `json:"proof"`            // when
	InPart bool      `json:"inPart,omitempty"` // something was left out, or could not be compared
}

// Failure is a backup that failed, and why.
type Failure struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Error *Error    `json:"error,omitempty"`
}

// Tally sums up backups of one source: what has to be known of them without reading them again. It is made by noting them in the
// order of their ids, and two of them can be added where all of one are older than all of the other. What is dated in the future
// is noted as anything else: whoever has a clock must not sum that up.
type Tally struct {
	Source        string    `json:"source"` // as shown; "" for what failed before anybody knew what it was of
	Database      string    `json:"database,omitempty"`
	First         time.Time `json:"first,omitzero"`
	ServerUnknown int       `json:"serverUnknown,omitempty"` // backups from before sources were known
	Count         int       `json:"count"`
	Bytes         int64     `json:"bytes,omitempty"`
	Succeeded     int       `json:"succeeded,omitempty"` // damaged ones too
	Damaged       int       `json:"damaged,omitempty"`
	Failed        int       `json:"failed,omitempty"`
	Canceled      int       `json:"canceled,omitempty"`
	Interrupted   int       `json:"interrupted,omitempty"`
	Running       int       `json:"running,omitempty"`
	LastGood      *Ref      `json:"lastGood,omitempty"`  // the newest verified one, whatever it holds
	LastWhole     *Ref      `json:"lastWhole,omitempty"` // the newest verified one that holds everything
	// LastProvable is the newest verified one that holds everything and can be proven, and Unprovable counts those that are newer, verified and
	// whole too, and cannot be.
	LastProvable *Ref `json:"lastProvable,omitempty"`
	Unprovable   int  `json:"unprovable,omitempty"`
	// LastProven is the newest verified one that holds everything and that a proof found good, in part too; LastFullyProven the newest of
	// which nothing was left out. LastDisproven is the newest one that holds everything and that a proof found bad. What was written by a
	// version that did not note all of that says so: [Page.Proofs].
	LastProven      *ProofRef `json:"lastProven,omitempty"`
	LastFullyProven *ProofRef `json:"lastFullyProven,omitempty"`
	LastDisproven   *ProofRef `json:"lastDisproven,omitempty"`
	// Sizes are of whole good ones, the oldest first: the newest few.
	Sizes         Refs       `json:"sizes,omitempty"`
	LastScheduled time.Time  `json:"lastScheduled,omitzero"`
	Whole         Attempts   `json:"whole,omitzero"`
	Parts         Attempts   `json:"parts,omitzero"`
	Shapes        Shapes     `json:"shapes,omitempty"` // of whole successful ones, the one of the newest last
	Rows          RowTallies `json:"rows,omitempty"`
}

// Attempts are backups of a source in a row.
type Attempts struct {
	Count int `json:"count"`
	// Since, Failures and Last are of those that failed behind the last verified one.
	Failures int       `json:"failures,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Last     *Failure  `json:"last,omitempty"`
	// Good tells that there is a verified one.
	Good bool `json:"good,omitempty"`
}

// Shape is how backups are stored whose sizes can be compared.
type Shape struct {
	Format      string `json:"format,omitempty"`
	Compression string `json:"compression,omitempty"`
	Encryption  string `json:"encryption,omitempty"`
	Unknown     bool   `json:"unknown,omitempty"` // as [Row.Unknown]
	ID          string `json:"id"`                // of the newest one
	Size        int64  `json:"size"`              // its size
	Before      *int64 `json:"before,omitempty"`  // the size of the one before
	BeforeID    string `json:"beforeId,omitempty"`
}

func (s Shape) like(o Shape) bool {
	return s.Format == o.Format && s.Compression == o.Compression && s.Encryption == o.Encryption && s.Unknown == o.Unknown
}

// RowTally sums up the backups of one row.
type RowTally struct {
	Unknown      bool             `json:"unknown,omitempty"`
	Content      string           `json:"content"`
	Selection    string           `json:"selection,omitempty"`
	Succeeded    int              `json:"succeeded,omitempty"`
	Verified     int              `json:"verified,omitempty"`
	Finished     int              `json:"finished,omitempty"` // whatever became of it
	LastVerified time.Time        `json:"lastVerified,omitzero"`
	Proven       int              `json:"proven,omitempty"` // verified, by a proof too, in part or not; of rows that hold everything
	LastProven   time.Time        `json:"lastProven,omitzero"`
	FullyProven  int              `json:"fullyProven,omitempty"` // of these: nothing was left out
	LastFully    time.Time        `json:"lastFullyProven,omitzero"`
	Formats      map[string]int64 `json:"formats,omitempty"` // size in bytes of the newest successful one of each format
	Lost         Losses           `json:"lost,omitempty"`    // the newest maxLosses, the oldest first
}

// Loss is a backup in which tables had lost more rows than they may.
type Loss struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Before string    `json:"before"` // the backup that had them
	// Tables are hashes of the tables' names, as far as the record has those; 0 stands for tables that it does not name.
	Tables []uint32 `json:"tables"`
}

// maxLosses bounds RowTally.Lost.
const maxLosses = 1000

// LostRows reports whether tables in a backup had lost more rows than they may.
func (b *Backup) LostRows() bool { return len(lossOf(b)) > 0 }

// lossOf returns what a backup lost; nil for nothing.
func lossOf(b *Backup) []Loss {
	c := b.Contents
	if b.Status != Success || c == nil || c.Lost == 0 || c.Compared == "" {
		return nil
	}
	l := Loss{ID: b.ID, At: b.CreatedAt, Before: c.Compared}
	for _, w := range c.Warnings {
		h := fnv.New32a()
		_, _ = io.WriteString(h, w.Table)
		l.Tables = append(l.Tables, max(h.Sum32(), 1))
	}
	if c.Lost > len(c.Warnings) {
		l.Tables = append(l.Tables, 0)
	}
	return []Loss{l}
}

// Row returns the row of a tally's source.
func (r RowTally) Row(source string) Row {
	return Row{Source: source, Unknown: r.Unknown, Content: r.Content, Selection: r.Selection}
}

// maxSizes bounds Tally.Sizes of a page.
const maxSizes = 60

// Note adds a backup that is newer than all that were noted, by its id.
func (t *Tally) Note(b *Backup) {
	t.NoteFuture(b)
	if b.Trigger == TriggerSchedule && b.CreatedAt.After(t.LastScheduled) {
		t.LastScheduled = b.CreatedAt
	}
	t.noteGood(b)
	t.noteProof(b)
	t.attempts(b).note(b)
}

// NoteFuture is Note for a backup that is dated in the future: it counts, and says nothing of how it stands today.
func (t *Tally) NoteFuture(b *Backup) {
	t.Database = cmp.Or(b.Database, t.Database)
	if !b.CreatedAt.IsZero() && (t.First.IsZero() || b.CreatedAt.Before(t.First)) {
		t.First = b.CreatedAt
	}
	if b.Source == "" {
		t.ServerUnknown++
	}
	t.Count++
	t.Bytes += b.Size
	switch b.Ended() {
	case Succeeded:
		t.Succeeded++
	case FailedToEnd:
		t.Failed++
	case Canceled:
		t.Canceled++
	case Interrupted:
		t.Interrupted++
	default:
		t.Running++
	}
	if b.Damaged() {
		t.Damaged++
	}
	t.attempts(b).Count++
	if b.Whole() && b.Status == Success {
		t.addShape(Shape{Format: b.Format, Compression: b.Compression, Encryption: b.Encryption, Unknown: b.Source == "", ID: b.ID, Size: b.Size})
	}
	t.noteRow(b)
}

func (t *Tally) attempts(b *Backup) *Attempts {
	if b.Whole() {
		return &t.Whole
	}
	return &t.Parts
}

func (t *Tally) noteGood(b *Backup) {
	if !b.Verified() {
		return
	}
	ref := Ref{b.ID, b.CreatedAt, b.Size}
	newer(&t.LastGood, &ref)
	if !b.Whole() {
		return
	}
	newer(&t.LastWhole, &ref)
	if b.Unprovable() == "" {
		newer(&t.LastProvable, &ref)
		t.Unprovable = 0
	} else {
		t.Unprovable++
	}
	if t.Sizes = append(t.Sizes, ref); len(t.Sizes) > maxSizes {
		t.Sizes = t.Sizes[1:]
	}
}

func (t *Tally) noteProof(b *Backup) {
	if !b.Whole() {
		return
	}
	ref := Ref{b.ID, b.CreatedAt, b.Size}
	if p, ok := b.Proven(); ok {
		newerProof(&t.LastProven, &ProofRef{ref, p.At, p.InPart()})
		if !p.InPart() {
			newerProof(&t.LastFullyProven, &ProofRef{ref, p.At, false})
		}
	}
	if p, ok := b.Disproven(); ok {
		newerProof(&t.LastDisproven, &ProofRef{ref, p.At, p.InPart()})
	}
}

func newerProof(last **ProofRef, r *ProofRef) {
	if r != nil && (*last == nil || !r.At.Before((*last).At)) {
		*last = r
	}
}

func newer(last **Ref, r *Ref) {
	if r != nil && (*last == nil || !r.At.Before((*last).At)) {
		*last = r
	}
}

func (a *Attempts) note(b *Backup) {
	switch b.Ended() {
	case Succeeded:
		if b.Verified() {
			*a = Attempts{Count: a.Count, Good: true}
		}
	case FailedToEnd, Interrupted:
		if a.Failures == 0 {
			a.Since = b.CreatedAt
		}
		a.Failures++
		a.Last = &Failure{b.ID, b.CreatedAt, b.Error}
	}
}

// addShape puts the shape of a newer backup behind the others.
func (t *Tally) addShape(s Shape) {
	for i, old := range t.Shapes {
		if old.like(s) {
			if s.Before == nil {
				s.Before, s.BeforeID = &old.Size, old.ID
			}
			t.Shapes = slices.Delete(slices.Clone(t.Shapes), i, i+1)
			break
		}
	}
	t.Shapes = append(t.Shapes, s)
}

func (t *Tally) noteRow(b *Backup) {
	row := b.Row()
	n := RowTally{Unknown: row.Unknown, Content: row.Content, Selection: row.Selection, Lost: lossOf(b)}
	switch b.Status {
	case Success:
		n.Succeeded, n.Finished, n.Formats = 1, 1, map[string]int64{b.Format: b.Size}
	case Failed:
		n.Finished = 1
	}
	if b.Verified() {
		n.Verified, n.LastVerified = 1, b.CreatedAt
	}
	if p, ok := b.Proven(); ok && row.Whole() {
		n.Proven, n.LastProven = 1, b.CreatedAt
		if !p.InPart() {
			n.FullyProven, n.LastFully = 1, b.CreatedAt
		}
	}
	t.addRow(n)
}

func (t *Tally) addRow(n RowTally) {
	i := slices.IndexFunc(t.Rows, func(r RowTally) bool {
		return r.Unknown == n.Unknown && r.Content == n.Content && r.Selection == n.Selection
	})
	if i < 0 {
		i = len(t.Rows)
		t.Rows = append(t.Rows, RowTally{Unknown: n.Unknown, Content: n.Content, Selection: n.Selection})
	}
	r := &t.Rows[i]
	r.Succeeded += n.Succeeded
	r.Verified += n.Verified
	r.Finished += n.Finished
	if n.LastVerified.After(r.LastVerified) {
		r.LastVerified = n.LastVerified
	}
	r.Proven += n.Proven
	if n.LastProven.After(r.LastProven) {
		r.LastProven = n.LastProven
	}
	r.FullyProven += n.FullyProven
	if n.LastFully.After(r.LastFully) {
		r.LastFully = n.LastFully
	}
	if len(n.Lost) > 0 {
		r.Lost = slices.Concat(r.Lost, n.Lost)
		r.Lost = r.Lost[max(0, len(r.Lost)-maxLosses):]
	}
	for format, size := range n.Formats {
		if r.Formats == nil {
			r.Formats = map[string]int64{}
		}
		r.Formats[format] = size
	}
}

// Add adds the tally of backups of the same source that are all newer.
func (t *Tally) Add(n Tally) {
	t.Source = n.Source
	t.Database = cmp.Or(n.Database, t.Database)
	if !n.First.IsZero() && (t.First.IsZero() || n.First.Before(t.First)) {
		t.First = n.First
	}
	t.ServerUnknown += n.ServerUnknown
	t.Count += n.Count
	t.Bytes += n.Bytes
	t.Succeeded += n.Succeeded
	t.Damaged += n.Damaged
	t.Failed += n.Failed
	t.Canceled += n.Canceled
	t.Interrupted += n.Interrupted
	t.Running += n.Running
	newer(&t.LastGood, n.LastGood)
	newer(&t.LastWhole, n.LastWhole)
	if n.LastProvable != nil {
		t.Unprovable = 0
	}
	newer(&t.LastProvable, n.LastProvable)
	t.Unprovable += n.Unprovable
	newerProof(&t.LastProven, n.LastProven)
	newerProof(&t.LastFullyProven, n.LastFullyProven)
	newerProof(&t.LastDisproven, n.LastDisproven)
	t.Sizes = slices.Concat(t.Sizes, n.Sizes)
	t.Sizes = t.Sizes[max(0, len(t.Sizes)-maxSizes):]
	if n.LastScheduled.After(t.LastScheduled) {
		t.LastScheduled = n.LastScheduled
	}
	t.Whole.add(n.Whole)
	t.Parts.add(n.Parts)
	for _, s := range n.Shapes {
		t.addShape(s)
	}
	for _, r := range n.Rows {
		t.addRow(r)
	}
}

func (a *Attempts) add(n Attempts) {
	count := a.Count + n.Count
	if n.Good {
		*a = n
	} else if n.Failures > 0 {
		if a.Failures == 0 {
			a.Since = n.Since
		}
		a.Failures += n.Failures
		a.Last = n.Last
	}
	a.Count = count
}

// Tallies sums backups up by source, in the order of their names. backups are in the order of their ids.
func Tallies(backups []Backup) []Tally { return tallies(backups) }

// tallies sums backups up by source, in the order of their names. backups are in the order of their ids.
func tallies(backups []Backup) (out []Tally) {
	at := map[string]int{}
	for i := range backups {
		b := &backups[i]
		name := b.SourceName()
		j, known := at[name]
		if !known {
			j = len(out)
			at[name] = j
			out = append(out, Tally{Source: name})
		}
		out[j].Note(b)
	}
	slices.SortFunc(out, func(a, b Tally) int { return cmp.Compare(a.Source, b.Source) })
	return out
}
