package registry

import (
	"context"
	"fmt"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// GlobalsPrefix is where the globals of servers stand: roles, memberships, settings of roles, tablespaces. No link leads there:
// whoever may download backups does not get them.
const GlobalsPrefix = "globals/"

// MaxGlobals bounds the object, in bytes.
const MaxGlobals = 17 << 20

// GlobalsKey is where the globals stand that were kept with a backup.
func GlobalsKey(b Backup) string { return globalsBeside.key(b) }

// Globals is what a record says of the globals beside its backup. The hash, which a signature of the manifest covers, shows that what
// lies at GlobalsKey is what was written.
type Globals struct {
	// Missing is why there is nothing at GlobalsKey, although it was to be; "" when there is.
	Missing   string `json:"missing,omitempty"`
	Size      int64  `json:"size,omitempty"`      // bytes of the object
	SHA256    string `json:"sha256,omitempty"`    // of the object, lower-case hex
	Passwords bool   `json:"passwords,omitempty"` // hashes of passwords are among them
	// Without is what the role that made the backup was not allowed to read of them, with what the server said.
	Without LeftOut `json:"without,omitempty"`
}

// believable reports whether the record can have been written by cofre.
func (g Globals) believable() bool {
	if g.Missing != "" {
		return g.SHA256 == "" && g.Size == 0
	}
	return isSHA256(g.SHA256) && g.Size > 0 && g.Size <= MaxGlobals
}

// PutGlobals writes the globals that are kept with a backup, as they are stored, before the manifest that holds their hash.
func (l *Lease) PutGlobals(ctx context.Context, data []byte) (Globals, error) {
	if len(data) > MaxGlobals {
		return Globals{}, fault.New(fault.Validation, fault.LimitReached, "Keep them with pg_dumpall --globals-only.", "the globals have %d bytes, %d at most are kept", len(data), MaxGlobals)
	}
	sum, err := l.putBeside(ctx, globalsBeside, data)
	if err != nil {
		return Globals{}, fmt.Errorf("write the globals beside %s: %w", l.Backup().ID, err)
	}
	return Globals{Size: int64(len(data)), SHA256: sum}, nil
}

// GetGlobals reads the globals beside a backup, as they are stored, if they are what its record says. A fault's reason is
// globals_missing where none were kept, object_missing where they are gone, and checksum_mismatch where they are not what was written.
func (r *Registry) GetGlobals(ctx context.Context, b Backup) ([]byte, error) {
	switch {
	case b.Globals == nil:
		return nil, fault.New(fault.Validation, fault.GlobalsMissing, "Make the roles by hand, and restore without them (without --globals). Backups have them that are made with: cofre create --globals", "no roles and tablespaces were kept with backup %s", b.ID)
	case b.Globals.Missing != "":
		return nil, fault.New(fault.Validation, fault.GlobalsMissing, "Make the roles by hand, and restore without them (without --globals).", "no roles and tablespaces were kept with backup %s: %s", b.ID, b.Globals.Missing)
	}
	data, _, err := r.get(storage.Within(ctx, MaxGlobals), GlobalsKey(b))
	if storage.IsNotFound(err) {
		return nil, fault.Wrap(err, fault.Validation, fault.ObjectMissing, "Find out who removed it. The backup can be restored without it.", "%s is not there any more", GlobalsKey(b))
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256Text(data); sum != b.Globals.SHA256 || int64(len(data)) != b.Globals.Size {
		return nil, fault.New(fault.Validation, fault.ChecksumMismatch, "Find out who could write to the bucket. The backup can be restored without it.",
			"%s is not what was written when backup %s was made: it has %d bytes and the SHA-256 %s, the record says %d and %s", GlobalsKey(b), b.ID, len(data), sum, b.Globals.Size, b.Globals.SHA256)
	}
	return data, nil
}
