// Package fault holds cofre's one error type: what a person or a program is told when something fails.
//
// A fault carries a [Code] (the short, stable vocabulary of the API), a [Reason] (which of the things
// behind that code it was, also stable), a message of what failed, a hint of what to do next, and its cause.
// Packages that reach the outside world (storage, postgres, pgdump) return faults; everything else wraps
// them with what was being done, and [From] finds the fault again.
//
// Messages and hints are public: they may name hosts, databases, buckets and files, never secrets.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code is one of the stable error codes that callers may switch on.
type Code string

// The codes, from the design document, and two of ours (Canceled, Internal).
const (
	// DatabaseConnection: the database cannot be reached or refuses the login.
	DatabaseConnection Code = "DatabaseConnectionError"
	// BackupCreation: pg_dump failed, or the connection broke in the middle.
	BackupCreation Code = "BackupCreationError"
	// FileSystem: storage cannot be read or written.
	FileSystem Code = "FileSystemError"
	// Validation: bad input, or a checksum, size or structure that does not match.
	Validation Code = "ValidationError"
	// Permission: a role, a database right or a storage right is missing.
	Permission Code = "PermissionError"
	// DiskSpace: a quota or a disk would be exceeded.
	DiskSpace Code = "DiskSpaceError"
	// Canceled: the caller asked for an end (Ctrl-C, cancel request).
	Canceled Code = "CanceledError"
	// Internal: a defect of cofre itself.
	Internal Code = "InternalError"
)

// Reason refines a code. The set grows; a reason keeps its meaning for ever.
type Reason string

// Reasons shared by several packages. A package may declare more of its own.
const (
	// Input.
	InvalidInput   Reason = "invalid_input"
	NotFound       Reason = "not_found"
	AlreadyExists  Reason = "already_exists"
	NotEmpty       Reason = "not_empty"
	Busy           Reason = "busy"
	LimitReached   Reason = "limit_reached"
	NewerVersion   Reason = "newer_version"
	Protected      Reason = "protected"
	SettingsLost   Reason = "settings_lost"    // which were saved; nothing is removed without them
	CanceledByUser Reason = "canceled_by_user" // asked for, and no failure of the system
	ServerChanged  Reason = "server_changed"   // another server or database under a source's name
	NotStarted     Reason = "not_started"      // reserved, and whoever was to make it could not be reached

	// Database.
	HostUnknown       Reason = "host_unknown"
	HostUnreachable   Reason = "host_unreachable"
	PortRefused       Reason = "port_refused"
	TLSRequired       Reason = "tls_required"
	TLSRefused        Reason = "tls_refused"
	TLSCertificate    Reason = "tls_certificate"
	LoginFailed       Reason = "login_failed"
	NotAdmitted       Reason = "not_admitted" // pg_hba.conf
	DatabaseMissing   Reason = "database_missing"
	TooManyClients    Reason = "too_many_clients"
	ServerStarting    Reason = "server_starting"
	MissingPrivilege  Reason = "missing_privilege"
	ConnectionLost    Reason = "connection_lost"
	ServerConflict    Reason = "server_conflict" // the server ended the work in favor of replication or of another transaction
	ServerFailed      Reason = "server_failed"   // the database server had no memory, or could not read its own files
	RunLost           Reason = "run_lost"        // the process that made it died without reporting an error
	LockTimeout       Reason = "lock_timeout"
	TransactionPooler Reason = "transaction_pooler" // the connection goes through a pooler that shares sessions
	ParameterRefused  Reason = "parameter_refused"  // a pooler does not take a parameter of the connection string
	ServerRole        Reason = "server_role"        // no server is what target_session_attrs asks for
	AuthenticationWay Reason = "authentication_way" // the server does not authenticate as channel_binding or require_auth ask
	Timeout           Reason = "timeout"
	ClientMissing     Reason = "client_missing"     // no pg_dump
	ClientTooOld      Reason = "client_too_old"     // pg_dump older than the server, psql without \restrict
	ServerTooOld      Reason = "server_too_old"     // older than pg_dump can read
	KilledBySignal    Reason = "killed_by_signal"   // pg_dump ended by a signal
	ExitStatus        Reason = "exit_status"        // pg_dump ended with a non-zero status
	RestoreIncomplete Reason = "restore_incomplete" // the target was changed but not finished
	SomeFailed        Reason = "some_failed"        // of several backups that were to be made
	RestoredInPart    Reason = "restored_in_part"   // all was tried, and some objects could not be restored
	TargetLacks       Reason = "target_lacks"       // a role or an extension that the backup needs is not on the target server

	// Storage.
	BucketMissing      Reason = "bucket_missing"
	AccessDenied       Reason = "access_denied"
	CredentialsExpired Reason = "credentials_expired"
	CredentialsMissing Reason = "credentials_missing"
	CredentialsWrong   Reason = "credentials_wrong"
	StorageUnreachable Reason = "storage_unreachable"
	StorageFailed      Reason = "storage_failed"
	StorageFull        Reason = "storage_full"
	Precondition       Reason = "precondition_failed"

	// Integrity.
	SizeMismatch     Reason = "size_mismatch"
	ChecksumMismatch Reason = "checksum_mismatch"
	StructureDamaged Reason = "structure_damaged"
	SignatureMissing Reason = "signature_missing" // of a manifest, where trusted keys are set
	SignatureWrong   Reason = "signature_wrong"
	Forged           Reason = "forged" // an object that cofre does not write where it is
	ObjectMissing    Reason = "object_missing"
	TagsMismatch     Reason = "tags_mismatch"
	ContentsMismatch Reason = "contents_mismatch" // a backup holds other rows than were counted when it was made
	NotProven        Reason = "not_proven"        // never, where a proof is asked for
	ProofFailed      Reason = "proof_failed"      // a backup was restored, and what came out is not what was in it
	ContentsDiffer   Reason = "contents_differ"   // two backups, where whoever compared them wants to know
	ContentsMissing  Reason = "contents_missing"  // nothing says what a backup contains
	GlobalsMissing   Reason = "globals_missing"   // no roles and tablespaces were kept with a backup
	GlobalsMismatch  Reason = "globals_mismatch"  // those that were are gone, or not what was written
	IdentityMissing  Reason = "identity_missing"  // encrypted, and no key to read it

	// Telling people.
	ChannelFailed  Reason = "channel_failed"  // its receiver cannot be reached, or takes nothing now
	AddressUnknown Reason = "address_unknown" // where a channel leads to is not known here
	MessageRefused Reason = "message_refused" // by a receiver that takes others
	PlaceForbidden Reason = "place_forbidden" // an address that a channel must not lead to
)

// Error is a failure as told to people and programs.
type Error struct {
	Code    Code
	Reason  Reason
	Message string // what failed, in one sentence; public
	Hint    string // what to do next; public
	// Transient is true when the same call may succeed later without anybody changing anything.
	Transient bool
	// Attempts is how many times it was tried; 0 and 1 both mean once.
	Attempts int
	// RetryAfter is when to try again, where that is known; 0 where it is not.
	RetryAfter time.Duration
	Err        error // the cause; may be nil; logged, not sent
}

// Error gives the message, with the cause behind it when that says more.
func (e *Error) Error() string { return e.In(func(text string) string { return text }) }

// In is Error with each of its texts as say says it, which knows another language.
func (e *Error) In(say func(text string) string) string {
	s := say(e.Message)
	if s == "" {
		s = string(e.Code)
	}
	if e.Attempts > 1 {
		s += " " + say(fmt.Sprintf("(tried %d times)", e.Attempts))
	}
	switch cause := e.Err.(type) {
	case nil:
	case interface {
		In(func(string) string) string
	}:
		s += ": " + cause.In(say)
	default:
		s += ": " + say(cause.Error())
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches a target *Error by the fields that it sets among Code and Reason, so that
// errors.Is(err, &fault.Error{Reason: fault.NotFound}) asks "is it this reason?".
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || (t.Code == "" && t.Reason == "") {
		return false
	}
	return (t.Code == "" || t.Code == e.Code) && (t.Reason == "" || t.Reason == e.Reason)
}

// Known reports whether c is one of the codes.
func Known(c Code) bool {
	switch c {
	case DatabaseConnection, BackupCreation, FileSystem, Validation, Permission, DiskSpace, Canceled, Internal:
		return true
	}
	return false
}

// New makes a fault without a cause.
func New(code Code, reason Reason, hint, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Wrap makes a fault around a cause.
func Wrap(err error, code Code, reason Reason, hint, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...), Hint: hint, Err: err}
}

// From finds the fault in a chain of errors. An error without one becomes Canceled when a context was
// cancelled, and Internal otherwise; nil stays nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Wrap(err, Canceled, "", "Run it again when you are ready.", "stopped before it was finished")
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(err, BackupCreation, Timeout, "Try again, or allow more time.", "took longer than allowed")
	}
	return Wrap(err, Internal, "", "This is a defect of cofre: report it with its messages.", "unexpected failure")
}

// HasReason tells whether the chain holds a fault with this reason.
func HasReason(err error, r Reason) bool { return errors.Is(err, &Error{Reason: r}) }

// HasCode tells whether the chain holds a fault with this code.
func HasCode(err error, c Code) bool { return errors.Is(err, &Error{Code: c}) }
