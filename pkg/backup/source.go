package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// admitServer makes sure that a source's backups all come from the server that it is known by, and learns what a
// connection tells. Another server is refused (server_changed). It depends on what is stored alone, so that of two
// machines that begin at once one is first.
func (s *Service) admitServer(ctx context.Context, name string, server source.Server) error {
	_, err := s.Registry.ChangeSource(ctx, name, s.Now(), func(rec source.Record) (source.Record, error) {
		return rec.Admit(server, s.Now())
	})
	return err
}

// AdmitSource connects to the configured database and makes sure, before anything is made, that it is the one that its
// source is known as; the first one that does is the source.
func (s *Service) AdmitSource(ctx context.Context) error {
	name := s.SourceName()
	if s.Engine == nil || name == "" {
		return nil
	}
	server, err := s.Engine.Identify(ctx, "")
	if err != nil {
		return err
	}
	return s.remember(s.admitServer(ctx, name, server))
}

// remember keeps whether the configured database was refused, for the overview.
func (s *Service) remember(err error) error {
	switch {
	case err == nil:
		s.refused.Store(nil)
	case fault.HasReason(err, fault.ServerChanged):
		s.refused.Store(&err)
	}
	return err
}

// CheckSource connects to the configured database and tells whether it is the one that its source is known as. It changes
// nothing. A source of which nothing is known yet is right whatever it is.
func (s *Service) CheckSource(ctx context.Context) error {
	return s.remember(s.checkSource(ctx, Request{}))
}

func (s *Service) checkSource(ctx context.Context, req Request) error {
	name := s.sourceOf(req)
	if s.Engine == nil || name == "" {
		return nil
	}
	rec, err := s.Registry.Source(ctx, name)
	if err != nil {
		return err
	}
	server, err := s.Engine.Identify(ctx, req.Database)
	if err != nil {
		return err
	}
	_, err = rec.Admit(server, s.Now())
	return err
}

// precheck refuses another server under a source's name before anything is made. Whatever else is wrong is the run's to
// find, and to record: that the database is away, above all.
func (s *Service) precheck(ctx context.Context, req Request) error {
	if err := s.checkSource(ctx, req); fault.HasReason(err, fault.ServerChanged) {
		return err
	}
	return nil
}

// MoveSource records that the source is now where the configured connection leads: on a new cluster after a failover, on a
// promoted standby, or on a clone that takes its place. by is who says so.
func (s *Service) MoveSource(ctx context.Context, name, database, by string) (source.Record, error) {
	if s.Engine == nil || s.Engine.Database() == "" {
		return source.Record{}, invalid("For example: export DATABASE_URL=postgresql://user@host:5432/shop", "DATABASE_URL is not set: it has to lead to where the source is now")
	}
	if _, err := s.knownSource(ctx, name); err != nil {
		return source.Record{}, err
	}
	server, err := s.Engine.Identify(ctx, database)
	if err != nil {
		return source.Record{}, err
	}
	return s.Registry.ChangeSource(ctx, name, s.Now(), func(rec source.Record) (source.Record, error) {
		if _, err := rec.Admit(server, s.Now()); err == nil {
			return rec, fault.New(fault.Validation, fault.AlreadyExists, "Nothing to do.", "the source %q is there already", name)
		}
		return rec.Moved(server, by, s.Now()), nil
	})
}

// ExpectSource notes that a backup of a source was restored into a database that bears the source's name, or its
// database's: the next backup from there is no surprise.
func (s *Service) ExpectSource(ctx context.Context, name string, server source.Server) error {
	rec, err := s.Registry.Source(ctx, name)
	if err != nil || rec.Version == 0 || server.Database != rec.Database && server.Database != name {
		return err
	}
	_, err = s.Registry.ChangeSource(ctx, name, s.Now(), func(rec source.Record) (source.Record, error) { return rec.Expect(server), nil })
	return err
}

// AdoptSource gives the backups of the database's name from before sources were known to a source, and tells how many.
func (s *Service) AdoptSource(ctx context.Context, name string) (int, error) {
	if err := source.CheckName(name); err != nil {
		return 0, err
	}
	return s.Registry.Adopt(ctx, name, s.Now())
}

func (s *Service) knownSource(ctx context.Context, name string) (source.Record, error) {
	if err := source.CheckName(name); err != nil {
		return source.Record{}, err
	}
	rec, err := s.Registry.Source(ctx, name)
	if err == nil && rec.Version == 0 {
		err = fault.New(fault.Validation, fault.NotFound, "List the sources there are with: cofre source list", "there is no source %q", name)
	}
	return rec, err
}

// checkDatabase refuses a database that a request names and the server does not have, before anything is recorded. The
// configured one is not looked for: that it is away has to be recorded.
func (s *Service) checkDatabase(ctx context.Context, name string) error {
	if s.Engine == nil || name == "" || s.Engine.Database() == "" || name == s.Engine.Database() {
		return nil
	}
	names, err := s.Engine.Databases(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(names, name) {
		return nil
	}
	return fault.New(fault.Validation, fault.DatabaseMissing, "Choose one that is there: "+strings.Join(first(names, 20), ", ")+".",
		"the server has no database %.80q", name)
}

// Databases lists the databases of the configured server that a backup can be made of, by name.
func (s *Service) Databases(ctx context.Context) ([]string, error) {
	if s.Engine == nil {
		return nil, invalid("Set DATABASE_URL.", "no database is configured here")
	}
	return s.Engine.Databases(ctx)
}

// first is the beginning of a list, with what was cut off named.
func first(names []string, n int) []string {
	if len(names) <= n {
		return names
	}
	return append(slices.Clone(names[:n]), fmt.Sprintf("and %d more", len(names)-n))
}

// DescribeRow names a row for people: source "shop", definitions only.
func DescribeRow(r registry.Row) string {
	text := fmt.Sprintf("source %q", r.Source)
	if r.Unknown {
		text += " (server unknown)"
	}
	if part := describePart(r); part != "" {
		text += ", " + part
	}
	return text
}

// DescribePart says what part of its source a backup holds; "" when it holds everything.
func DescribePart(b Backup) string { return describePart(b.Row()) }

func describePart(r registry.Row) string {
	var parts []string
	switch r.Content {
	case ContentSchema:
		parts = append(parts, "definitions only")
	case ContentData:
		parts = append(parts, "data only")
	}
	var sel registry.Selection
	if r.Selection != "" && json.Unmarshal([]byte(r.Selection), &sel) == nil {
		parts = append(parts, DescribeSelection(&sel, 5)...)
	}
	return strings.Join(parts, "; ")
}
