package registry

import (
	"context"
	"fmt"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// ContentsPrefix is where it stands what backups contain.
const ContentsPrefix = "contents/"

// ContentsKey is where it stands what a backup contains.
func ContentsKey(b Backup) string { return contentsBeside.key(b) }

// Contents is what a record says of what the backup contains. The whole lies at ContentsKey; the hash here, which a signature of
// the manifest covers, shows that it is what was written.
type Contents struct {
	// Missing is why there is nothing at ContentsKey; "" when there is.
	Missing string `json:"missing,omitempty"`
	Size    int64  `json:"size,omitempty"`   // bytes of the object at ContentsKey
	SHA256  string `json:"sha256,omitempty"` // of the object at ContentsKey, lower-case hex
	// ServerKey reports whether the installation's own key opens it, where it is encrypted.
	ServerKey bool `json:"serverKey,omitempty"`
	// Tables counts those with data and Rows their rows; both are left out of the record of an encrypted backup.
	Tables int   `json:"tables,omitempty"`
	Rows   int64 `json:"rows,omitempty"`
	// Compared is the backup that this one was held against when it was made, "" where there was none; NotCompared is why not,
	// although there was one.
	Compared    string `json:"compared,omitempty"`
	NotCompared string `json:"notCompared,omitempty"`
	// Lost is how many tables lost more rows since then than they may. Warnings are the first of them; of an encrypted backup
	// they are in the contents alone.
	Lost     int      `json:"lost,omitempty"`
	Warnings Warnings `json:"warnings,omitempty"`
}

// RowsLost is a table that lost much of its rows since the backup before.
type RowsLost struct {
	Table   string `json:"table"` // with its schema
	Before  int64  `json:"before"`
	After   int64  `json:"after"`
	Percent int    `json:"percent"`
	Dropped bool   `json:"dropped,omitempty"`
}

// maxRowsLost bounds the warnings in a record.
const maxRowsLost = 10

func (c Contents) bounded() Contents {
	c.Missing, c.NotCompared = fault.Shorten(c.Missing, fault.MaxText/8), fault.Shorten(c.NotCompared, fault.MaxText/8)
	c.Warnings = append([]RowsLost(nil), c.Warnings[:min(len(c.Warnings), maxRowsLost)]...)
	for i := range c.Warnings {
		c.Warnings[i].Table = fault.Shorten(c.Warnings[i].Table, 256)
	}
	return c
}

// believable reports whether the record can have been written by cofre.
func (c Contents) believable() bool {
	there := c.Missing == "" && isSHA256(c.SHA256) && c.Size > 0 && c.Size <= storage.MaxSmall
	if !there && (c.Missing == "" || c.SHA256 != "") || c.Tables < 0 || c.Rows < 0 || c.Lost < 0 || len(c.Warnings) > maxRowsLost || c.Compared != "" && !ValidID(c.Compared) {
		return false
	}
	for _, w := range c.Warnings {
		if w.Before < 0 || w.After < 0 || w.Percent < 0 || w.Percent > 100 {
			return false
		}
	}
	return true
}

// PutContents writes what a backup contains, before the manifest that holds its hash. It belongs to one run alone.
func (l *Lease) PutContents(ctx context.Context, data []byte) (Contents, error) {
	sum, err := l.putBeside(ctx, contentsBeside, data)
	if err != nil {
		return Contents{}, fmt.Errorf("write the contents of %s: %w", l.Backup().ID, err)
	}
	return Contents{Size: int64(len(data)), SHA256: sum}, nil
}

// GetContents reads what a backup contains, as it is stored, if that is what its record says. A fault's reason is
// contents_missing where there is none, and checksum_mismatch where it is not what was written.
func (r *Registry) GetContents(ctx context.Context, b Backup) ([]byte, error) {
	missing := func(why string) error {
		return fault.New(fault.Validation, fault.ContentsMissing, "Backups made from now on have them.", "what backup %s contains is not known: %s", b.ID, why)
	}
	switch {
	case b.Contents == nil:
		return nil, missing("it was made by an older version, or its record was lost")
	case b.Contents.Missing != "":
		return nil, missing(b.Contents.Missing)
	}
	data, _, err := r.get(ctx, ContentsKey(b))
	if storage.IsNotFound(err) {
		return nil, missing(ContentsKey(b) + " is not there any more")
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256Text(data); sum != b.Contents.SHA256 {
		return nil, fault.New(fault.Validation, fault.ChecksumMismatch, "Find out who could write to the bucket. The backup itself can be checked with: cofre validate "+b.ID,
			"%s is not what was written when backup %s was made: its SHA-256 is %s, the record says %s", ContentsKey(b), b.ID, sum, b.Contents.SHA256)
	}
	return data, nil
}
