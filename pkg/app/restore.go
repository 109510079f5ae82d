package app

import (
	"context"
	"runtime"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// Target implements backup.Engine.
func (e *engine) Target(ctx context.Context, url string) (backup.Target, error) {
	t, err := postgres.ParseTarget(url, e.c.getenv)
	if err != nil {
		return backup.Target{}, err
	}
	out := backup.Target{Database: t.Database(), Host: t.Host(), Exists: true}
	conn, err := postgres.ConnectRetry(ctx, t, e.retries())
	if fault.HasReason(err, fault.DatabaseMissing) {
		out.Exists = false
		return out, nil
	}
	if err != nil {
		return out, err
	}
	server, err := postgres.InspectConn(ctx, conn, postgres.Selection{})
	conn.Close(ctx)
	if err != nil {
		return out, t.Explain(ctx, err)
	}
	out.ServerVersion, out.ServerMajor, out.Database = server.Version, server.Major, server.Database
	out.Empty, out.Content, err = postgres.Empty(ctx, t)
	return out, err
}

// CreateDatabase implements backup.Engine: it connects to the maintenance database "postgres" of the same server.
func (e *engine) CreateDatabase(ctx context.Context, url string) error {
	t, err := postgres.ParseTarget(url, e.c.getenv)
	if err != nil {
		return err
	}
	return postgres.CreateDatabase(ctx, t.WithDatabase("postgres"), t.Database(), postgres.Locale{})
}

// Restore implements backup.Engine.
func (e *engine) Restore(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, error) {
	t, err := postgres.ParseTarget(o.URL, e.c.getenv)
	if err != nil {
		return backup.RestoreReport{}, err
	}
	rep := backup.RestoreReport{Database: t.Database(), Host: t.Host()}
	client, err := e.find(ctx, 0)
	if err != nil {
		return rep, err
	}
	jobs := o.Jobs
	if jobs == 0 {
		jobs = min(runtime.NumCPU(), 4)
	}
	_ = jobs
	r, err := in.Open(ctx)
	if err != nil {
		return rep, err
	}
	defer r.Close()
	done, err := client.Restore(ctx, pgdump.RestoreOptions{
		Target: t, Format: pgdump.Format(o.Format), Clean: o.Clean, NoOwner: o.NoOwner, NoPrivileges: o.NoPrivileges, Verbose: o.Log,
	}, r)
	rep.Tool = done.Method + " " + done.ClientVersion
	return rep, err
}
