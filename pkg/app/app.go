package app

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	"filippo.io/age"

	"cofre/pkg/audit"
	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
	"cofre/pkg/outbox"
	"cofre/pkg/registry"
	"cofre/pkg/seal"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
	"cofre/pkg/stream"
)

// App is a wired service and what it needs to be closed.
type App struct {
	Service *backup.Service
	Store   storage.Store
	// Local is true when backups lie in a local directory.
	Local bool
	// Directory is the backup directory: an absolute path or s3://bucket/prefix.
	Directory string
	// Audit is the trail of who did what, in the bucket.
	Audit *audit.Trail
	// Outbox is the queue of events for the channels.
	Outbox *outbox.Outbox
	// Allowance bounds the requests of each user of the API.
	Allowance *registry.Allowance
	config    Config
	log       *slog.Logger
	pings     *pings
	publisher channel.Publisher
	unfit     sync.Map // channels of which it was said that they tell nobody
	// Links serves download links to a local directory; nil elsewhere. The path of a request is what follows Options.LinkBase.
	Links http.Handler
}

// Options of Open.
type Options struct {
	Log *slog.Logger
	// LinkBase is the URL below which App.Links is served. Without it there are no links to a local directory.
	LinkBase string
	// RemovesNothing says that whoever makes backups here may not remove any: a full quota is refused.
	RemovesNothing bool
	// Publisher tells topics and buses of AWS; nil leaves that to others.
	Publisher channel.Publisher
	// OnlyTells says that nothing is done here but telling how it stands: a configuration that cannot be read is told as well, in place of what
	// is looked after, and servers to restore to and channels are nothing that is looked at.
	OnlyTells bool
	// KeysElsewhere says that encrypted backups are restored and proven elsewhere; see backup.Config.
	KeysElsewhere bool
}

// gigabyte is what the *_GB settings count: 2^30 bytes.
const gigabyte = 1 << 30

// Open connects the parts. Close ends what it has begun.
func Open(ctx context.Context, c Config, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	unread := c.readFile(ctx)
	if unread != nil && !o.OnlyTells {
		return nil, unread
	}
	if o.OnlyTells {
		c.File.Targets, c.File.Channels = nil, nil
	}
	if err := c.checkProofTarget(); err != nil {
		return nil, err
	}
	identities, err := c.identities()
	if err != nil {
		return nil, err
	}
	server, err := c.serverKey()
	if err != nil {
		return nil, err
	}
	records := registry.Options{Log: o.Log, Defaults: registry.Settings{
		MaxBackups: c.MaxBackups, RetentionDays: c.RetentionDays, DefaultDirectory: c.DefaultDirectory,
	}}
	if server != nil {
		if records.Key, err = seal.New(server.Identity, server.Recipient); err != nil {
			return nil, err
		}
	}
	a := &App{Directory: c.Directory, config: c, log: o.Log, publisher: o.Publisher}
	records.Finished, records.RestoreEnded = a.removalFinished, a.restoreEnded
	var signing backup.Config
	if err := c.signatures(ctx, &records, &signing); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx, c, o); err != nil {
		return nil, err
	}
	places, err := c.copyPlaces(o)
	if err != nil {
		return nil, err
	}
	a.Audit = audit.New(a.Store, audit.Options{Retention: c.auditRetention(), Log: o.Log})
	a.Allowance = registry.NewAllowance(a.Store, c.MaxRequestsPerMinute, nil)
	a.Allowance.Log = o.Log
	var space func() (free, total int64, err error)
	if a.Local {
		space = a.freeSpace
	}
	a.Service = backup.New(backup.Config{
		FreeSpace: space,
		Store:     a.Store, CopyPlaces: places, OpenPlace: c.openKept(o), KnownEndpoint: c.knownEndpoint, KnownARNs: c.knownARNs(), Registry: registry.New(a.Store, records), Engine: newEngine(c, o.Log), Configured: c.Sources(), Unread: unread, Targets: c.targets(), ProofTarget: c.ProofTarget, Rules: c.rules, ProofTimes: c.proofTimes(),
		Limits: backup.Limits{
			MaxConcurrent: c.MaxConcurrent, MaxBackupBytes: int64(c.MaxSizeGB * gigabyte), MaxTotalBytes: int64(c.MaxStorageGB * gigabyte), MaxDuration: c.PgDumpTimeout,
			AllowedDirectory: c.AllowedDirectory, RetentionDays: c.RetentionDays, MaxBackups: c.MaxBackups,
			CompressThreshold: int64(c.CompressThreshold) << 20, MaxProofBytes: int64(c.ProofMaxGB * gigabyte),
			MaxBackupsPerUser: c.MaxBackupsPerUser, MaxConcurrentPerUser: c.MaxConcurrentPerUser,
		},
		Retention: c.retention(), ObjectLock: c.ObjectLock,
		Defaults:   backup.Defaults{Directory: c.DefaultDirectory, Compress: c.Compress, Encrypt: c.Encrypt},
		SigningKey: signing.SigningKey, TrustedKeys: signing.TrustedKeys, SignCertificate: signing.SignCertificate,
		Recipients: c.recipients, Identities: identities, KeysElsewhere: o.KeysElsewhere, ServerKey: server, Log: o.Log, Location: a.location, FileChannels: c.File.Channels, Events: a.openOutbox(),
	})
	a.Service.CheckPeople = a.checkChannels
	a.pings = c.openPings(o.Log)
	a.Service.Pings, a.Service.CheckPing = a.pings, channel.CheckPing
	if !o.RemovesNothing {
		a.Service.MakeRoom = a.makeRoom
	}
	return a, nil
}

// Files gives a service that only looks at local files (ValidateFile): it has keys, but no backup directory.
func Files(c Config, log *slog.Logger) (*backup.Service, error) {
	identities, err := c.identities()
	if err != nil {
		return nil, err
	}
	return backup.New(backup.Config{Identities: identities, Log: log}), nil
}

// openStore opens the backup directory, whatever it is.
func (a *App) openStore(ctx context.Context, c Config, o Options) error {
	if c.Directory == "" {
		return fault.New(fault.Validation, fault.InvalidInput, "For example: export BACKUP_DIRECTORY=/srv/backups, or BACKUP_DIRECTORY=s3://bucket/prefix",
			"BACKUP_DIRECTORY is not set (where backups are stored)")
	}
	if strings.Contains(c.Directory, "://") {
		place, err := c.place(ctx, o)
		if err != nil {
			return err
		}
		store, err := s3.Open(ctx, place)
		if err != nil {
			return err
		}
		a.Store = store
		return nil
	}
	return a.openLocal(ctx, c, o)
}

// location gives the full place of a file path in the registry.
func (a *App) location(p string) string {
	if a.Local {
		return filepath.Join(a.Directory, filepath.FromSlash(p))
	}
	return strings.TrimSuffix(a.Directory, "/") + "/" + p
}

// identities reads the age identity file.
func (c Config) identities() ([]age.Identity, error) {
	if c.IdentityFile == "" {
		return nil, nil
	}
	data, err := namedfile.Read(c.IdentityFile, 1<<20)
	if err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.IdentityMissing, "BACKUP_AGE_IDENTITY_FILE names a file with an AGE-SECRET-KEY- line, readable by this user.", "cannot read the key file %s", c.IdentityFile)
	}
	return stream.ParseIdentities(string(data))
}
