// Package storage is the contract between cofre and an object store: one bucket of an S3-compatible service, under one
// prefix, or one directory. It imports no SDK. [cofre/pkg/storage/s3] implements it on aws-sdk-go-v2 for every service,
// [cofre/pkg/storage/local] on the files of a directory, and [cofre/pkg/storage/storagetest] is the one conformance suite
// that both must pass.
//
// Keys are relative to the prefix, use "/" and never begin with it. Every error is, or wraps, a
// *fault.Error; [IsNotFound] and [IsPrecondition] tell the two that callers act on. Methods retry what may
// be retried (with jitter, in bounded time) before they return, so that a caller need not.
package storage

import (
	"context"
	"io"
	"iter"
	"time"

	"cofre/pkg/fault"
)

// Object describes one stored object.
type Object struct {
	Key          string
	Size         int64 // bytes
	ETag         string
	LastModified time.Time
	// Metadata is the user metadata given when it was written; only Head, Get and Open fill it.
	Metadata map[string]string
	// CRC64NVME is the service's own full-object checksum (base64, big endian), "" when it keeps none.
	CRC64NVME string
	// VersionID is set on versioned buckets.
	VersionID string
	// RetainUntil is how long the service refuses to remove this version; zero where it is not locked, or where the
	// credentials may not see it. Only Head, Get and Open fill it.
	RetainUntil time.Time
	// Compliance: nobody can lift that; see [Lock].
	Compliance bool
}

// Condition guards a write. The zero value writes unconditionally.
type Condition struct {
	IfAbsent bool   // succeed only when no object has this key
	IfMatch  string // succeed only when the object has this ETag
}

// PutOptions are the options of a small write.
type PutOptions struct {
	ContentType string // default application/octet-stream
	Condition   Condition
	Metadata    map[string]string
	// RetainUntil asks the service to let nobody remove or change this version before then. Without
	// Capabilities.ObjectLock, and where it is past, it does nothing. A new version may still be written over it.
	RetainUntil time.Time
	// MayRevert allows the version that this one replaces, or none where there was none, to be there again after a power failure.
	MayRevert bool
}

// UploadOptions are the options of a streamed write.
type UploadOptions struct {
	ContentType string
	Metadata    map[string]string
	// ExpectedSize in bytes, 0 when nobody knows. Parts are sized from it; being wrong is harmless.
	ExpectedSize int64
	// Progress, when set, is called with the total of bytes that the service has acknowledged.
	// It is called from several goroutines, one at a time, and must not call the Upload.
	Progress func(acknowledged int64)
}

// PresignOptions shape a download link.
type PresignOptions struct {
	Expires     time.Duration // from now; bounded by the service to 7 days
	Filename    string        // offered to the browser in Content-Disposition
	ContentType string
}

// PresignedURL is a link that needs no further credentials. It is a secret while it lives.
type PresignedURL struct {
	URL string
	// ExpiresAt is the true end: the asked-for one, or earlier when the signing credentials end before it.
	ExpiresAt time.Time
	// Uncertain: the signing credentials are those of a session that does not say when it ends. ExpiresAt is the latest, then.
	Uncertain bool
}

// ListOptions choose keys. Listing is in ascending byte order of keys.
type ListOptions struct {
	Prefix string // relative to the store's prefix
	After  string // start behind this key
}

// PendingUpload is a multipart upload that was started and neither completed nor aborted.
type PendingUpload struct {
	Key       string
	UploadID  string
	Initiated time.Time
}

// Capabilities is what a probe learned about a service.
type Capabilities struct {
	CreateOnly         bool  // If-None-Match on PutObject
	ReplaceIfUnchanged bool  // If-Match on PutObject
	CompleteCreateOnly bool  // If-None-Match on CompleteMultipartUpload
	DeletedNamesTaken  bool  // create-only writes are refused where an object was deleted: looking first stands in
	UploadsStay        bool  // unfinished uploads cannot be found or ended: their parts stay until the service removes them
	Tags               bool  // without harm to the object
	CRC64NVME          bool  // full-object checksums
	MaxParts           int   // per multipart upload; 0 where uploads have no parts
	EqualParts         bool  // all parts but the last must have one size
	MinPartSize        int64 // bytes, 0 where uploads have no parts
	ObjectLock         bool  // PutOptions.RetainUntil: the bucket keeps versions from being removed
}

// Store is one bucket under one prefix.
type Store interface {
	// Put writes a small object, 64 MiB at most, in one request; a longer one is refused (reason limit_reached).
	// With a Condition that does not hold it changes nothing and returns an error for which IsPrecondition is
	// true. A conditional write whose answer was lost is looked for before an error is returned; when that cannot be done either (another writer was quicker, or ctx has
	// ended), the same error may be returned although the write took place, so callers compare what is there.
	// The Object has no LastModified.
	Put(ctx context.Context, key string, body []byte, o PutOptions) (Object, error)
	// Get reads a small object whole, 64 MiB at most, or what Within allows; a longer one is refused (reason limit_reached) before it
	// is read; the Object, with the ETag that a write can name, comes all the same. IsNotFound tells absence.
	Get(ctx context.Context, key string) ([]byte, Object, error)
	// Open streams length bytes from offset (length < 0: to the end). The reader resumes by itself after a
	// broken connection, against the same ETag. The caller closes it.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, Object, error)
	// Head describes an object without reading it.
	Head(ctx context.Context, key string) (Object, error)
	// List walks keys in ascending order, page by page. It stops at the first error, which it yields. An object has
	// its key, size and date there; the ETag may be missing.
	List(ctx context.Context, o ListOptions) iter.Seq2[Object, error]
	// Delete removes an object; an absent one is no error.
	Delete(ctx context.Context, key string) error
	// SetTags replaces an object's tags: ten at most. Without Capabilities.Tags the error has the reason Unsupported, and
	// so has that of Tags.
	SetTags(ctx context.Context, key string, tags map[string]string) error
	// Tags reads an object's tags.
	Tags(ctx context.Context, key string) (map[string]string, error)
	// StartUpload begins a streamed write of unknown length. Nothing is visible until Complete.
	StartUpload(ctx context.Context, key string, o UploadOptions) (Upload, error)
	// AbortUpload ends a pending upload and frees its parts; an unknown one is no error. Where uploads stay it does nothing.
	AbortUpload(ctx context.Context, key, uploadID string) error
	// PendingUploads lists the pending uploads of exactly this key.
	PendingUploads(ctx context.Context, key string) ([]PendingUpload, error)
	// Download writes an object of known length to w with parallel ranged reads.
	Download(ctx context.Context, key string, w io.WriterAt) (int64, error)
	// Presign makes a download link. It does not look whether the object exists. A store that nobody else can
	// reach returns Unsupported.
	Presign(ctx context.Context, key string, o PresignOptions) (PresignedURL, error)
	// Probe learns, with small scratch objects that it removes, what the service can do. It is made once a process
	// and remembered; the error names a missing bucket or permission. Writing learns the same before its first request,
	// from what an earlier probe left in the place, or by a probe.
	Probe(ctx context.Context) (Capabilities, error)
	// Describe names the place for people: s3://bucket/prefix at an endpoint, or a directory. No secrets.
	Describe() string
}

// Linker is a Store that makes links to write by, too.
type Linker interface {
	// PresignPut makes a link by which an object of exactly so many bytes can be written, as often as one likes while it lives.
	PresignPut(ctx context.Context, key string, size int64, expires time.Duration) (PresignedURL, error)
}

// Lock keeps a version of an object from being removed or changed.
type Lock struct {
	Until      time.Time
	Compliance bool // nobody can lift it before then; else who has the right for that can
}

// Locker is a Store that can lock what it holds, where the bucket can: see Capabilities.ObjectLock.
type Locker interface {
	// Lock locks the present version of an object. One that is locked for longer already is an error. A Delete of a locked object hides it, and
	// its version stays.
	Lock(ctx context.Context, key string, l Lock) error
	// LockDays returns for how many days the bucket locks every new object by itself; 0 where it does not, or where the credentials may not see it.
	LockDays(ctx context.Context) (int, error)
}

// Upload is one streamed write. Exactly one of Complete and Abort ends it.
type Upload interface {
	// ID is the multipart upload's id, for the intent record.
	ID() string
	// Write consumes r to its end, parts in parallel with bounded memory, and returns the bytes read.
	// Any error of r other than io.EOF (io.ErrUnexpectedEOF included) fails the upload; nothing is completed.
	Write(ctx context.Context, r io.Reader) (int64, error)
	// Complete makes the object visible, only if no object has its key. It compares what the service says it
	// stored with what was sent. After a lost answer it looks at the object before it gives an error.
	Complete(ctx context.Context) (Object, error)
	// Abort frees the parts. It works on a context of its own when ctx is already cancelled. It may be called
	// again, and does nothing after a Complete that succeeded.
	Abort(ctx context.Context) error
}

// Reasons of errors, besides those of package fault.
const (
	// Unsupported: the service lacks a feature; see Capabilities.
	Unsupported fault.Reason = "unsupported"
	// ReadOnly: the storage accepts no writes at all.
	ReadOnly fault.Reason = "read_only"
	// Archived: the object is in a cold storage class, and has to be brought back before it can be read.
	Archived fault.Reason = "archived"
	// Changed: an object was replaced or removed while it was being read.
	Changed fault.Reason = "changed"
)

// IsNotFound tells whether err says that the object does not exist.
func IsNotFound(err error) bool { return fault.HasReason(err, fault.NotFound) }

// IsPrecondition tells whether err says that a Condition did not hold.
func IsPrecondition(err error) bool { return fault.HasReason(err, fault.Precondition) }
