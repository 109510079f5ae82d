package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/secret"
	"cofre/pkg/source"
)

// database is backup.Engine on the real PostgreSQL: pkg/postgres to look, pkg/pgdump to dump and restore.
type database struct {
	c   Config
	log *slog.Logger

	mu     sync.Mutex
	tools  tools
	parked map[string]parked // by the source
	names  map[string]string // of databases, by the connection that is kept: to open one takes a processor a while
}

// maxNames bounds the names that are held.
const maxNames = 2000

func newEngine(c Config, log *slog.Logger) *database {
	return &database{c: c, log: log, parked: map[string]parked{}}
}

// target is where a source is. The environment's own connection is the only one that no reference leads to.
func (e *database) target(ctx context.Context, of source.Settings) (postgres.Target, error) {
	return e.c.target(ctx, of, secret.URL)
}

// target resolves the connection of a source; secretURL reads a secret.
func (c Config) target(ctx context.Context, of source.Settings, secretURL func(context.Context, string) (string, error)) (postgres.Target, error) {
	t := c.Database
	if of.Connection != (source.Connection{}) {
		url, err := configfile.URL(ctx, of.Connection, fmt.Sprintf("source %q", of.Name), c.getenv, secretURL)
		if err != nil {
			return t, err
		}
		if of.Origin.Kind == source.FromBucket { // whoever made it may not decide what this machine opens and sends
			t, err = postgres.ParseRemote(url)
		} else {
			t, err = postgres.ParseTarget(url, c.getenv)
		}
		if err != nil {
			return t, fmt.Errorf("source %s: %w", of.Name, err)
		}
	} else if !c.HasDatabase {
		return t, fault.New(fault.Validation, fault.InvalidInput, "For example: export DATABASE_URL=postgresql://user:password@host:5432/shop",
			"DATABASE_URL is not set (which database to back up)")
	}
	if of.Database != "" {
		return t.WithDatabase(of.Database), nil
	}
	return t, nil
}

// errElsewhere ends a look at a connection that lies in another service.
var errElsewhere = errors.New("it lies elsewhere")

// Complete implements backup.Engine.
func (e *database) Complete(url, before string) (string, backup.Reached, error) {
	t, whole, err := postgres.CompleteRemote(url, before)
	if err != nil {
		return "", backup.Reached{}, err
	}
	return whole, backup.Reached{Host: t.Host(), Port: t.Port(), Database: t.Database(), User: t.User()}, nil
}

// Database implements backup.Engine.
func (e *database) Database(of source.Settings) string {
	if of.Database != "" {
		return of.Database
	}
	if of.Connection.Stored == nil {
		return e.database(of)
	}
	key := of.Connection.Key()
	e.mu.Lock()
	name, known := e.names[key]
	e.mu.Unlock()
	if known {
		return name
	}
	name = e.database(of)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.names == nil || len(e.names) >= maxNames {
		e.names = map[string]string{}
	}
	e.names[key] = name
	return name
}

// database is the name in a connection; "" where that cannot be looked at here.
func (e *database) database(of source.Settings) string {
	t, err := e.c.target(context.Background(), of, func(context.Context, string) (string, error) { return "", errElsewhere })
	if err != nil {
		return ""
	}
	return t.Database()
}

func (e *database) retries() postgres.Policy {
	return postgres.Policy{Retries: e.c.ConnectRetries, Delay: 5 * time.Second, Growth: 1.5}
}

// Identify implements backup.Engine.
func (e *database) Identify(ctx context.Context, of source.Settings) (_ source.Server, err error) {
	t, err := e.target(ctx, of)
	if err != nil {
		return source.Server{}, err
	}
	s, err := postgres.OpenSession(ctx, t, postgres.Policy{})
	if err != nil {
		return source.Server{}, err
	}
	defer func() { e.park(parkedAs(of), s, err) }()
	if err = s.RefuseTransactionPooler(ctx); err != nil {
		return source.Server{}, err // its address is nobody's to move a source to
	}
	who, err := s.Identify(ctx)
	return identity(who), err
}

// identity is what a connection reached, in the domain's words.
func identity(who postgres.Identity) source.Server {
	s := source.Server{
		SystemIdentifier: shortName(who.SystemIdentifier), Host: who.Host, Port: who.Port, Database: shortName(who.Database),
		DatabaseOID: who.DatabaseOID, InRecovery: who.InRecovery,
	}
	for _, a := range who.Addresses {
		s.Configured = append(s.Configured, source.Address(a[0], a[1]))
	}
	return s
}

// shortName bounds a name that a server says, which goes into records.
func shortName(name string) string { return fault.Shorten(name, fault.MaxText/8) }

// Databases implements backup.Engine: those of Seen that can be backed up.
func (e *database) Databases(ctx context.Context, of source.Settings) ([]string, error) {
	all, err := e.Seen(ctx, of)
	var names []string
	for _, db := range all {
		if db.Why == "" {
			names = append(names, db.Name)
		}
	}
	slices.Sort(names)
	return names, err
}

// Seen implements backup.Engine.
func (e *database) Seen(ctx context.Context, of source.Settings) ([]source.Seen, error) {
	t, err := e.target(ctx, of)
	if err != nil {
		return nil, err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(ctx, conn)
	all, err := postgres.AllDatabases(ctx, conn)
	if err != nil {
		return nil, t.Explain(ctx, err)
	}
	seen := make([]source.Seen, 0, len(all))
	for _, db := range all {
		why := ""
		switch {
		case db.Template:
			why = "a template"
		case !db.Connections:
			why = "it refuses connections"
		case !db.Allowed:
			why = "the role may not connect to it"
		}
		seen = append(seen, source.Seen{Name: shortName(db.Name), Why: why})
	}
	return seen, nil
}

// hangUp ends a connection properly also when ctx has ended.
func hangUp(ctx context.Context, conn interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	conn.Close(ctx)
}
