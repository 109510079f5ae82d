package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// maxAttempts is how often a whole dump is tried when the cause of its failure passes by itself.
const maxAttempts = 2

// settleTime bounds recording the outcome after the caller's context has ended.
const settleTime = 45 * time.Second

// run is one process's work on one backup.
type run struct {
	s     *Service
	lease *registry.Lease
	req   Request
	from  source.Settings
	b     Backup
	track *tracker
	notes *runLog
	noted string       // what was published of them
	log   *slog.Logger // the process's, and the notes
	ahead *ahead       // nil without, and once it was taken

	contents   *contents.Contents // what the backup contains; nil where it could not be found out
	notCounted error              // why not
	globals    []byte             // what is kept of the server; nil for nothing
	unread     []string           // what of it the role may not read
}

// Run makes a reserved backup: inspect, dump, upload, verify, commit. It returns the record as it stands at
// the end, successful or failed; the error is nil only for a successful one. A second delivery of the same
// id does nothing and gets reason busy or already_exists. When ctx ends, pg_dump is stopped, the upload is
// aborted and the failure recorded within seconds.
func (s *Service) Run(ctx context.Context, id string, watch func(Progress)) (Backup, error) {
	return s.runWith(ctx, id, nil, watch)
}

// runWith is Run with a session that may have been opened before.
func (s *Service) runWith(ctx context.Context, id string, ahead *ahead, watch func(Progress)) (Backup, error) {
	runner, err := s.newID()
	if err != nil {
		return Backup{}, err
	}
	lease, err := s.Registry.Claim(ctx, id, runner)
	if err != nil {
		return Backup{}, err
	}
	notes := &runLog{now: s.Now}
	r := &run{s: s, lease: lease, ahead: ahead, b: lease.Backup(), track: &tracker{id: id, started: s.Now().UTC(), phase: PhaseConnecting}, notes: notes, log: slog.New(tee{s.Log.Handler(), notes})}
	b, err := r.run(ctx, watch)
	s.tellEnded(r.from, b, err)
	if s.Ended != nil {
		s.Ended(b, err)
	}
	return b, err
}

// run is Run behind the claim.
func (r *run) run(ctx context.Context, watch func(Progress)) (Backup, error) {
	s, id := r.s, r.b.ID
	var err error
	r.notes.add("backup of %s begins (%s)", r.b.SourceName(), r.b.Trigger)
	if r.req, err = s.requested(ctx, r.b, r.lease.Request()); err == nil {
		r.from, err = s.sourceOf(ctx, r.req)
	}
	if err != nil {
		return r.fail(ctx, err)
	}
	if s.Pings != nil {
		s.Pings.Began(r.from, r.b)
	}
	r.track.expected = expectation(s.lastLike(ctx, r.b))
	ctx, keeper := r.keep(ctx, watch)
	defer keeper.release(nil)
	if err = r.attempts(ctx); err == nil {
		err = r.describe(ctx)
	}
	keeper.end()
	if err == nil {
		err = r.commit(ctx)
	}
	switch {
	case err == nil:
	case registry.IsCommitted(err):
		s.Log.Warn("backup committed, recording it will be completed by the next cleanup", "backup_id", id, "error", err.Error())
	default:
		if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
			err = cancelled(cause, err)
		}
		return r.fail(ctx, err)
	}
	r.lock(ctx)
	r.track.enter(PhaseDone)
	if watch != nil {
		watch(r.track.at(s.Now()))
	}
	s.sayDamage(ctx)
	s.Log.Info("backup done", "backup_id", id, "database", r.b.Database, "bytes", r.b.Size, "duration_ms", r.b.Duration)
	return r.b, nil
}

// cancelled makes one fault of "the caller wanted an end" and whatever that made fail first.
func cancelled(cause, err error) error {
	var f *fault.Error
	if errors.As(cause, &f) {
		return f
	}
	return fault.Wrap(fmt.Errorf("%w (%w)", cause, err), fault.Canceled, "", "Nothing was kept of it. Run it again when you are ready.", "the backup was stopped before it was finished")
}

// attempts tries the dump, and once more as a whole where the cause may pass.
func (r *run) attempts(ctx context.Context) error {
	for n := 1; ; n++ {
		r.b.Attempt = n
		notice := ""
		if n > 1 {
			notice = fmt.Sprintf("attempt %d of %d", n, maxAttempts)
			r.notes.add("%s", notice)
		}
		r.track.begin(n, notice)
		err := r.attempt(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		f := fault.From(err)
		again := f.Transient && (f.Code == fault.BackupCreation || f.Code == fault.DatabaseConnection && n > 1 || f.Code == fault.FileSystem)
		if !again || n == maxAttempts {
			if n > 1 {
				c := *f
				c.Attempts = n
				return &c
			}
			return err
		}
		r.log.Warn("backup failed, trying once more", "backup_id", r.b.ID, "error", err.Error())
		r.track.enter(PhaseConnecting)
	}
}

// attempt is one whole dump, up to and including the stored, checked object.
func (r *run) attempt(ctx context.Context) error {
	if err := r.s.Registry.TrySigning(ctx); err != nil { // not after hours
		return err
	}
	if err := r.s.checkLock(ctx, r.b.SourceName()); err != nil {
		return err
	}
	session, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	src := session.Source()
	r.b.Database, r.b.DatabaseVersion, r.b.PgDumpVersion = src.Database, src.ServerVersion, src.PgDumpVersion
	r.b.Locale = &src.Locale
	r.notes.add("connected to %s, database %s: PostgreSQL %s, pg_dump %s", net.JoinHostPort(src.Server.Host, src.Server.Port), src.Database, src.ServerVersion, src.PgDumpVersion)
	if err := r.admit(ctx, src.Server); err != nil {
		return err
	}
	for _, remark := range src.Remarks {
		r.log.Warn("not all of this backup will restore by itself", "backup_id", r.b.ID, "remark", remark)
	}
	if err := r.readGlobals(ctx, session); err != nil {
		return err
	}
	last := r.s.lastLike(ctx, r.b)
	r.track.expect(expectation(last))
	compression := r.req.Compression
	if r.req.Format == FormatCustom && compression == "auto" {
		compression = src.Compression
		if t := r.s.Limits.CompressThreshold; t > 0 && src.Size < t {
			compression = "none"
		}
	}
	r.b.Compression = compression
	r.track.enter(PhaseDumping)
	dump, err := r.dump(ctx, session, mostJobs(last)) // reads the catalog while the upload is being prepared
	if err != nil {
		return err
	}
	defer dump.Close()
	// Nothing before the commit needs it.
	side, stop := context.WithCancel(ctx)
	defer stop()
	schema := make(chan string, 1)
	go func() { schema <- r.schemaVersion(side, session) }()
	err = r.transfer(ctx, dump)
	if err != nil {
		stop()
	} else if paced, ok := dump.(Paced); ok {
		r.b.WaitedPercent = paced.Waited()
	}
	if err == nil {
		r.notes.add("stored and checked: %d bytes, SHA-256 %s", r.b.Size, r.b.Checksum)
	}
	if r.b.SchemaVersion = <-schema; r.b.SchemaVersion == "" && r.contents != nil && r.definesAll() {
		r.b.SchemaVersion = r.contents.SchemaVersion(src.PgDumpVersion, src.ServerVersion)
	}
	return err
}

// definesAll reports whether the dump has the definition of everything in the database.
func (r *run) definesAll() bool {
	return r.b.Format == FormatCustom && r.b.Content != ContentData && !r.b.Selection.Part()
}

// admit makes sure that the source is the one that it is known as, and notes the server in the record.
func (r *run) admit(ctx context.Context, server source.Server) error {
	if r.b.Source == "" {
		r.b.Source = r.b.Database // reserved by an older version
	}
	r.b.Server = &server
	return r.s.admitServer(ctx, r.b.Source, server)
}

// schemaVersion names the state of the schema; a backup does not fail for want of it.
func (r *run) schemaVersion(ctx context.Context, s Session) string {
	v, err := s.SchemaVersion(ctx)
	if err != nil && ctx.Err() == nil {
		r.log.Warn("the schema's version is not known", "backup_id", r.b.ID, "error", err.Error())
	}
	return v
}

// describe writes the tags, and at the same time what the backup contains and what is kept with it.
func (r *run) describe(ctx context.Context) error {
	r.b.Duration = max(r.s.Now().Sub(r.track.started).Milliseconds(), 0)
	tagged := make(chan error, 1)
	go func(b Backup) { tagged <- r.s.Registry.SetTags(ctx, b) }(r.b)
	kept := r.keepContents(ctx)
	if kept == nil {
		kept = r.keepGlobals(ctx)
	}
	err := <-tagged
	switch {
	case kept != nil:
		return kept
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil && !fault.HasReason(err, storage.Unsupported):
		r.log.Warn("tags not set; the manifest is used instead", "backup_id", r.b.ID, "error", err.Error())
	}
	return nil
}

// commit writes the manifest: from then on the backup exists. The last look at the object is behind the last write to it: there
// are services that take tags for new contents.
func (r *run) commit(ctx context.Context) error {
	r.b.Status, r.b.Outcome = registry.Success, registry.Succeeded
	if err := r.unchanged(ctx); err != nil {
		return err
	}
	r.notes.add("done")
	r.lease.SetLog(r.notes.String())
	r.lease.KeepLog(ctx)
	return r.lease.Commit(ctx, r.b)
}

// unchanged holds the object against what was compared when it was complete.
func (r *run) unchanged(ctx context.Context) error {
	o, err := r.s.Store.Head(ctx, r.b.Filepath)
	if err != nil {
		return fmt.Errorf("look at the stored object once more: %w", err)
	}
	if o.Size != r.b.Size || strings.Trim(o.ETag, `"`) != r.b.Stored.ETag {
		return fault.New(fault.Validation, fault.ChecksumMismatch, "Nothing was kept. The storage service may take tags for new contents: look at what it lacks with `cofre doctor`, then try again.",
			"the stored object is not the one any more that was written: it has %d bytes of %d", o.Size, r.b.Size)
	}
	return nil
}

// fail records the failure, on a context of its own, and removes what the run left.
func (r *run) fail(ctx context.Context, cause error) (Backup, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	r.b.Duration = max(r.s.Now().Sub(r.track.started).Milliseconds(), 0)
	r.notes.add("failed")
	r.lease.SetLog(r.notes.String())
	held, err := r.lease.Fail(ctx, r.b, cause)
	if held.Status == registry.Success {
		return held, nil // the commit had taken place; only its answer was lost
	}
	if err != nil {
		level := fault.LevelBeside(err, cause)
		if level == slog.LevelWarn {
			level = slog.LevelError
		}
		r.log.Log(ctx, level, "failure not recorded; the next cleanup does it", "backup_id", r.b.ID, "error", err.Error())
	}
	return held, cause
}

// expectation is an honest estimate of what pg_dump will give: the size of the last successful backup made the
// same way, 0 when there is none. It is read from the index, so an estimate never costs a failure.
func expectation(last *Backup) int64 {
	switch {
	case last == nil:
		return 0
	case last.Format == FormatPlain:
		return last.UncompressedSize
	default:
		return last.Size
	}
}

// mostJobs is how many connections it pays to read with, by the last backup that was made the same way: fewer where they waited for storage
// most of their time, and not more where they waited for much of it. 0 is as many as there may be.
func mostJobs(last *Backup) int {
	switch {
	case last == nil || last.Jobs == 0 || last.WaitedPercent <= 25:
		return 0
	case last.WaitedPercent > 50:
		return max(1, last.Jobs-1)
	}
	return last.Jobs
}
