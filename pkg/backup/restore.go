package backup

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// RestoreRequest asks for a restore into the database that URL names, or into Database of a target.
type RestoreRequest struct {
	URL           string
	Target        string // a RestoreTarget's name, in place of URL
	Database      string // at the target
	Create        bool   // create the database first, as the backup's was made
	Locale        LocaleChoice
	Clean         bool // allow a database that is not empty: what the backup holds is dropped there first
	Cascade       bool // with Clean: drop what depends on that, too
	AllowUnsigned bool // take a backup without a signature although trusted keys are set
	AllowDamaged  bool // try although the last validation found the backup damaged
	Globals       bool // first make the roles and tablespaces that were kept with the backup and that the server lacks
	NoOwner       bool
	NoPrivileges  bool
	Jobs          int
	Part          Part // what of the backup is restored
	Adaptation
	DisableTriggers bool          // of a backup that holds rows only
	KeepGoing       bool          // after what cannot be restored
	Timeout         time.Duration // of the whole restore; 0 is none
	Log             func(line string)
	// Remark is called with what is worth knowing before anything is touched, and with who holds up a restore that waits
	// for a lock, from any goroutine.
	Remark func(line string)
	// Progress is called with the stored bytes read so far and their total, from any goroutine.
	Progress func(read, total int64)
}

// options are a request's for one backup.
func (r RestoreRequest) options(b Backup) RestoreOptions {
	return RestoreOptions{
		URL: r.URL, Target: r.Target, Database: r.Database, Format: b.Format, Create: r.Create, Locale: r.Locale, Remark: r.Remark, Clean: r.Clean, Cascade: r.Cascade, NoOwner: r.NoOwner, NoPrivileges: r.NoPrivileges, Jobs: r.Jobs,
		Part: r.Part, Adaptation: r.Adaptation, DisableTriggers: r.DisableTriggers, KeepGoing: r.KeepGoing, Timeout: r.Timeout, Log: r.Log,
	}
}

// Restored says what a restore did.
type Restored struct {
	Backup Backup        `json:"backup"`
	Target RestoreReport `json:"target"`
	// Globals is nil where they were not asked for. What was made of them stays, whatever became of the restore.
	Globals    *GlobalsReport `json:"globals,omitempty"`
	DurationMS int64          `json:"duration"` // milliseconds
}

// Restore reads a backup straight from storage into a database, checking its SHA-256 on the way. A target that is
// not empty is refused unless Clean is set; nothing is touched before everything that can be checked was. With an error of
// the reason RestoredInPart the target is filled, and the answer says what is missing.
func (s *Service) Restore(ctx context.Context, ref string, req RestoreRequest) (Restored, error) {
	done, err := s.restore(ctx, ref, req)
	if done.Backup.ID != "" {
		s.tellRestored(event.Event{Source: done.Backup.SourceName(), Resource: done.Backup.ID, Target: done.Target.Database, Duration: done.DurationMS}, err)
	}
	return done, err
}

// restore is Restore, of which nobody is told.
func (s *Service) restore(ctx context.Context, ref string, req RestoreRequest) (Restored, error) {
	if req.URL == "" && req.Target == "" {
		return Restored{}, invalid("For example: cofre restore ID --to postgresql://user@host:5432/database", "no database to restore into was given")
	}
	b, err := s.restorable(ctx, ref, req)
	if err != nil {
		return Restored{}, err
	}
	if part := partRemark(b); part != "" && req.Remark != nil {
		req.Remark(part)
	}
	proven, err := s.proveFirst(ctx, b)
	if err != nil {
		s.foundDamaged(ctx, b, err)
		return Restored{}, err
	}
	start := s.Now()
	var globals *GlobalsReport
	if req.Globals {
		if globals, err = s.makeGlobals(ctx, b, req.options(b), false); err != nil {
			return Restored{Backup: b, Globals: globals}, err
		}
	}
	rep, err := s.Engine.Restore(ctx, req.options(b), s.restoreInput(ctx, b, proven, req.Part.Any(), req.Progress))
	rep.Part = req.Part.String()
	if err != nil && !fault.HasReason(err, fault.RestoredInPart) {
		s.foundDamaged(ctx, b, err)
		return Restored{Backup: b, Target: rep, Globals: globals}, err
	}
	d := s.Now().Sub(start)
	mark := registry.Verification{OK: true, Level: levelOf(rep), At: s.Now().UTC().Truncate(time.Millisecond)}
	if nb, err := s.Registry.SetVerification(ctx, b.ID, mark, 0); err != nil {
		s.Log.Warn("restored, but that was not recorded", "backup_id", b.ID, "error", err.Error())
	} else {
		b = nb
	}
	if rep.Server.Host != "" && !req.Part.Any() { // a part is no source's new place
		if err := s.ExpectSource(ctx, b.SourceName(), rep.Server); err != nil {
			s.Log.Warn("where the source may move to was not recorded", "backup_id", b.ID, "error", err.Error())
		}
	}
	s.Log.Info("backup restored", "backup_id", b.ID, "database", rep.Database, "in_part", rep.Partial(), "duration_ms", d.Milliseconds())
	return Restored{Backup: b, Target: rep, Globals: globals, DurationMS: d.Milliseconds()}, err
}

// partRemark says of a backup that does not hold everything what it holds; "" of one that does.
func partRemark(b Backup) string {
	part := DescribePart(b)
	if part == "" {
		return ""
	}
	return "backup " + b.ID + " is a part of source " + b.SourceName() + ": " + part
}

// foundDamaged records what a restore found wrong with what is stored, so that nobody takes the backup for good again.
func (s *Service) foundDamaged(ctx context.Context, b Backup, cause error) {
	f := fault.From(cause)
	mark := registry.Verification{At: s.Now().UTC().Truncate(time.Millisecond), Problems: []registry.Problem{{Reason: f.Reason, Detail: f.Message}}}
	switch f.Reason {
	case fault.ChecksumMismatch, fault.SizeMismatch:
		mark.Level = registry.LevelChecksum
	case fault.StructureDamaged:
		mark.Level = registry.LevelFull
	default:
		return
	}
	s.look()
	if _, err := s.Registry.SetVerification(context.WithoutCancel(ctx), b.ID, mark, 0); err != nil {
		s.Log.Warn("the backup was found damaged, but that was not recorded", "backup_id", b.ID, "error", err.Error())
	}
}

// restorable finds a backup to restore from, and refuses what can be refused without reading it.
func (s *Service) restorable(ctx context.Context, ref string, req RestoreRequest) (Backup, error) {
	b, err := s.good(ctx, ref, req.AllowUnsigned)
	if err != nil {
		return b, err
	}
	if b.Damaged() && !req.AllowDamaged {
		p := b.Verification.Problem()
		return b, fault.New(fault.Validation, p.Reason, "Choose another backup (cofre list). Or try anyway with --allow-damaged.",
			"backup %s is damaged (last validation): %s", b.ID, p.Detail)
	}
	switch {
	case b.Format != FormatPlain:
	case req.Clean:
		return b, invalid("Restore it into an empty database: --create makes one.", "backup %s is an SQL script, which cannot replace what is there", b.ID)
	case req.Part.Any():
		return b, invalid("Restore all of it into a new database (--create), and copy from there what you need.", "backup %s is an SQL script, of which no part can be restored", b.ID)
	case req.NoOwner || req.NoPrivileges:
		return b, invalid("Leave these options out.", "backup %s is an SQL script, which is restored with the owners and privileges that stand in it", b.ID)
	}
	return b, s.readable(ctx, b)
}

// readable refuses a backup that cannot be read: it is encrypted and there is no key, or its object is gone.
func (s *Service) readable(ctx context.Context, b Backup) error {
	if b.Encryption == "age" && len(s.Identities) == 0 {
		if s.KeysElsewhere {
			return fault.New(fault.Validation, fault.IdentityMissing, "Restore it, or prove it, by cofre's command line on a machine that has the key and may read the bucket.",
				"backup %s is encrypted, and its key is not kept here: it can neither be restored nor proven here", b.ID)
		}
		return fault.New(fault.Validation, fault.IdentityMissing, "Set BACKUP_AGE_IDENTITY_FILE to the file with the secret key (AGE-SECRET-KEY-...).", "backup %s is encrypted and no key is configured", b.ID)
	}
	return s.present(ctx, b)
}

// levelOf is what a restore proves of a backup: only a whole one proves all of it.
func levelOf(rep RestoreReport) string {
	if rep.Partial() {
		return registry.LevelRestoredInPart
	}
	return registry.LevelRestored
}

// proving reads a whole object and fails at its end, instead of ending, when its SHA-256 is not the record's.
type proving struct {
	hashing
	want   Backup
	hint   string // what to do about another one
	report func(int64)
}

func (p *proving) Read(buf []byte) (int, error) {
	n, err := p.hashing.Read(buf)
	p.report(int64(n))
	if errors.Is(err, io.EOF) {
		if sum := hex.EncodeToString(p.h.Sum(nil)); sum != p.want.Checksum || p.hashing.n != p.want.Size {
			return n, fault.New(fault.Validation, fault.ChecksumMismatch, p.hint,
				"the object of backup %s is not the one that was stored: SHA-256 %s, the record says %s", p.want.ID, sum, p.want.Checksum)
		}
	}
	return n, err
}

// reporting counts what is read.
type reporting struct {
	io.ReadCloser
	report func(int64)
}

func (r *reporting) Read(buf []byte) (int, error) {
	n, err := r.ReadCloser.Read(buf)
	r.report(int64(n))
	return n, err
}
