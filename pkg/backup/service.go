// Package backup is cofre's domain: what a backup is, and every use case of it, on one [Service]. The Lambda
// functions, the server and the command line are doors into it and hold no rules of their own.
//
// The service knows no SDK and starts no process. It reaches storage through [storage.Store], records through
// [registry.Registry], and PostgreSQL through [Engine].
package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"github.com/oklog/ulid/v2"

	"cofre/pkg/channel"
	"cofre/pkg/overview"
	"cofre/pkg/place"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// Backup is the record of one backup.
type Backup = registry.Backup

// Config is what a Service is made of.
type Config struct {
	Store    storage.Store
	Registry *registry.Registry
	Engine   Engine // may be nil where only stored backups are looked at
	// Configured is what this deployment looks after, by its environment and its file; see Service.Sources.
	Configured source.List
	// Unread is why that is not known: where this is set, Service.Sources fails with it.
	Unread error
	// Targets are the servers that may be restored to by their names.
	Targets []RestoreTarget
	// ProofTarget names the target where proofs are made; "" makes each in a server of its own.
	ProofTarget string
	// ProofTimes are when somebody else makes the proofs of the default source, as the schedule of a stack on AWS; nil: nobody does.
	ProofTimes overview.Schedule
	// Rules, when set, is what is said of single sources, those of the configuration and these, beyond what a list of sources says.
	Rules func(kept []source.Settings) Rules
	// NothingKept: settings that are kept in the bucket are not looked for. Who reaches single objects by links cannot list.
	NothingKept bool
	// Places are the second locations, where copies go.
	CopyPlaces []Place
	// OpenPlace says how a place is opened that is kept in the bucket, whose secrets secret gives. KnownEndpoint tells of a service whether the environment
	// or the file names it: such a one may be on this machine.
	OpenPlace     func(set place.Settings, secret func(purpose string) (string, error)) (func(context.Context) (storage.Store, *registry.Registry, error), error)
	KnownEndpoint func(endpoint string) bool
	// KnownARNs are the topics and buses that channels may name: the environment names them, or a file of this machine.
	KnownARNs []string
	Limits    Limits
	Defaults  Defaults
	// Recipients encrypt new backups; Identities read encrypted ones back.
	Recipients []age.Recipient
	Identities []age.Identity
	// KeysElsewhere says that no installation of this kind has identities: encrypted backups are restored and proven where their key is.
	KeysElsewhere bool
	// SigningKey asks for the key with which the registry signs; nil where it does not. TrustedKeys are the fingerprints of those
	// whose signatures it takes.
	SigningKey  func(context.Context) (SigningKey, error)
	TrustedKeys []string
	// SignCertificate signs what a proof showed, with the same key; nil where there is none.
	SignCertificate func(ctx context.Context, document []byte) ([]byte, error)
	// ServerKey opens what encrypted backups contain; may be nil.
	ServerKey *ServerKey
	Now       func() time.Time // default time.Now
	Log       *slog.Logger     // default: nothing
	// Ended, when set, is told of every run that has ended, with the record that holds and why it failed. It is called
	// once a run, by the goroutine that ran it.
	Ended func(Backup, error)
	// CheckPeople, when set, is what doctor asks about those who are told of what happens.
	CheckPeople func(context.Context) []Check
	// CheckPing, when set, refuses an address of pings that is to be kept.
	CheckPing func(address string) error
	// Pings, when set, is told of each run that begins and ends, and of the settings of its source. Neither method blocks.
	Pings interface {
		Began(of source.Settings, b Backup)
		Ended(of source.Settings, b Backup, err error)
	}
	// FileChannels are those of the file; see Service.Channels.
	FileChannels []channel.Settings
	// Events, when set, takes what happened, so that people are told.
	Events Events
	// MakeRoom removes what has expired, for whom by names, because a quota or the disk is full, and returns how many backups went. Nil
	// where whoever makes backups may not remove any: then they are refused until somebody else has.
	MakeRoom func(ctx context.Context, by string) (removed int, err error)
	// FreeSpace gives the free and total bytes of the disk under a local backup directory; nil where there is none.
	FreeSpace  func() (free, total int64, err error)
	ObjectLock LockRule     // of new backups
	Retention  OwnRetention // what the configuration says of all sources
	// Location turns a registry file path into the full place people know: a file name or an s3:// URL.
	Location func(filepath string) string
}

// SigningKey is a key that signs manifests, as people are told of it.
type SigningKey struct {
	Fingerprint string // SHA256:...
	Public      string // the public key, as in a .pub file
	Where       string // the key in AWS KMS: its ARN; "" for one that is here
	Trusted     bool   // it is among the trusted keys
}

// Limits bound what is made. Zero is no limit.
type Limits struct {
	MaxConcurrent    int           // backups in progress at once (BACKUP_MAX_CONCURRENT)
	MaxBackupBytes   int64         // stored bytes of one backup (BACKUP_MAX_SIZE_GB)
	MaxDuration      time.Duration // of reading a database (PGDUMP_TIMEOUT)
	MaxTotalBytes    int64         // stored bytes of all (BACKUP_MAX_STORAGE_SIZE_GB)
	AllowedDirectory []string      // sub-directories of files/ that may be used; empty allows any
	RetentionDays    int           // BACKUP_RETENTION_DAYS
	MaxBackups       int           // successful ones kept of each row (BACKUP_MAX_BACKUPS_TO_KEEP)
	// Of each user of the API, told apart by Request.CreatedBy:
	MaxBackupsPerUser    int // kept (BACKUP_MAX_BACKUPS_PER_USER)
	MaxConcurrentPerUser int // in progress at once (BACKUP_MAX_CONCURRENT_PER_USER)

	MaxProofBytes int64 // that a proof may restore (BACKUP_PROOF_MAX_GB); what is larger is proved by a sample

	CompressThreshold int64 // databases below this many bytes are not compressed
}

// Defaults fill what a request leaves out.
type Defaults struct {
	Directory string // sub-directory of files/
	Compress  bool   // BACKUP_ENABLE_COMPRESSION
	Encrypt   bool   // BACKUP_ENABLE_ENCRYPTION
}

// Service holds the use cases. It is safe for use by several goroutines.
type Service struct {
	Config
	following following
	refused   refusals // why what is configured here is not the source's server, by source
	working   sync.Mutex
	worked    fates
	apart     sync.Map // second locations that were found not to be the first
	copies    copyCache
	opened    placeCache // of the bucket
	foreseen  foreseen
	summing   chan struct{} // one overview at a time is worked out; see Overview
	tidied    atomic.Int64  // when room was last looked for, in nanoseconds; see mayTidy
}

// New makes a service. It does no input or output.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Location == nil {
		c.Location = func(p string) string { return p }
	}
	return &Service{Config: c, summing: make(chan struct{}, 1)}
}

// newID makes a ULID: 48 bits of time in milliseconds and 80 random bits, so that ids sort by age.
func (s *Service) newID() (string, error) {
	id, err := ulid.New(ulid.Timestamp(s.Now()), rand.Reader)
	return id.String(), err
}

// keyedID is newID with bits that follow from the creator, the source and an idempotency key instead of random ones: sameKey
// finds the backup again that the same request made.
func (s *Service) keyedID(creator, source, key string) (string, error) {
	sum := sha256.Sum256([]byte(creator + "\x00" + source + "\x00" + key))
	id, err := ulid.New(ulid.Timestamp(s.Now()), bytes.NewReader(sum[:]))
	return id.String(), err
}

// sameKey tells whether two keyed ids come from the same creator and key: behind the ten characters of the time.
func sameKey(a, b string) bool { return len(a) == 26 && len(b) == 26 && a[10:] == b[10:] }
