package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// Bounds of a download link's life.
const (
	DefaultLinkLife = 15 * time.Minute
	MaxLinkLife     = 7 * 24 * time.Hour // the longest that S3's signature allows
)

// Link is a presigned download link: whoever holds it can read the backup until it expires.
type Link struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	Filename  string    `json:"filename"`
	Size      int64     `json:"size"`
	Checksum  string    `json:"checksum"`
	ExpiresAt time.Time `json:"expiresAt"`
	// Uncertain: it may end before ExpiresAt, with credentials that do not say when they end.
	Uncertain bool `json:"uncertain,omitempty"`
}

// LinkOptions tune a download link.
type LinkOptions struct {
	Life time.Duration // 0 is DefaultLinkLife
	By   string        // for whom
	// AllowUnsigned takes a backup without a signature although trusted keys are set.
	AllowUnsigned bool
}

// URL makes a download link. It looks first whether the object is there, and, where trusted keys are set, whether one of them
// signed its manifest. Size and checksum are those of that manifest then; what comes is the holder's to compare.
func (s *Service) URL(ctx context.Context, ref string, o LinkOptions) (Link, error) {
	life := o.Life
	if life == 0 {
		life = DefaultLinkLife
	}
	if life < time.Second || life > MaxLinkLife {
		return Link{}, invalid("Use a duration such as 15m or 24h, 168h at most.", "invalid link lifetime %s", life)
	}
	b, err := s.good(ctx, ref, o.AllowUnsigned)
	if err != nil {
		return Link{}, err
	}
	if err := s.present(ctx, b); err != nil {
		return Link{}, err
	}
	u, err := s.Store.Presign(ctx, b.Filepath, storage.PresignOptions{Expires: life, Filename: b.Filename, ContentType: "application/octet-stream"})
	if err != nil {
		return Link{}, err
	}
	s.tell(event.Event{Kind: event.LinkMade, Source: b.SourceName(), Resource: b.ID, By: o.By, Bytes: b.Size})
	return Link{ID: b.ID, URL: u.URL, Filename: b.Filename, Size: b.Size, Checksum: b.Checksum, ExpiresAt: u.ExpiresAt, Uncertain: u.Uncertain}, nil
}

// successful finds a backup that can be read.
func (s *Service) successful(ctx context.Context, ref string) (Backup, error) {
	b, err := s.Info(ctx, ref)
	if err != nil {
		return b, err
	}
	switch b.Status {
	case registry.InProgress:
		return b, fault.New(fault.Validation, fault.Busy, "Follow it with: cofre status "+b.ID, "backup %s is still being made", b.ID)
	case registry.Failed:
		return b, fault.New(fault.Validation, fault.ObjectMissing, "See why with: cofre info "+b.ID, "backup %s failed, there is nothing stored of it", b.ID)
	}
	return b, nil
}

// present compares the stored object's existence and size with the record.
func (s *Service) present(ctx context.Context, b Backup) error {
	o, err := s.Store.Head(ctx, b.Filepath)
	if storage.IsNotFound(err) {
		return fault.Wrap(err, fault.Validation, fault.ObjectMissing, "Look whether somebody removed or moved it; cofre validate "+b.ID+" marks the record.",
			"the file of backup %s is missing from storage (%s)", b.ID, b.Filepath)
	}
	if err != nil {
		return err
	}
	if o.Size != b.Size {
		return fault.New(fault.Validation, fault.SizeMismatch, "Do not rely on it; run cofre validate "+b.ID+".",
			"the file of backup %s has %d bytes; the record says %d", b.ID, o.Size, b.Size)
	}
	return nil
}

// DownloadOptions tune a download.
type DownloadOptions struct {
	Overwrite bool // replace a file that exists
	// AllowUnsigned takes a backup without a signature although trusted keys are set.
	AllowUnsigned bool
}

// Download writes a backup's object to a local file, with parallel reads, and gives its record, whose SHA-256 is that of what
// came: the signed one, where trusted keys are set. The file appears under its name only when it is whole.
func (s *Service) Download(ctx context.Context, ref, file string, o DownloadOptions) (b Backup, err error) {
	if b, err = s.good(ctx, ref, o.AllowUnsigned); err != nil {
		return b, err
	}
	if st, err := os.Stat(file); err == nil {
		if st.IsDir() {
			// A record is what somebody has written: a home directory gets no .profile of it.
			if f := fault.From(checkElement("file name", b.Filename)); f != nil {
				f.Hint = "Look at who has written the record, and name the file yourself."
				return b, f
			}
			file = filepath.Join(file, b.Filename)
			_, err = os.Stat(file)
		}
		if err == nil && !o.Overwrite {
			return b, fault.New(fault.Validation, fault.AlreadyExists, "Choose another name, or allow it with --force.", "the file %s exists already", file)
		}
	}
	if err := s.present(ctx, b); err != nil {
		return b, err
	}
	_ = os.Remove(file + ".part") // of a download that was killed; a link that somebody else left there is not followed
	part, err := os.OpenFile(file+".part", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return b, fault.Wrap(err, fault.FileSystem, fault.AccessDenied, "Choose a directory that you may write to.", "cannot write %s", file)
	}
	defer func() {
		part.Close()
		if err != nil {
			os.Remove(part.Name())
		}
	}()
	if _, err = s.Store.Download(ctx, b.Filepath, part); err != nil {
		return b, err
	}
	h := sha256.New()
	if _, err = io.Copy(h, io.NewSectionReader(part, 0, 1<<62)); err != nil {
		return b, fmt.Errorf("read %s back: %w", part.Name(), err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != b.Checksum {
		return b, fault.New(fault.Validation, fault.ChecksumMismatch, "Do not rely on it; run cofre validate "+b.ID+".",
			"what was downloaded has the SHA-256 %s, the record says %s", sum, b.Checksum)
	}
	if err = part.Sync(); err == nil {
		err = os.Rename(part.Name(), file)
	}
	if err != nil {
		return b, fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Look at that disk.", "cannot finish %s", file)
	}
	return b, nil
}
