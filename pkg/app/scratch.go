package app

import (
	"context"
	"crypto/rand"
	"fmt"

	"cofre/pkg/archive"
	"cofre/pkg/backup"
	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
	"cofre/pkg/registry"
	"cofre/pkg/scratch"
	"cofre/pkg/source"
)

// proofDatabase is the name of a proof's database.
const proofDatabase = "cofre_proof"

// scratchServer is backup.Scratch: a private server, its superuser, and a role without rights that owns the database.
type scratchServer struct {
	e      *database
	server *scratch.Server
	super  postgres.Target
	role   postgres.Target
	notes  []string
}

// Scratch implements backup.Engine.
func (e *database) Scratch(ctx context.Context, o backup.ScratchOptions) (backup.Scratch, error) {
	if o.On != "" {
		return e.scratchOn(ctx, o)
	}
	server, err := scratch.Start(ctx, scratch.Options{Bin: e.c.ProofServer, Major: o.Major, Room: o.Room})
	if err != nil {
		return nil, err
	}
	s := &scratchServer{e: e, server: server}
	if err := s.prepare(ctx, o.Locale); err != nil {
		_ = server.Stop()
		return nil, err
	}
	return s, nil
}

// ProofServer implements backup.Engine.
func (e *database) ProofServer(ctx context.Context, on string, major int) (string, error) {
	if on != "" {
		place, err := e.placeToProve(ctx, on, major)
		if err != nil {
			return "", err
		}
		defer place.Close()
		return place.Version, nil
	}
	p, err := scratch.Find(ctx, e.c.ProofServer, major)
	return p.Version, err
}

// ProofRoom implements backup.Engine.
func (e *database) ProofRoom() (int64, error) { return scratch.Room() }

// prepare makes the role and the database.
func (s *scratchServer) prepare(ctx context.Context, l registry.Locale) (err error) {
	password := rand.Text()
	target := func(user, password, database string) postgres.Target {
		var t postgres.Target
		if err == nil {
			t, err = postgres.ParseTarget(s.server.SocketURL(user, password, database), func(string) string { return "" })
		}
		return t
	}
	maintenance := target(s.server.Superuser, s.server.Password, "postgres")
	s.super, s.role = target(s.server.Superuser, s.server.Password, proofDatabase), target(scratch.Role, password, proofDatabase)
	if err != nil {
		return err
	}
	s.notes, err = createLike(l, func(l postgres.Locale) error { return postgres.CreateDatabase(ctx, maintenance, proofDatabase, l) })
	if err != nil {
		return err
	}
	return postgres.CreateOwner(ctx, maintenance, scratch.Role, password, proofDatabase)
}

// createLike has a database made as the backup's was, as far as the server can.
func createLike(l registry.Locale, create func(postgres.Locale) error) (notes []string, err error) {
	want := postgres.Locale{Encoding: l.Encoding, Provider: l.Provider, Collate: l.Collate, CharType: l.CharType, Name: l.Name, ICURules: l.ICURules}
	err = create(want)
	if fault.HasReason(err, fault.InvalidInput) || fault.HasReason(err, fault.TargetLacks) {
		notes = append(notes, fmt.Sprintf("the server of the proof cannot sort text as the backup's database does (%s): it was restored with the order of C", want))
		err = create(postgres.Locale{Encoding: l.Encoding, Collate: "C", CharType: "C"})
	}
	return notes, err
}

// Version implements backup.Scratch.
func (s *scratchServer) Version() string { return s.server.Version }

// Isolated implements backup.Scratch.
func (s *scratchServer) Isolated() bool { return s.server.Isolated }

// Restore implements backup.Scratch.
func (s *scratchServer) Restore(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, []string, error) {
	needs, err := s.needs(ctx, o.Format, in)
	if err != nil {
		return backup.RestoreReport{}, nil, err
	}
	made, err := postgres.Prepare(ctx, s.super, scratch.Role, needs.Roles, needs.Extensions)
	if err != nil {
		return backup.RestoreReport{}, nil, err
	}
	if o.Prepared = true; o.Format == backup.FormatPlain {
		rep, err := s.e.restore(ctx, s.role, o, in)
		if settled := postgres.Settle(ctx, s.super); err == nil {
			err = settled
		}
		return rep, s.notes, err
	}
	o.KeepGoing = true
	o.Adaptation = backup.Adaptation{Rows: o.Rows, SkipMissingRoles: true, SkipForbidden: true, SkipMissingExtensions: true, Schemas: append([]string{"cofre_proof"}, made...)}
	rep, err := s.e.restore(ctx, s.role, o, in)
	if settled := postgres.Settle(ctx, s.super); err == nil {
		err = settled
	}
	return rep, s.notes, err
}

// needs reads the archive's table of contents, or a script to its end.
func (s *scratchServer) needs(ctx context.Context, format string, in backup.RestoreInput) (pgdump.Needs, error) {
	r, err := in.Open(ctx)
	if err != nil {
		return pgdump.Needs{}, err
	}
	defer r.Close()
	if format == backup.FormatPlain {
		needs, err := pgdump.NeedsOfScript(r)
		for i := range needs.Extensions {
			needs.Extensions[i].Owner = scratch.Role
		}
		return needs, err
	}
	h, err := archive.ReadHead(ctx, r, archive.Options{})
	if err != nil {
		return pgdump.Needs{}, err
	}
	return pgdump.NeedsOf(h), nil
}

// Open implements backup.Scratch.
func (s *scratchServer) Open(ctx context.Context) (backup.Session, error) {
	pg, err := postgres.OpenSession(ctx, s.super, postgres.Policy{})
	if err != nil {
		return nil, err
	}
	return s.e.begin(ctx, source.Settings{}, pg, registry.Selection{})
}

// Ask implements backup.Scratch.
func (s *scratchServer) Ask(ctx context.Context, query string) (string, bool, error) {
	return postgres.FirstValue(ctx, s.role, query)
}

// Used implements backup.Scratch.
func (s *scratchServer) Used(context.Context) (int64, error) { return s.server.Used() }

// Free implements backup.Scratch.
func (s *scratchServer) Free() (int64, bool) {
	free, err := s.server.Free()
	return free, err == nil
}

// Close implements backup.Scratch.
func (s *scratchServer) Close() error { return s.server.Stop() }

// ProofChecks reads the checks of a file; see configfile.ReadChecks.
func ProofChecks(path string) ([]backup.ProofCheck, error) {
	list, err := configfile.ReadChecks(path)
	return proofChecks(list), err
}

func proofChecks(list []source.Question) (out []backup.ProofCheck) {
	for _, c := range list {
		out = append(out, backup.ProofCheck(c))
	}
	return out
}
