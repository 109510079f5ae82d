package archive

import (
	"errors"
	"fmt"

	"cofre/pkg/fault"
)

// FormatError tells where and how an archive is broken. It is the cause of the faults that this package returns.
type FormatError struct {
	Offset int64  // in bytes from the beginning of the archive
	Where  string // the part of the archive, such as `data of table "public"."orders"`
	Msg    string
	// Limit is true when the archive was not found broken but asks for more than the reader allows.
	Limit bool
	// Newer is true when the archive's format is newer than this program.
	Newer bool
}

// Error gives the place and the problem.
func (e *FormatError) Error() string {
	if e.Where == "" {
		return fmt.Sprintf("at byte %d: %s", e.Offset, e.Msg)
	}
	return fmt.Sprintf("at byte %d, in %s: %s", e.Offset, e.Where, e.Msg)
}

// toFault dresses a FormatError for people. Errors of the source pass unchanged: an archive that could not be read
// is not a damaged one.
func toFault(err error) error {
	var fe *FormatError
	if err == nil || !errors.As(err, &fe) {
		return err
	}
	switch {
	case fe.Newer:
		return fault.Wrap(fe, fault.Validation, fault.NewerVersion,
			"Use a newer cofre, or list the file with the pg_restore that came with the pg_dump which wrote it.",
			"the archive's format is newer than this program")
	case fe.Limit:
		return fault.Wrap(fe, fault.Validation, fault.LimitReached,
			"The limits fit every database that was seen. If this is really a backup of yours, read it with the pg_restore that came with the pg_dump which wrote it.",
			"the archive asks for more than is allowed")
	}
	return fault.Wrap(fe, fault.Validation, fault.StructureDamaged,
		"Do not rely on this file: make a new backup, and look for an older one that validates.",
		"the archive is damaged")
}
