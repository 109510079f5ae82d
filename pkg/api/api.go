// Package api is cofre over HTTP: every operation of api/openapi.yaml as one http.Handler.
//
// The handler is the same everywhere. "cofre serve" mounts it, and [cofre/pkg/api/gateway] wraps it for the events of API
// Gateway; a test sends every operation through both doors and compares the answers.
//
// # What happens to a request
//
// In this order, and the first that refuses ends it:
//
//  1. The contract knows the path and the method (404, 405).
//  2. The [Authenticator] says who asks (401), and the role may do what the operation asks for (403).
//  3. Parameters and body are held against the contract (400, 413, 415). Unknown fields and parameters are refused.
//  4. The use case of [backup.Service] runs. Its error becomes a problem document (RFC 9457) by one table; what stands
//     behind the error is logged, not sent.
//  5. The [Auditor] gets a record: who, from where, what, and how it ended. Denied requests get one too.
//
// Creating a backup takes longer than a request may: it is reserved, handed to the [Launcher], and answered with 202.
// Validating does too when the backup is large; see [Config].
//
// # What leaves
//
// No answer is cached, sniffed or framed. Answers repeat nothing that the caller sent but short, quoted names of unknown
// fields. Presigned links stand in the answer (or its Location) and nowhere else: not in logs, not in the audit trail.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// Caller is who asks.
type Caller struct {
	Subject string // the token's: stable, and unique within its issuer
	Name    string // for people; may be empty
	Role    string
	// May tells whether the role has a permission of the contract (x-permission); nil has none.
	May func(permission string) bool
}

// Authenticator tells who asks. A request without credentials gives [NoToken]. What is wrong with bad ones is a fault
// with the code PermissionError (401), or with [NotAllowed] as its reason where the token is good and its role
// is not (403); any other code is trouble of our own. It is called once for each request, by several goroutines.
type Authenticator interface {
	Authenticate(r *http.Request) (Caller, error)
}

// Auditor keeps the audit trail. Append returns when the record is safe; it sets id, time and hashes. List gives a
// page, newest first.
type Auditor interface {
	Append(ctx context.Context, r contract.AuditRecord) error
	List(ctx context.Context, p contract.ListAuditParams) (contract.ListAuditResponse, error)
}

// Launcher hands long work to whoever does it. Launch returns when the work is sure to be started, not when it is done
// (one that does it here and now returns after it). Launching the same id twice is harmless: a run takes a lease on its
// backup.
type Launcher interface {
	Launch(ctx context.Context, id string) error
}

// Limiter bounds the requests of each user, over all instances of the API. A refusal is a fault with the reason
// rate_limited.
type Limiter interface {
	Allow(ctx context.Context, subject string) error
}

// Schedule is when backups are made without anybody asking.
type Schedule interface {
	Next(after time.Time) time.Time // zero: never again
	String() string                 // the cron expression
}

// Config is what the handler is made of. Service, Launcher, Authenticate, Audit and People are needed.
type Config struct {
	Service      *backup.Service
	Launcher     Launcher
	Authenticate Authenticator
	Audit        Auditor
	Limiter      Limiter // default: no limit
	// Operations are the ids of those that are served here; the paths of others are unknown. nil serves all.
	Operations []string
	// LaunchValidation hands the validation of a large backup to whoever does long work; it calls Service.Validate there.
	// Without it every validation is made within its request.
	LaunchValidation func(ctx context.Context, id string) error
	// LaunchRestore hands a reserved restore to whoever makes it; it calls Service.RunRestoreAsked, or RunRestore, there. Without it none is taken.
	LaunchRestore func(ctx context.Context, x registry.Restore) error
	// PlanTime bounds a look at what a restore would do; default 20 s.
	PlanTime time.Duration
	// LaunchProof hands a proof that by wants to whoever makes it; see Service.LaunchProof. Without it none is taken.
	LaunchProof func(ctx context.Context, id, by string) error
	// People is who is told of what happens.
	People People
	// Link makes the link that the caller gets of a presigned one; nil hands it on as it is. It is for stores that callers
	// cannot reach themselves.
	Link func(r *http.Request, link string) string
	// ValidateInline is the size in bytes up to which a backup is validated within the request even where LaunchValidation
	// is set; default 256 MiB, which takes seconds.
	ValidateInline int64
	// Limits are shown with the settings beside those that the service knows.
	Limits  MoreLimits
	Version string           // cofre's own, shown by health to whoever may see its details
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default: nothing
}

// People is who is told of what happens.
type People interface {
	Channels(ctx context.Context) ([]contract.Channel, error)
	// TryChannel sends one over a channel as it would be.
	TryChannel(ctx context.Context, ch backup.Channel, by string) (answer string, err error)
	// KeepChannel and RemoveChannel change the channels in the bucket; waiting are the events that the removed one was not told.
	KeepChannel(ctx context.Context, change backup.ChannelChange, by string) (backup.Channel, error)
	RemoveChannel(ctx context.Context, name, by string) (waiting int, err error)
	// TestChannel sends a message for whom by names, and returns what the receiver answered; not_found where there is no such channel.
	TestChannel(ctx context.Context, name, by string) (answer string, err error)
	// Events gives a page of what people were told, newest first, older than before.
	Events(ctx context.Context, before string, limit int) (contract.ListEventsResponse, error)
}

// MoreLimits are limits that others than the service keep. Zero values are not shown.
type MoreLimits struct {
	MaxRequestsPerMinute  int // of one user
	AuditLogRetentionDays int
	AutoCleanupEnabled    bool
	CleanupSchedule       string // cron expression
}

// serves reports whether an operation is served here, and so what this process may reach.
func (c *Config) serves(operation string) bool {
	return c.Operations == nil || slices.Contains(c.Operations, operation)
}

// defaultInline is what reads back within a few seconds wherever this runs.
const defaultInline = 256 << 20

// API is the handler. It is safe for use by several goroutines.
type API struct {
	Config
	contract *contract.Contract
	words    sayer
	handlers map[string]handler
	health   health
	denials  denials
	polls    polls
}

// handler is one operation's use case.
type handler func(context.Context, *call) (answer, error)

// New makes the handler. It fails when something is missing, or when the contract and the code do not agree.
func New(c Config) (*API, error) {
	if c.Service == nil || c.Launcher == nil || c.Authenticate == nil || c.Audit == nil || c.People == nil {
		return nil, errors.New("api: Service, Launcher, Authenticate, Audit and People are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ValidateInline == 0 {
		c.ValidateInline = defaultInline
	}
	doc, err := contract.Load()
	if err != nil {
		return nil, err
	}
	a := &API{Config: c, contract: doc, words: sayer{contract: doc}}
	insights := newTurns(1)
	a.handlers = map[string]handler{
		"createBackup": a.create, "listBackups": a.list, "getBackup": a.info, "deleteBackup": a.delete, "pinBackup": a.pin, "unpinBackup": a.unpin,
		"downloadBackup": a.download, "getBackupRows": newTurns(4).take(a.rows), "getBackupStatus": a.status, "validateBackup": a.validate, "proveBackup": a.prove, "cancelBackup": a.cancel,
		"getBackupLog": a.runLog, "getBackupContents": insights.take(a.contents), "diffBackups": insights.take(a.diff), "cleanupBackups": a.cleanup, "getSettings": a.settings, "putSettings": a.saveSettings,
		"getSession": a.session, "listAudit": a.audit, "getMetricsSummary": a.summary, "listDatabases": a.databases, "getHealth": a.checkHealth,
		"createSource": a.createSource, "getSource": a.source, "putSource": a.putSource, "deleteSource": a.deleteSource, "listSources": a.sources, "testSource": newTurns(2).take(a.testSource),
		"createPlace": a.createPlace, "getPlace": a.place, "putPlace": a.putPlace, "deletePlace": a.deletePlace, "listPlaces": a.places, "testPlace": newTurns(2).take(a.testPlace),
		"createChannel": a.createChannel, "tryChannel": newTurns(2).take(a.tryChannel), "getChannel": a.channel, "putChannel": a.putChannel, "deleteChannel": a.deleteChannel,
		"listChannels": a.channels, "testChannel": newTurns(2).take(a.testChannel), "listEvents": a.events,
		"listRestoreTargets": a.restoreTargets, "planRestore": newTurns(2).take(a.planRestore), "createRestore": a.createRestore, "listRestores": a.listRestores, "getRestoreStatus": a.restoreStatus, "cancelRestore": a.cancelRestore,
		"switchDatabases": newTurns(2).take(a.switchDatabases),
	}
	for _, op := range doc.Operations() {
		if a.handlers[op.ID] == nil {
			return nil, fmt.Errorf("api: the contract's operation %s is not here", op.ID)
		}
	}
	if len(a.handlers) != len(doc.Operations()) {
		return nil, errors.New("api: there are operations that the contract does not know")
	}
	return a, nil
}
