package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// RestoreRequest asks for a restore into the database that URL names.
type RestoreRequest struct {
	URL           string
	Create        bool // create the database first, as the backup's was made
	Locale        LocaleChoice
	Clean         bool // allow a database that is not empty: what the backup holds is dropped there first
	Cascade       bool // with Clean: drop what depends on that, too
	AllowUnsigned bool // take a backup without a signature although trusted keys are set
	AllowDamaged  bool // try although the last validation found the backup damaged
	NoOwner       bool
	NoPrivileges  bool
	Jobs          int
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

// Restored says what a restore did.
type Restored struct {
	Backup     Backup        `json:"backup"`
	Target     RestoreReport `json:"target"`
	DurationMS int64         `json:"duration"` // milliseconds
}

// Restore reads a backup straight from storage into a database, checking its SHA-256 on the way. A target that is
// not empty is refused unless Clean is set; nothing is touched before everything that can be checked was. With an error of
// the reason RestoredInPart the target is filled, and the answer says what is missing.
func (s *Service) Restore(ctx context.Context, ref string, req RestoreRequest) (Restored, error) {
	if req.URL == "" {
		return Restored{}, invalid("For example: cofre restore ID --to postgresql://user@host:5432/database", "no database to restore into was given")
	}
	b, err := s.successful(ctx, ref)
	if err != nil {
		return Restored{}, err
	}
	if b, err = s.trusted(ctx, b, req.AllowUnsigned); err != nil {
		return Restored{}, err
	}
	if b.Damaged() && !req.AllowDamaged {
		p := b.Verification.Problem()
		return Restored{}, fault.New(fault.Validation, p.Reason, "Choose another backup (cofre list), or try all the same with --allow-damaged.",
			"the last validation found backup %s damaged: %s", b.ID, p.Detail)
	}
	if req.Clean && b.Format == FormatPlain {
		return Restored{}, invalid("Restore it into an empty database: --create makes one.", "backup %s is an SQL script, which cannot replace what is there", b.ID)
	}
	if b.Encryption == "age" && len(s.Identities) == 0 {
		return Restored{}, fault.New(fault.Validation, fault.IdentityMissing, "Set BACKUP_AGE_IDENTITY_FILE to the file with the secret key (AGE-SECRET-KEY-...).", "backup %s is encrypted and there is no key to read it", b.ID)
	}
	if err := s.present(ctx, b); err != nil {
		return Restored{}, err
	}
	if part := DescribePart(b); part != "" && req.Remark != nil {
		req.Remark("backup " + b.ID + " is a part of source " + b.SourceName() + ": " + part)
	}
	if s.Registry.Checks() {
		if err := s.proveFirst(ctx, b); err != nil {
			return Restored{}, err
		}
	}
	start := s.Now()
	rep, err := s.Engine.Restore(ctx, RestoreOptions{
		URL: req.URL, Format: b.Format, Create: req.Create, Locale: req.Locale, Remark: req.Remark, Clean: req.Clean, Cascade: req.Cascade, NoOwner: req.NoOwner, NoPrivileges: req.NoPrivileges, Jobs: req.Jobs,
		Adaptation: req.Adaptation, DisableTriggers: req.DisableTriggers, KeepGoing: req.KeepGoing, Timeout: req.Timeout, Log: req.Log,
	}, s.restoreInput(ctx, b, req.Progress))
	if err != nil && !fault.HasReason(err, fault.RestoredInPart) {
		return Restored{Backup: b, Target: rep}, err
	}
	d := s.Now().Sub(start)
	mark := registry.Verification{OK: true, Level: levelOf(rep), At: s.Now().UTC().Truncate(time.Millisecond)}
	if nb, err := s.Registry.SetVerification(ctx, b.ID, mark, 0); err != nil {
		s.Log.Warn("restored, but that was not recorded", "backup_id", b.ID, "error", err.Error())
	} else {
		b = nb
	}
	if rep.Server.Host != "" {
		if err := s.ExpectSource(ctx, b.SourceName(), rep.Server); err != nil {
			s.Log.Warn("where the source may move to was not recorded", "backup_id", b.ID, "error", err.Error())
		}
	}
	s.Log.Info("backup restored", "backup_id", b.ID, "database", rep.Database, "in_part", rep.Partial(), "duration_ms", d.Milliseconds())
	return Restored{Backup: b, Target: rep, DurationMS: d.Milliseconds()}, err
}

// levelOf is what a restore proves of a backup: only a whole one proves all of it.
func levelOf(rep RestoreReport) string {
	if rep.Partial() {
		return registry.LevelRestoredInPart
	}
	return registry.LevelRestored
}

// restoreInput opens the plain bytes of a backup; see RestoreInput.
func (s *Service) restoreInput(ctx context.Context, b Backup, progress func(int64, int64)) RestoreInput {
	var read atomic.Int64
	report := func(n int64) {
		if progress != nil {
			progress(min(read.Add(n), b.Size), b.Size)
		}
	}
	in := RestoreInput{Open: func(ctx context.Context) (io.ReadCloser, error) {
		r, _, err := s.Store.Open(ctx, b.Filepath, 0, -1)
		if err != nil {
			return nil, err
		}
		src := &proving{want: b, report: report, hashing: hashing{r: r, h: sha256.New(), ctx: ctx}}
		first := make([]byte, archive.SniffLength)
		n, err := io.ReadFull(src, first)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			r.Close()
			return nil, err
		}
		plain, err := openPlain(io.MultiReader(bytes.NewReader(first[:n]), src), archive.Sniff(first[:n]), s.Identities)
		if err != nil {
			r.Close()
			return nil, err
		}
		return &chain{plain, r}, nil
	}}
	// Parts are proven by their CRC-32C, which anybody can make fit: where signatures count, the whole is, by its SHA-256.
	if b.Format == FormatCustom && b.Encryption == "none" && !s.Registry.Checks() {
		layout, err := s.Registry.Layout(ctx, b.ID)
		if err != nil || layout == nil {
			s.Log.Info("restoring in one stream: the manifest does not say where each table lies", "backup_id", b.ID)
			return in
		}
		in.Layout = layout
		in.OpenRange = func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			r, _, err := s.Store.Open(ctx, b.Filepath, offset, length)
			if err != nil {
				return nil, err
			}
			return &reporting{r, report}, nil
		}
	}
	return in
}

// proving reads a whole object and fails at its end, instead of ending, when its SHA-256 is not the record's.
type proving struct {
	hashing
	want   Backup
	report func(int64)
}

func (p *proving) Read(buf []byte) (int, error) {
	n, err := p.hashing.Read(buf)
	p.report(int64(n))
	if errors.Is(err, io.EOF) {
		if sum := hex.EncodeToString(p.h.Sum(nil)); sum != p.want.Checksum || p.hashing.n != p.want.Size {
			return n, fault.New(fault.Validation, fault.ChecksumMismatch, "Do not use what was restored; run cofre validate "+p.want.ID+".",
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

// DescribeSize gives bytes for people, in the units that PostgreSQL's pg_size_pretty uses.
func DescribeSize(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	f, u := float64(n), 0
	for f >= 10240 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return fmt.Sprintf("%.0f %s", f, units[u])
}
