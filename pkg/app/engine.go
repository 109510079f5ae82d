package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/source"
)

// database is backup.Engine on the real PostgreSQL: pkg/postgres to look, pkg/pgdump to dump and restore.
type database struct {
	c   Config
	log *slog.Logger

	mu     sync.Mutex
	tools  tools
	parked parked
}

func newEngine(c Config, log *slog.Logger) *database { return &database{c: c, log: log} }

// target is the configured database, or another one on the same server.
func (e *database) target(database string) (postgres.Target, error) {
	if !e.c.HasDatabase {
		return postgres.Target{}, fault.New(fault.Validation, fault.InvalidInput, "For example: export DATABASE_URL=postgresql://user:password@host:5432/shop",
			"DATABASE_URL is not set: there is no database to back up")
	}
	if database == "" {
		return e.c.Database, nil
	}
	return e.c.Database.WithDatabase(database), nil
}

// Database implements backup.Engine.
func (e *database) Database() string {
	if !e.c.HasDatabase {
		return ""
	}
	return e.c.Database.Database()
}

func (e *database) retries() postgres.Policy {
	return postgres.Policy{Retries: e.c.ConnectRetries, Delay: 5 * time.Second, Growth: 1.5}
}

// Identify implements backup.Engine.
func (e *database) Identify(ctx context.Context, database string) (_ source.Server, err error) {
	t, err := e.target(database)
	if err != nil {
		return source.Server{}, err
	}
	s, err := postgres.OpenSession(ctx, t, postgres.Policy{})
	if err != nil {
		return source.Server{}, err
	}
	defer func() { e.park(s, err) }()
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

// Databases implements backup.Engine.
func (e *database) Databases(ctx context.Context) ([]string, error) {
	t, err := e.target("")
	if err != nil {
		return nil, err
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(ctx, conn)
	names, err := postgres.Databases(ctx, conn)
	return names, t.Explain(ctx, err)
}

// hangUp ends a connection properly also when ctx has ended.
func hangUp(ctx context.Context, conn interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	conn.Close(ctx)
}
