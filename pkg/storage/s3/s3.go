// Package s3 keeps objects in one bucket of Amazon S3, or of any service that speaks its protocol, under one
// prefix. It implements [storage.Store] and is the only package that makes requests with the AWS SDK (the
// embedded store uses its types, in which versitygw speaks).
//
//	store, err := s3.Open(ctx, s3.Config{Bucket: "backups", Prefix: "production"})
//
// # Uploads
//
// A stream of unknown length goes through a part loop of its own (see [upload.Write]): a few buffers, filled
// one after the other and sent in parallel. Memory is bounded by the buffers; parts keep one size for the
// first 70 % of the parts that the service allows and grow behind that, so that they never run out (see
// [Plan]). Every part carries a checksum that the service verifies: CRC64NVME where the service has it (it
// costs a tenth of the others and also protects the finished object as a whole), MD5 elsewhere.
//
// # Failures
//
// The SDK retries what may be retried, with jitter. A connection on which nothing moves for ReadTimeout is
// given up, and so is one on which less than 64 KiB move in twice that time. What remains is returned as a
// *fault.Error that names the operation, the place and what to do.
// An answer that was lost is settled by looking at the object: every conditional write carries a random mark
// in its metadata.
//
// # Services
//
// Checksums that the SDK would add by itself are off, because other services than Amazon's refuse them; this
// package adds its own where they are understood. What else a service lacks is found out before the first write
// by [Store.Probe], and kept for a week in the place itself (capabilities/), where later processes read it. Without
// conditional writes the store looks before it writes and again after it, which is not quite safe among several
// writers, and says so in [storage.Capabilities].
package s3

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Reasons of this package, besides those of package fault.
const (
	// WrongRegion: the bucket lives in another region than the requests were signed for.
	WrongRegion fault.Reason = "wrong_region"
	// ClockSkew: this machine's clock is too far from the service's.
	ClockSkew fault.Reason = "clock_skew"
	// ReadOnly: the storage accepts no writes at all.
	ReadOnly = storage.ReadOnly
	// Changed: an object was replaced while it was being read.
	Changed = storage.Changed
)

// Defaults of Config.
const (
	DefaultPartSize    = 8 << 20
	DefaultConcurrency = 4
	DefaultMaxParts    = 10_000
	DefaultReadTimeout = 30 * time.Second
	DefaultMaxAttempts = 6
)

// Limits of the S3 protocol, in bytes.
const (
	MinPartSize   = 5 << 20 // of all parts but the last
	maxPartSize   = 5 << 30
	maxObjectSize = 5 << 40
)

// maxAnswer bounds what is read of an answer that is no object, in bytes: a page of a list has 1,000 keys of 1 KiB at most, and
// three times as many bytes when they are escaped.
const maxAnswer = 16 << 20

// Credentials are an access key pair, with a session token when they are temporary.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time // zero when they do not expire
}

// Config says where the objects are and how to reach them. Only Bucket is required.
type Config struct {
	Bucket string
	Prefix string // without slashes at its ends; may be empty
	// Endpoint is the URL of a service other than Amazon's. Empty: the SDK's own settings, which include
	// AWS_ENDPOINT_URL_S3.
	Endpoint string
	// Region, empty: the SDK's settings (AWS_REGION, profile), or us-east-1 with a custom endpoint.
	Region string
	// PathStyle puts the bucket into the path, not the host name. Nil: with a custom endpoint only.
	PathStyle *bool
	// Credentials, nil: the SDK's default chain (environment, profile, container, instance role).
	Credentials *Credentials
	// StorageClass is that of backups, such as STANDARD_IA; of records never. Empty: the bucket's own.
	StorageClass string
	// Known spares the probe of a service whose capabilities are known.
	Known *storage.Capabilities

	PartSize    int64 // bytes of the first parts, 5 MiB to 5 GiB
	Concurrency int   // parts in flight
	EqualParts  bool  // all parts but the last get one size, as some services require
	MaxParts    int   // per upload
	// ReadTimeout ends a connection on which nothing moves, and twice that time one on which less than 64 KiB do.
	ReadTimeout time.Duration
	// MaxAttempts of one request, the first included. Parts of uploads get twice as many: a backup of an hour
	// should survive a storage that is away for half a minute.
	MaxAttempts int
	// Elsewhere refuses every connection to this machine or its network link, by the address that the endpoint's name resolves to, and uses no proxy.
	Elsewhere bool
	send      aws.HTTPClient // in the place of the SDK's; nil: the SDK's
	// Logger gets warnings about degraded guarantees. Nil: none.
	Logger *slog.Logger
}

// Store is one bucket under one prefix. It is safe for concurrent use.
type Store struct {
	cfg     Config
	client  *awss3.Client
	patient *awss3.Client // for answers that may take long: bounded by contexts, not by idle connections
	presign *awss3.PresignClient
	place   string // for people
	log     *slog.Logger
	// unsignedParts leaves SHA-256 of payloads out of signatures: TLS or a local socket protects the way,
	// the parts' own checksums the content.
	unsignedParts bool

	learning chan struct{} // holds an element while somebody tries the service out

	mu        sync.Mutex
	lacking   map[feature]bool
	warned    map[string]bool       // what was said about that
	learnedAt time.Time             // zero: nothing is known yet
	probed    *storage.Capabilities // of a probe of this process
	lock      *types.ObjectLockMode // what the bucket was found to lock with; "" is not at all
}

var (
	_ storage.Store   = (*Store)(nil)
	_ storage.Adviser = (*Store)(nil)
)

// ParseURL takes "s3://bucket/prefix" apart. It fills Bucket and Prefix only.
func ParseURL(raw string) (Config, error) {
	const hint = "Write it as s3://bucket or s3://bucket/prefix."
	rest, ok := strings.CutPrefix(raw, "s3://")
	if !ok {
		return Config{}, fault.New(fault.Validation, fault.InvalidInput, hint, "%q is not an s3:// address", raw)
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(rest, "?#@") {
		return Config{}, fault.New(fault.Validation, fault.InvalidInput, hint, "an s3:// address has neither user, options nor fragment")
	}
	if err := validBucket(bucket); err != nil {
		return Config{}, err
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" {
		if err := storage.CheckKey(prefix); err != nil {
			return Config{}, err
		}
	}
	return Config{Bucket: bucket, Prefix: prefix}, nil
}

// complete fills defaults in and refuses what cannot work.
func (c *Config) complete() error {
	if err := validBucket(c.Bucket); err != nil {
		return err
	}
	c.Prefix = strings.Trim(c.Prefix, "/")
	if c.Prefix != "" {
		if err := storage.CheckKey(c.Prefix); err != nil {
			return err
		}
	}
	if c.Endpoint != "" {
		if err := c.checkEndpoint(&c.Endpoint); err != nil {
			return err
		}
	}
	setDefault(&c.PartSize, DefaultPartSize)
	setDefault(&c.Concurrency, DefaultConcurrency)
	setDefault(&c.MaxParts, DefaultMaxParts)
	setDefault(&c.ReadTimeout, DefaultReadTimeout)
	setDefault(&c.MaxAttempts, DefaultMaxAttempts)
	if c.Logger == nil {
		c.Logger = discard
	}
	if c.PartSize < MinPartSize || c.PartSize > maxPartSize {
		return fault.New(fault.Validation, fault.InvalidInput, "Choose 5 MiB to 5 GiB.", "a part size of %d bytes is not possible", c.PartSize)
	}
	if c.Concurrency < 1 || c.MaxParts < 1 || c.MaxAttempts < 1 || c.ReadTimeout < 0 {
		return fault.New(fault.Validation, fault.InvalidInput, "Leave the value out to get its default.", "a storage setting is negative")
	}
	return nil
}

var discard = slog.New(slog.DiscardHandler)

func setDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Describe implements storage.Store.
func (s *Store) Describe() string { return s.place }

func (s *Store) describe() string {
	d := "s3://" + s.cfg.Bucket
	if s.cfg.Prefix != "" {
		d += "/" + s.cfg.Prefix
	}
	if e := s.client.Options().BaseEndpoint; e != nil {
		if u, err := url.Parse(*e); err == nil {
			return fmt.Sprintf("%s at %s", d, u.Host)
		}
	}
	return d
}

// where names one object for people.
func (s *Store) where(key string) string {
	return "s3://" + s.cfg.Bucket + "/" + s.full(key)
}
