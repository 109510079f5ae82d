package backup

import (
	"bytes"
	"context"
	"io"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/stream"
)

// GlobalsReport says what became of the globals of a backup.
type GlobalsReport = registry.MadeGlobals

// wantsGlobals reports whether globals are to be kept with the backup, and whether somebody asked for them: then it fails without.
func (r *run) wantsGlobals() (wanted, asked bool) {
	if r.req.Globals != nil {
		return *r.req.Globals, *r.req.Globals
	}
	return r.b.Encryption == "age" && r.b.Content != ContentData && !r.b.Selection.Part(), false
}

// readGlobals reads what is to be kept of the server, before a dump has the session to itself.
func (r *run) readGlobals(ctx context.Context, s Session) error {
	r.b.Globals, r.globals, r.unread = nil, nil, nil
	wanted, asked := r.wantsGlobals()
	if !wanted {
		return nil
	}
	script, unread, err := s.Globals(ctx, r.req.GlobalsPasswords)
	if err != nil {
		return r.withoutGlobals(ctx, asked, err)
	}
	r.globals, r.unread = script, unread
	for _, what := range unread {
		r.log.Warn("some of the server's globals are not kept: the role may not read them", "backup_id", r.b.ID, "error", what)
	}
	return nil
}

// keepGlobals writes them, before the manifest that holds their hash.
func (r *run) keepGlobals(ctx context.Context) error {
	if r.globals == nil {
		return nil
	}
	kept, err := r.writeGlobals(ctx)
	if err != nil {
		_, asked := r.wantsGlobals()
		return r.withoutGlobals(ctx, asked, err)
	}
	kept.Passwords, kept.Without = r.req.GlobalsPasswords, r.unread
	r.b.Globals = &kept
	return nil
}

// withoutGlobals fails the backup where globals were asked for, and notes in its record why there are none otherwise.
func (r *run) withoutGlobals(ctx context.Context, asked bool, err error) error {
	if asked || ctx.Err() != nil {
		return err
	}
	r.log.Warn("the server's roles and tablespaces were not kept", "backup_id", r.b.ID, "error", err.Error())
	r.b.Globals = &registry.Globals{Missing: fault.From(err).Message}
	return nil
}

func (r *run) writeGlobals(ctx context.Context) (registry.Globals, error) {
	data := r.globals
	if r.b.Encryption == "age" {
		// To the keys of the backup alone: the installation's own opens no passwords.
		st, err := stream.New(bytes.NewReader(data), stream.Options{Recipients: r.s.Recipients, Concurrency: 1})
		if err != nil {
			return registry.Globals{}, err
		}
		defer st.Close()
		if data, err = io.ReadAll(st); err != nil {
			return registry.Globals{}, err
		}
	}
	return r.lease.PutGlobals(ctx, data)
}

// globals reads what was kept of a backup's server.
func (s *Service) globals(ctx context.Context, b Backup) ([]byte, error) {
	data, err := s.Registry.GetGlobals(ctx, b)
	if err != nil || b.Encryption != "age" {
		return data, err
	}
	r, err := stream.Open(bytes.NewReader(data), stream.OpenOptions{Encryption: stream.Age, Identities: s.Identities, MaxOutput: registry.MaxGlobals})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(until{ctx, r})
}

// makeGlobals makes what the target's server lacks of a backup's globals, or only looks.
func (s *Service) makeGlobals(ctx context.Context, b Backup, o RestoreOptions, look bool) (*GlobalsReport, error) {
	script, err := s.globals(ctx, b)
	if err != nil {
		return nil, err
	}
	made, err := s.Engine.Globals(ctx, o, script, look)
	if err != nil {
		if len(made.Roles)+len(made.Tablespaces) > 0 && !look {
			s.Log.Warn("some roles and tablespaces were made, and then it failed", "backup_id", b.ID, "roles", made.Roles, "tablespaces", made.Tablespaces)
		}
		return &made, err
	}
	s.Log.Info("roles and tablespaces made", "backup_id", b.ID, "roles", len(made.Roles), "tablespaces", len(made.Tablespaces), "not_made", len(made.NotMade), "looked_only", look)
	return &made, nil
}

// checkKeptGlobals looks whether what was kept with a backup is what was written, and can be opened where there is a key.
func (s *Service) checkKeptGlobals(ctx context.Context, b Backup, v *Validation) error {
	if b.Globals == nil || b.Globals.Missing != "" {
		return nil
	}
	_, err := s.globals(ctx, b)
	switch {
	case b.Encryption == "age" && fault.HasReason(err, fault.IdentityMissing):
		return nil // its hash was compared
	case fault.HasCode(err, fault.Validation):
		v.problem(fault.GlobalsMismatch, "%s", fault.From(err).Message)
		return nil
	}
	return err
}
