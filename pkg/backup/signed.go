package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// good finds a successful backup, and returns the record to go by; see trusted.
func (s *Service) good(ctx context.Context, ref string, unsigned bool) (Backup, error) {
	b, err := s.successful(ctx, ref)
	if err != nil {
		return b, err
	}
	return s.trusted(ctx, b, unsigned)
}

// trusted returns the record to go by: the index's, or, where trusted keys are set, that of the signed manifest. Only the
// outcome of the latest verification is the index's then. unsigned takes the index's word for a backup without a signature; one
// with a wrong signature is refused all the same.
func (s *Service) trusted(ctx context.Context, b Backup, unsigned bool) (Backup, error) {
	if !s.Registry.Checks() {
		return b, nil
	}
	m, err := s.Registry.Signed(ctx, b.ID)
	if unsigned && fault.HasReason(err, fault.SignatureMissing) {
		s.Log.Warn("backup without a signature, as was allowed", "backup_id", b.ID)
		return b, nil
	}
	if err != nil {
		return b, err
	}
	if m.Backup.Filepath != b.Filepath {
		return b, fault.New(fault.Validation, fault.SignatureWrong, "Name it by its id, and find out who changed the index.",
			"the index says that backup %s is %s, its signed manifest says %s", b.ID, b.Filepath, m.Backup.Filepath)
	}
	m.Backup.Verification = b.Verification
	return m.Backup, nil
}

// proveFirst, where signatures count, reads a whole object and compares it with its signed record before anything of it is used: a
// script or an archive runs code in the target, and a rollback does not undo all of what it did. It returns what it has read.
func (s *Service) proveFirst(ctx context.Context, b Backup) (*storage.Object, error) {
	if !s.Registry.Checks() {
		return nil, nil
	}
	r, o, err := s.Store.Open(ctx, b.Filepath, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, b.Size+1))
	if err != nil {
		return nil, err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != b.Checksum || n != b.Size {
		return nil, fault.New(fault.Validation, fault.ChecksumMismatch, "Restore another backup, and find out who could write to this one. Nothing was changed.",
			"the object of backup %s is not the one that was signed: SHA-256 %s, the signed manifest says %s", b.ID, sum, b.Checksum)
	}
	return &o, nil
}

// errReplaced is for an object that was another one when it was proven.
func errReplaced(b Backup) error {
	return fault.New(fault.Validation, fault.ChecksumMismatch, "Find out who writes to this backup directory. Nothing was changed.",
		"the object of backup %s was replaced after it had been compared with what was signed", b.ID)
}
