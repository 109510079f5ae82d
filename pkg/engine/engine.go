package engine

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// Options say what to dump and how.
type Options struct {
	Session *postgres.Session // not frozen yet
	Client  pgdump.Client
	// Dump is what one pg_dump is told. Its Target and Session are the Session's.
	Dump   pgdump.DumpOptions
	Size   int64  // of the database, in bytes
	Tables int    // about how many are dumped
	ID     string // of the backup, for pg_stat_activity
	// Jobs is how many connections read rows; 0 chooses. There are no more than the server has room for.
	Jobs int
	// MostJobs bounds what is chosen; 0 does not.
	MostJobs int
	// HangUp is called before the session is closed, since there is no connection for pg_dump beside it. It may be nil.
	HangUp func(ctx context.Context)
	// Never makes one pg_dump do it, whatever may be.
	Never bool
	// Always lets it do small databases, too.
	Always bool
	// Binary reads rows in COPY's binary format where all columns of a table are of types that rows.BinaryTypes lists, in small databases
	// too, and stores them so.
	Binary bool
	// Remark is told who waits behind the dump's locks, after some seconds. It may be nil.
	Remark func(line string)
	// EndOnWait ends the dump when somebody has waited as long as Dump.LockWaitTimeout.
	EndOnWait bool
	// BytesPerSecond bounds how fast rows are read, all readers together, or what one pg_dump writes; 0 is as fast as it goes.
	BytesPerSecond int64
	Log            *slog.Logger

	// Sizes that tests make small; 0 means the constants below.
	Small, Piece int64
	Spool        int // of each reader
	// WatchAfter is when to begin to look who waits; 0 means the constant.
	WatchAfter time.Duration
	clock      *clock // nil is the real one
	hesitate   func() // between pg_dump's start and the decision whether only its head is wanted; may be nil
}

// name is how one of the dump's sessions is called in pg_stat_activity.
func (o Options) name(what string) string { return "cofre " + o.ID + " " + what }

const (
	// smallDatabase is below which a database is left to pg_dump, in bytes on the server's disk, and small below which its rows are.
	smallDatabase = 24 << 20
	small         = 16 << 20
	// smallToast is above which a table's TOAST may hide a row, compressed, that is too long for pg_dump, which holds a row whole and more
	// than once.
	smallToast = 128 << 10
	// pieceBytes is how much of a table is read at once, in bytes of its pages.
	pieceBytes = 32 << 20
	// defaultJobs bounds how many readers are chosen.
	defaultJobs = 4
	// MaxJobs bounds how many may be asked for.
	MaxJobs = 64
)

// How says how a dump is made.
type How struct {
	Parallel bool
	Jobs     int    // readers, when Parallel
	Reason   string // why not, when not
	// BinaryTables is of how many tables the rows are COPY's binary format, as Options.Binary asks for.
	BinaryTables int
}

// Start begins to dump. What is wrong with the options and with the connection comes at once, what happens later comes out of
// Read. ctx governs the whole run.
func Start(ctx context.Context, o Options) (*Dump, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Dump.Target, o.Dump.Session = o.Session.Target(), o.Session
	if o.Dump.LockWaitTimeout == 0 {
		o.Dump.LockWaitTimeout = pgdump.DefaultLockWaitTimeout
	}
	if o.Always || o.Binary {
		o.Small = max(o.Small, 1)
	}
	if o.Piece == 0 {
		o.Piece = pieceBytes
	}
	if o.Spool == 0 {
		o.Spool = SpoolPerJob
	}
	known, err := o.Session.Dumped(ctx, false)
	if err != nil {
		return nil, err
	}
	spare, err := o.spare(ctx, known)
	if err != nil {
		return nil, err
	}
	reason := o.unsuited(known)
	if reason == "" {
		reason = o.slight(ctx)
	}
	if reason == "" && spare < 2 {
		reason = noRoom
	}
	if spare < 1 || known.Pooled {
		// pg_dump may get this connection only, when it is given back. A pooler may have one for all.
		if err := o.giveBack(ctx); err != nil {
			return nil, err
		}
	}
	if reason != "" {
		return o.alone(ctx, reason, spare > 1)
	}
	r := &run{o: o, watched: spare > 2, started: time.Now(), jobs: o.jobs(spare), standby: known.Standby}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	if o.Dump.Timeout > 0 {
		expires := time.AfterFunc(o.Dump.Timeout, func() { r.cancel(errTimeout) })
		r.atEnd = append(r.atEnd, func() { expires.Stop() })
	}
	d, err := r.start()
	if left := r.left(err); left != "" {
		for _, x := range r.readers {
			x.pg.Close()
		}
		for _, end := range r.atEnd {
			end() // before the context ends, with which the session would
		}
		r.cancel(errClosed)
		if err := o.Session.Thaw(ctx); err != nil {
			return nil, err
		}
		return o.alone(ctx, left, spare > 1)
	}
	if err != nil {
		err = r.explain(err)
		r.end()
		return nil, err
	}
	return d, nil
}

// left says why pg_dump cannot be beside the session that has frozen the database; "" when another error ended it, or none.
func (r *run) left(err error) string {
	switch {
	case r.frozen == nil:
	case fault.HasReason(err, fault.LimitReached): // the lock table has room for one of both, the session's locks or pg_dump's
		return postgres.ErrNoLocks.Error()
	case fault.HasReason(err, fault.TooManyClients): // others took what was free
		return noRoom
	}
	return ""
}

const (
	noRoom      = "the server has no free connections"
	smallTables = "the tables are small"
)

// spare is how many more connections may be had.
func (o Options) spare(ctx context.Context, d postgres.Dumped) (int, error) {
	if d.VersionNum < 100000 || d.Pooled {
		return 1, nil // the question is not for old ones, nor can a server know what a pooler has
	}
	return o.Session.Spare(ctx)
}

// unsuited says why a dump is one pg_dump's work; "" when it is not.
func (o Options) unsuited(d postgres.Dumped) string {
	switch {
	case o.Never:
		return "it was asked for"
	case o.Dump.Format == pgdump.Plain:
		return "it is an SQL script"
	case o.Dump.SchemaOnly:
		return "it holds no rows"
	case o.Dump.RowSecurity:
		return "row security decides which rows are read"
	case len(o.Dump.ForeignData) > 0:
		return "it holds rows of foreign tables"
	case d.VersionNum < 140000:
		return "the server is older than PostgreSQL 14"
	case d.Pooled:
		return "the connection goes through a pooler"
	}
	return ""
}

// slight says why there is too little to read for more than one pg_dump; "" when there is not. Locking and measuring 20,000 tables takes
// a tenth of the time that pg_dump takes, for nothing where they are small.
func (o Options) slight(ctx context.Context) string {
	if o.Small > 0 || o.Size >= smallDatabase && o.Tables <= postgres.ManyTables {
		return ""
	}
	w, err := o.Session.Weigh(ctx, o.Dump.Selection)
	switch {
	case err != nil:
		o.Log.Debug("how much the tables hold is not known before they are locked", "error", err.Error())
	case w.Toast > smallToast:
	case o.Size < smallDatabase:
		return "the database is small"
	case w.Bytes < small:
		return smallTables
	}
	return ""
}

// jobs chooses how many readers there are. Besides them there are the session, pg_dump for the head, and who watches.
func (o Options) jobs(spare int) int {
	if o.Jobs > 0 {
		return max(1, min(o.Jobs, spare-2))
	}
	most := defaultJobs
	if o.MostJobs > 0 {
		most = min(most, o.MostJobs)
	}
	return max(1, min(runtime.GOMAXPROCS(0), most, spare/4))
}

// alone is for a dump that never was another's. Where there is a connection for that, it is watched who waits for it.
func (o Options) alone(ctx context.Context, reason string, watched bool) (*Dump, error) {
	o.Dump.Application = o.name("pg_dump")
	ctx, cancel := context.WithCancelCause(ctx)
	d, err := o.one(ctx, reason)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	d.end = func() { cancel(errClosed) }
	if watched {
		d.watch = startWatch(ctx, o, cancel)
	}
	return d, nil
}

// one lets one pg_dump do it.
func (o Options) one(ctx context.Context, reason string) (*Dump, error) {
	d, err := o.lone(ctx)
	if err != nil {
		return nil, err
	}
	return &Dump{how: How{Reason: reason}, one: d, source: d}, nil
}

// run is the engine at work.
type run struct {
	o       Options
	ctx     context.Context
	cancel  context.CancelCauseFunc
	started time.Time
	jobs    int
	watched bool // there is a connection for that
	standby bool // the server is one
	// headOnly is set when pg_dump is not to read rows.
	headOnly atomic.Bool

	frozen  *postgres.Frozen
	readers []*reader
	plan    *plan
	spool   *spool
	limit   *limiter

	atEnd []func()
}

// start locks, looks, and decides whether the engine does it.
func (r *run) start() (*Dump, error) {
	frozen, err := r.o.Session.Freeze(r.ctx, postgres.FreezeOptions{
		Selection: r.o.Dump.Selection, Wait: r.o.Dump.LockWaitTimeout, Application: r.o.name("session"),
	})
	if errors.Is(err, postgres.ErrNoLocks) || errors.Is(err, postgres.ErrDenied) || errors.Is(err, postgres.ErrNames) {
		r.o.Dump.Application = r.o.name("pg_dump")
		d, oneErr := r.o.one(r.ctx, why(err))
		return r.hand(d), oneErr
	}
	if err != nil {
		return nil, err
	}
	r.frozen = frozen
	name := r.o.name("head")
	o := r.o.Dump
	o.Snapshot, o.Application = frozen.Snapshot, name
	one, err := r.o.Client.Dump(r.ctx, o)
	if err != nil {
		return nil, err
	}
	seen := r.look(one, name)
	d, err := r.decide(one, seen)
	if err != nil {
		_ = one.Close()
	}
	return d, err
}

// why gives the first sentence of a fault.
func why(err error) string {
	if f := fault.From(err); f != nil && f.Message != "" {
		return f.Message
	}
	return err.Error()
}

// decide looks at the tables' sizes and at pg_dump's head. one is pg_dump, on the snapshot.
func (r *run) decide(one *pgdump.Dump, seen func() (bool, error)) (*Dump, error) {
	if r.o.hesitate != nil {
		r.o.hesitate()
	}
	if _, err := r.o.Session.Measure(r.ctx); err != nil {
		return nil, err
	}
	switch w := r.frozen.Weight(); {
	case r.o.Small > 0 && w.Bytes >= r.o.Small, r.o.Small == 0 && (w.Bytes >= small || w.Toast > smallToast):
	default:
		return r.keep(one, smallTables), nil
	}
	reason, err := r.connect()
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return r.keep(one, reason), nil
	}
	r.headOnly.Store(true)
	h, err := archive.ReadHead(r.ctx, one, archive.Options{})
	if err != nil {
		return nil, err
	}
	binary, err := r.binaryTables()
	if err != nil {
		return nil, err
	}
	r.plan, reason = newPlan(h, r.frozen, r.o.Piece, binary)
	yes, err := seen()
	switch {
	case err != nil:
		return nil, err
	case reason == "" && !yes:
		reason = "pg_dump was not seen on the server of the snapshot"
	}
	if reason != "" {
		r.o.Log.Debug("one pg_dump does it all", "reason", reason)
		_ = one.Close() // it was stopped in the middle
		r.o.Dump.Application = r.o.name("pg_dump")
		d, err := r.o.one(r.ctx, reason)
		return r.hand(d), err
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = one.Close()
	}()
	r.atEnd = append(r.atEnd, func() { <-stopped })
	return r.launch(h)
}

const (
	// lookEvery is how often it is looked what the head's pg_dump does, at the least: the server takes longer until it begins to send a row
	// of some megabytes.
	lookEvery = 20 * time.Millisecond
	// mildly is how many looks a COPY may take to hear that it is to end.
	mildly = 3
)

// look looks out for pg_dump's session while it reads the catalog: the address that it connects to may lead to another server,
// where a snapshot of the same name shows something else. When it begins to read rows it is held: it takes each of them whole, and one may
// have a gigabyte. Once only its head is wanted (r.headOnly), its COPY is ended then. It ends with that, and what it had written of the head
// comes out. The function that look returns says whether the session was seen, and lets pg_dump go on.
func (r *run) look(one *pgdump.Dump, name string) (seen func() (bool, error)) {
	ctx, stop := context.WithCancel(r.ctx)
	done := make(chan struct{})
	var yes bool
	var err error
	go func() {
		defer close(done)
		defer one.Pause(false)
		told, held := 0, false
		for wait := 5 * time.Millisecond; err == nil && pause.For(ctx, wait) == nil; wait = min(wait*11/10, lookEvery) {
			var x postgres.Sight
			x, err = r.o.Session.Sees(r.ctx, name)
			yes = yes || x.Here
			if err != nil || !held && !x.Copying {
				continue
			}
			held = x.Copying
			one.Pause(held)
			if held && r.headOnly.Load() {
				err = r.o.Session.EndCopy(r.ctx, name, told >= mildly)
				told++
			}
		}
	}()
	r.atEnd = append(r.atEnd, func() { stop(); <-done })
	return func() (bool, error) {
		stop()
		<-done
		return yes, err
	}
}

// keep lets pg_dump go on, which was begun for its head.
func (r *run) keep(one *pgdump.Dump, reason string) *Dump {
	l := r.o.loneFrom(r.ctx, one)
	return r.hand(&Dump{how: How{Reason: reason}, one: l, source: l})
}

// hand gives a dump by one pg_dump what is to be ended after it.
func (r *run) hand(d *Dump) *Dump {
	if d == nil {
		return nil
	}
	for _, x := range r.readers {
		x.pg.Close()
	}
	r.readers = nil
	for _, end := range r.atEnd { // pg_dump has its own timeout
		end()
	}
	r.atEnd, d.end = nil, r.end
	d.watch = r.watch()
	return d
}

// watch looks who waits behind the locks.
func (r *run) watch() *watch {
	if !r.watched {
		return nil
	}
	return startWatch(r.ctx, r.o, r.cancel)
}

// end ends what was begun, when nobody works any more.
func (r *run) end() {
	r.cancel(errClosed)
	for _, x := range r.readers {
		x.pg.Close()
	}
	r.readers = nil
	for i := len(r.atEnd) - 1; i >= 0; i-- {
		r.atEnd[i]()
	}
	r.atEnd = nil
}

// compression is the head's, and the level that was asked for.
func (r *run) compression(h *archive.Head) (archive.Compression, int) {
	level := r.o.Dump.Compression.Level
	if level == 0 && (h.Compression == archive.CompressionZstd || h.Compression == archive.CompressionGzip) {
		level = 1
	}
	return h.Compression, level
}
