package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"cofre/pkg/contents"
	"cofre/pkg/fault"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/stream"
)

// ServerKey is the installation's own key (BACKUP_SERVER_KEY). It opens what encrypted backups contain, and never backups.
type ServerKey struct {
	Identity  age.Identity
	Recipient age.Recipient
}

// count begins to find out what a dump contains, beside the pipeline.
func (r *run) count(ctx context.Context, dump Dump) *counter {
	return newCounter(ctx, r.b.Format, dump, r.s.Now)
}

// keepContents writes what the backup contains, before the manifest that holds its hash. A backup does not fail for want of it:
// then its record says why there is none.
func (r *run) keepContents(ctx context.Context) error {
	kept, err := r.writeContents(ctx)
	if err == nil {
		r.b.Contents = &kept
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	r.log.Warn("what the backup contains is not known", "backup_id", r.b.ID, "error", err.Error())
	r.b.Contents = &registry.Contents{Missing: err.Error()}
	return nil
}

func (r *run) writeContents(ctx context.Context) (registry.Contents, error) {
	var none registry.Contents
	if r.contents == nil {
		return none, fmt.Errorf("counting its rows failed: %w", r.notCounted)
	}
	c := r.contents
	c.Header = contents.Header{ID: r.b.ID, Source: r.b.Source, Database: r.b.Database, At: r.b.CreatedAt, Server: r.b.DatabaseVersion, PgDump: r.b.PgDumpVersion,
		Definitions: c.Header.Definitions}
	if r.b.Locale != nil {
		c.Encoding = r.b.Locale.Encoding
	}
	found := r.s.held(ctx, r.b, c)
	data, byServer, err := r.s.sealContents(ctx, c, r.b.Encryption == "age")
	if err != nil {
		return none, err
	}
	kept, err := r.lease.PutContents(ctx, data)
	if err != nil {
		return none, err
	}
	kept.ServerKey, kept.Compared, kept.NotCompared, kept.Lost = byServer, c.Compared, found, len(c.Warnings)
	if r.b.Encryption == "age" {
		return kept, nil // names and numbers are in the contents alone
	}
	t := c.Totals()
	kept.Tables, kept.Rows = t.Tables, t.Rows
	r.notes.add("contains %s with %s", quantity.Plural(t.Tables, "table"), quantity.Plural(int(t.Rows), "row"))
	for _, w := range c.Warnings {
		kept.Warnings = append(kept.Warnings, registry.RowsLost{Table: w.Label(), Before: w.Before, After: w.After, Percent: w.Percent(), Dropped: w.Dropped})
		r.log.Warn("a table lost rows", "backup_id", r.b.ID, "table", w.Label(), "rows", w.After, "rows_before", w.Before, "before", c.Compared)
	}
	return kept, nil
}

// held holds the contents of a new backup against those of the one before it, and notes in them which tables lost more rows than
// they may. It returns why that could not be done, where there was one.
func (s *Service) held(ctx context.Context, b Backup, c *contents.Contents) (notCompared string) {
	t, err := s.thresholds(ctx, b.SourceName())
	if err != nil {
		s.Log.Warn("the source's thresholds cannot be read", "source", b.SourceName(), "error", err.Error())
		return "when the source's tables have lost too many rows cannot be told"
	}
	if t.LostPercent == 0 {
		return ""
	}
	before := s.lastLike(ctx, b)
	if before == nil {
		return ""
	}
	old, err := s.readContents(ctx, *before)
	switch {
	case fault.HasReason(err, fault.ContentsMissing):
		return "what backup " + before.ID + " contains is not known"
	case fault.HasReason(err, fault.IdentityMissing):
		return "there is no key to read what backup " + before.ID + " contains; set BACKUP_SERVER_KEY"
	case err != nil:
		s.Log.Warn("the contents of the backup before cannot be read", "backup_id", before.ID, "error", err.Error())
		return "what backup " + before.ID + " contains cannot be read"
	}
	c.Compared, c.Warnings = before.ID, contents.Compare(old, c).Warnings(t)
	return ""
}

// thresholds are those of a source.
func (s *Service) thresholds(ctx context.Context, source string) (contents.Thresholds, error) {
	all, err := s.Sources(ctx)
	t := all.Of(source).Thresholds
	if t.RowsLostPercent == nil {
		return contents.Thresholds{}, err
	}
	return contents.Thresholds{LostPercent: *t.RowsLostPercent, MinRows: t.RowsLostMinimum}, err
}

// sealContents gives contents as they are stored, and whether the installation's own key opens them where they are encrypted.
func (s *Service) sealContents(ctx context.Context, c *contents.Contents, encrypt bool) (data []byte, byServer bool, err error) {
	if !encrypt {
		data, err = seal(ctx, c, nil)
		return data, false, err
	}
	if s.ServerKey != nil {
		all := append(append([]age.Recipient(nil), s.Recipients...), s.ServerKey.Recipient)
		if data, err = seal(ctx, c, all); err == nil {
			return data, true, nil
		}
		// Post-quantum keys and others do not go together.
		s.Log.Warn("what the backup contains cannot be encrypted to BACKUP_SERVER_KEY as well", "error", err.Error())
	}
	data, err = seal(ctx, c, s.Recipients)
	return data, false, err
}

func seal(ctx context.Context, c *contents.Contents, to []age.Recipient) ([]byte, error) {
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(contents.Encode(pw, c)) }()
	st, err := stream.New(pr, stream.Options{Compression: stream.Zstd, Level: 3, Recipients: to, Concurrency: 1})
	if err != nil {
		pr.Close() // ends Encode
		return nil, err
	}
	defer st.Close() // closes pr
	var b bytes.Buffer
	if _, err := io.Copy(&b, st); err != nil {
		return nil, err
	}
	return b.Bytes(), ctx.Err()
}

// maxContents bounds what contents may become when they are decompressed, in bytes: some 2 million lines.
const maxContents = 512 << 20

// readContents reads what a backup contains, by its record.
func (s *Service) readContents(ctx context.Context, b Backup) (*contents.Contents, error) {
	data, err := s.Registry.GetContents(ctx, b)
	if err != nil {
		return nil, err
	}
	o := stream.OpenOptions{Compression: stream.Zstd, MaxOutput: maxContents}
	if b.Encryption == "age" {
		o.Encryption, o.Identities = stream.Age, s.Identities
		if s.ServerKey != nil {
			o.Identities = append(append([]age.Identity(nil), s.Identities...), s.ServerKey.Identity)
		}
	}
	r, err := stream.Open(bytes.NewReader(data), o)
	if fault.HasReason(err, fault.IdentityMissing) {
		return nil, noContentsKey(b, s.ServerKey != nil)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c, err := contents.Decode(until{ctx, r})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, contents.ErrNewer):
		return nil, fault.Wrap(err, fault.Validation, fault.NewerVersion, "Upgrade cofre on this machine.", "what backup %s contains was written by a newer cofre", b.ID)
	case err != nil:
		return nil, fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Look at that object; nothing was changed.", "%s is not what cofre writes there", registry.ContentsKey(b))
	case c.ID != b.ID:
		return nil, fault.New(fault.Validation, fault.StructureDamaged, "Look at that object; nothing was changed.", "%s is about backup %.40q", registry.ContentsKey(b), c.ID)
	}
	return c, nil
}

// until reads for as long as nobody has gone away.
type until struct {
	ctx context.Context
	io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

func noContentsKey(b Backup, serverKey bool) error {
	if serverKey {
		return fault.New(fault.Validation, fault.IdentityMissing, "Set BACKUP_AGE_IDENTITY_FILE to the file with the secret key that backups are encrypted to.",
			"what backup %s contains is encrypted, and not to the present BACKUP_SERVER_KEY", b.ID)
	}
	return fault.New(fault.Validation, fault.IdentityMissing, "Set BACKUP_SERVER_KEY when backups are made and here, or BACKUP_AGE_IDENTITY_FILE.",
		"what backup %s contains is encrypted and there is no key to read it", b.ID)
}

// Contents returns what a backup contains, with its record.
func (s *Service) Contents(ctx context.Context, ref string) (Backup, *contents.Contents, error) {
	b, err := s.good(ctx, ref, true)
	if err != nil {
		return b, nil, err
	}
	c, err := s.readContents(ctx, b)
	return b, c, err
}

// compareContents holds what was found in a backup against what was counted when it was made.
func (s *Service) compareContents(ctx context.Context, b Backup, v *Validation) error {
	if v.counted == nil || b.Contents == nil || b.Contents.Missing != "" {
		return nil
	}
	c, err := s.readContents(ctx, b)
	switch {
	case fault.HasReason(err, fault.IdentityMissing):
		return nil
	case fault.HasCode(err, fault.Validation): // the backup itself is none the worse
		v.Notes = append(v.Notes, "what it contains was not compared: "+fault.From(err).Message)
		return nil
	case err != nil:
		return err
	}
	if d := contents.Compare(c, v.counted); len(d.Tables) > 0 {
		t := d.Tables[0]
		v.problem(fault.ContentsMismatch, "%s in which other rows were found than were counted when it was made, the first is %s: %s",
			quantity.Plural(len(d.Tables), "table"), t.Label(), beforeAfter(t))
	} else if d.LargeObjects != nil {
		v.problem(fault.ContentsMismatch, "other large objects were found than were counted when it was made: %d, then %d", d.LargeObjects.After.Rows, d.LargeObjects.Before.Rows)
	} else {
		v.RowsAgree = true
	}
	return nil
}

// beforeAfter says how many rows a table had and has.
func beforeAfter(t contents.TableDiff) string {
	rows := func(c *contents.Counts) string {
		if c == nil {
			return "no rows"
		}
		return quantity.Plural(int(c.Rows), "row")
	}
	return rows(t.After) + ", then " + rows(t.Before)
}

// ContentsOff says why tables are not watched for lost rows and cannot be shown here, "" where they are: the newest backups are
// encrypted, and not to the installation's own key.
func (s *Service) ContentsOff(v *registry.View) string {
	var last registry.Backup
	for b := range v.Newest() { // the oldest first
		if b.Status == registry.Success && b.Contents != nil {
			last = b
		}
	}
	switch {
	case last.Contents == nil || last.Encryption != "age" || last.Contents.Missing != "" || last.Contents.ServerKey:
		return ""
	case s.ServerKey == nil:
		return "what encrypted backups contain is not watched for lost rows: BACKUP_SERVER_KEY is not set"
	}
	return "what encrypted backups contain is not watched for lost rows: the newest was not encrypted to BACKUP_SERVER_KEY"
}
