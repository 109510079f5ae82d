package backup

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"cofre/pkg/certificate"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Certified is a signed statement of what a proof showed.
type Certified struct {
	Certificate certificate.Certificate
	Document    []byte // what is signed: the certificate as JSON
	Signature   []byte // in OpenSSH's format
}

// Certify states, under the signing key, what the records say of the strongest proof of a good backup. A backup that was never
// proven, or is known to be damaged, gets no certificate. program is who says so: cofre, and its version.
func (s *Service) Certify(ctx context.Context, ref, program string) (Certified, error) {
	b, err := s.successful(ctx, ref)
	if err != nil {
		return Certified{}, err
	}
	if v := b.Verification; v != nil && !v.OK {
		return Certified{}, fault.New(fault.Validation, fault.ProofFailed, "Prove another backup, and state what that one shows.", "backup %s is damaged: %s", b.ID, v.Problem().Detail)
	}
	v, ok := b.Proven()
	if !ok || v.Proof == nil {
		return Certified{}, fault.New(fault.Validation, fault.NotProven, "Prove it first: cofre prove "+b.ID, "backup %s was never proven", b.ID)
	}
	return s.certify(ctx, b, v, program, false)
}

// CertifyProof states, under the signing key, what a proof showed that was just made, whatever the records say.
func (s *Service) CertifyProof(ctx context.Context, p Proved, program string) (Certified, error) {
	if err := p.Err(); err != nil {
		return Certified{}, err
	}
	if p.Proof.Level == registry.LevelRestored {
		return Certified{}, fault.New(fault.Validation, fault.NotProven, "Prove a backup in the custom format.", "backup %s is an SQL script: it was restored, and not proven", p.Backup.ID)
	}
	return s.certify(ctx, p.Backup, p.Proof, program, true)
}

// MayCertify returns an error where there is no key to sign with.
func (s *Service) MayCertify() error {
	if s.SignCertificate == nil || s.SigningKey == nil {
		return fault.New(fault.Validation, fault.InvalidInput, "Set BACKUP_SIGNING_KEY to a key of ssh-keygen or of AWS KMS: see docs/security.md.", "there is no key to sign a certificate with")
	}
	return nil
}

func (s *Service) certify(ctx context.Context, b Backup, v registry.Verification, program string, witnessed bool) (Certified, error) {
	if err := s.MayCertify(); err != nil {
		return Certified{}, err
	}
	signed, err := s.trusted(ctx, b, false) // from here on, the record that was signed when the backup was made
	if err != nil {
		return Certified{}, err
	}
	key, err := s.SigningKey(ctx)
	if err != nil {
		return Certified{}, err
	}
	c := certificate.Certificate{
		Type: certificate.Type, Version: certificate.Version, IssuedAt: s.Now().UTC().Truncate(time.Second),
		Issuer: certificate.Issuer{Program: program, Key: key.Fingerprint},
		Backup: certifiedBackup(signed, s.Registry.Checks()), Proof: certifiedProof(v, witnessed),
	}
	c.Statement = certificate.Sentence(c.Backup, c.Proof)
	out := Certified{Certificate: c}
	if out.Document, err = c.JSON(); err != nil {
		return out, err
	}
	if out.Signature, err = s.SignCertificate(ctx, out.Document); err != nil {
		return out, fmt.Errorf("sign the certificate: %w", err)
	}
	return out, nil
}

func certifiedBackup(b Backup, signed bool) certificate.Backup {
	c := certificate.Backup{
		ID: b.ID, Source: b.SourceName(), Database: b.Database, CreatedAt: b.CreatedAt.UTC(), File: b.Filepath, Size: b.Size, SHA256: b.Checksum,
		Format: b.Format, Encryption: cmp.Or(b.Encryption, "none"), Part: DescribePart(b), DatabaseVersion: b.DatabaseVersion, PgDumpVersion: b.PgDumpVersion,
		ManifestSigned: signed,
	}
	if b.Server != nil {
		c.Server, c.SystemIdentifier = b.Server.Address(), b.Server.SystemIdentifier
	}
	return c
}

func certifiedProof(v registry.Verification, witnessed bool) certificate.Proof {
	p := v.Proof
	c := certificate.Proof{
		At: v.At.UTC(), Witnessed: witnessed, Whole: v.Level == registry.LevelProven && p.LeftOut == 0, Tables: p.Tables, Rows: p.Rows, OfRows: max(p.OfRows, 0), Sequences: p.Sequences,
		LargeObjects: p.LargeObjects, Definitions: p.Definitions, Checks: p.Checks, RestoreMS: p.Restore, Server: p.Server, Tool: p.Tool, Isolated: p.Isolated,
		Counted: certificate.DuringBackup, Without: p.Without, NotCompared: p.LeftOut,
	}
	if p.Computed {
		c.Counted = certificate.Afterwards
	}
	return c
}
