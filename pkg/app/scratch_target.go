package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/backup"
	"cofre/pkg/configfile"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// scratchTarget is backup.Scratch: a database on the server of a target, which others use as well. Everything in it belongs to the target's
// role, which alone may enter it: a backup gives nothing to anybody else there.
type scratchTarget struct {
	e     *database
	place *postgres.ProofServer
	to    postgres.Target
	notes []string
}

// proofPlace connects to the server of a target for a proof.
func (e *database) proofPlace(ctx context.Context, name string, major int) (*postgres.ProofServer, error) {
	t, err := e.c.proofTarget(ctx, name)
	if err != nil {
		return nil, err
	}
	place, err := postgres.OpenProofServer(ctx, t, major)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	return place, nil
}

// placeToProve is a proofPlace that may be restored into: whatever runs in a backup has the rights of the target's role.
func (e *database) placeToProve(ctx context.Context, name string, major int) (*postgres.ProofServer, error) {
	place, err := e.proofPlace(ctx, name, major)
	if err == nil && place.Powers != "" {
		place.Close()
		return nil, fault.New(fault.Validation, fault.TargetLacks, "Name a role in the target's connection that has CREATEDB and nothing else, or prove the backup in a server of its own.",
			"the role of the target %s %s, and whatever runs in the backup could do the same; nothing was made", name, place.Powers)
	}
	return place, err
}

func (e *database) scratchOn(ctx context.Context, o backup.ScratchOptions) (backup.Scratch, error) {
	id, err := ulid.New(ulid.Timestamp(time.Now()), rand.Reader)
	if err != nil {
		return nil, err
	}
	place, err := e.placeToProve(ctx, o.On, o.Major)
	if err != nil {
		return nil, err
	}
	if _, err := e.sweep(ctx, o.On, place); err != nil {
		e.log.Warn("what killed proofs left was not dropped", "target", o.On, "error", err.Error())
	}
	s := &scratchTarget{e: e, place: place}
	s.notes, err = createLike(o.Locale, func(l postgres.Locale) (err error) {
		s.to, err = place.Create(ctx, id.String(), l)
		return err
	})
	if err != nil {
		if derr := place.Drop(); derr != nil {
			e.log.Warn("a proof's database was not dropped", "target", o.On, "error", derr.Error())
		}
		return nil, err
	}
	return s, nil
}

// sweep drops what killed proofs left on the server of a target.
func (e *database) sweep(ctx context.Context, name string, place *postgres.ProofServer) ([]string, error) {
	dropped, err := place.Sweep(ctx)
	for i, d := range dropped {
		e.log.Info("what a killed proof left was dropped", "target", name, "database", d)
		dropped[i] = d + " at " + name
	}
	return dropped, err
}

// SweepProofs implements backup.Engine.
func (e *database) SweepProofs(ctx context.Context) (dropped []string, err error) {
	for _, t := range e.c.File.Targets {
		if !t.Allows(configfile.AllowProof) {
			continue
		}
		place, perr := e.proofPlace(ctx, t.Name, 0)
		if perr == nil {
			var more []string
			more, perr = e.sweep(ctx, t.Name, place)
			dropped = append(dropped, more...)
			place.Close()
		}
		err = errors.Join(err, perr)
	}
	return dropped, err
}

// Version implements backup.Scratch.
func (s *scratchTarget) Version() string { return s.place.Version }

// Isolated implements backup.Scratch.
func (s *scratchTarget) Isolated() bool { return false }

// reachesOut are the kinds of entries that connect to other servers. A database with a subscription cannot be dropped besides.
var reachesOut = []string{"SERVER", "USER MAPPING", "SUBSCRIPTION"}

// Restore implements backup.Scratch.
func (s *scratchTarget) Restore(ctx context.Context, o backup.RestoreOptions, in backup.RestoreInput) (backup.RestoreReport, []string, error) {
	o.KeepGoing, o.NoOwner, o.NoPrivileges = true, true, true
	o.Adaptation = backup.Adaptation{Rows: o.Rows, SkipMissingRoles: true, SkipForbidden: true, SkipMissingExtensions: true, SkipKinds: reachesOut}
	rep, err := s.e.restore(ctx, s.to, o, in)
	return rep, s.notes, err
}

// Open implements backup.Scratch.
func (s *scratchTarget) Open(ctx context.Context) (backup.Session, error) {
	pg, err := postgres.OpenSession(ctx, s.to, postgres.Policy{})
	if err != nil {
		return nil, err
	}
	return s.e.begin(ctx, source.Settings{}, pg, registry.Selection{})
}

// Ask implements backup.Scratch.
func (s *scratchTarget) Ask(ctx context.Context, query string) (string, bool, error) {
	return postgres.FirstValue(ctx, s.to, query)
}

// Used implements backup.Scratch.
func (s *scratchTarget) Used(ctx context.Context) (int64, error) {
	size, _, err := s.Ask(ctx, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(size, 10, 64)
}

// Free implements backup.Scratch: a server does not say.
func (s *scratchTarget) Free() (int64, bool) { return 0, false }

// Close implements backup.Scratch.
func (s *scratchTarget) Close() error { return s.place.Drop() }
