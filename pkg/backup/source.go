package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

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

// Sources lists what this deployment looks after. Whoever asks for one look at them asks once.
func (s *Service) Sources(ctx context.Context) (source.List, error) {
	all, err := s.unfollowed(ctx)
	if err != nil {
		return all, err
	}
	return s.expanded(ctx, all)
}

// unfollowed is what is said, before databases are followed; where what is kept in the bucket may not be read, without that.
func (s *Service) unfollowed(ctx context.Context) (source.List, error) {
	all, _, err := s.said(ctx)
	if fault.HasCode(err, fault.Permission) { // whoever may not read what is kept in the bucket backs none of it up
		s.Log.Debug("the sources in the bucket cannot be read here", "error", err.Error())
		return s.Configured, nil
	}
	return all, err
}

// expanded puts databases in the place of the sources that follow them, and lets places that are kept in the bucket be places of sources.
func (s *Service) expanded(ctx context.Context, all source.List) (source.List, error) {
	all, err := s.follow(ctx, all)
	if err != nil {
		return all, err
	}
	places, err := s.keptPlaces(ctx)
	if err == nil {
		s.alsoThere(&all, places)
	}
	return all, err
}

// SourceName names the source that is meant where nobody says which; "" where there is none, or several.
func (s *Service) SourceName(ctx context.Context) (string, error) {
	all, err := s.Sources(ctx)
	return all.Default, err
}

// refusals are why what is configured here is not the source's server, by source.
type refusals struct {
	mu  sync.Mutex
	why map[string]error
}

// note keeps what a look at a source said, and returns it.
func (r *refusals) note(name string, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		delete(r.why, name)
	case fault.HasReason(err, fault.ServerChanged):
		if r.why == nil {
			r.why = map[string]error{}
		}
		r.why[name] = err
	}
	return err
}

func (r *refusals) all() map[string]error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.why)
}

// AdmitSource connects to a source and makes sure, before anything is made, that it is the one that it is known as; the first one that does
// is the source.
func (s *Service) AdmitSource(ctx context.Context, of source.Settings) error {
	server, err := s.Engine.Identify(ctx, of)
	if err != nil {
		return err
	}
	return s.refused.note(of.Name, s.admitServer(ctx, of.Name, server))
}

// CheckSource connects to a source and tells whether it is the one that it is known as. It changes nothing. A source of which nothing is known
// yet is right whatever it is.
func (s *Service) CheckSource(ctx context.Context, of source.Settings) error {
	return s.refused.note(of.Name, s.checkSource(ctx, of))
}

func (s *Service) checkSource(ctx context.Context, of source.Settings) error {
	rec, err := s.Registry.Source(ctx, of.Name)
	if err != nil {
		return err
	}
	server, err := s.Engine.Identify(ctx, of)
	if err != nil {
		return err
	}
	_, err = rec.Admit(server, s.Now())
	return err
}

// looksAtOnce bounds the sources that are connected to at the same time to look at them.
const looksAtOnce = 8

// CheckSources is CheckSource of each, several at a time, and returns what each said, by name.
func (s *Service) CheckSources(ctx context.Context, all []source.Settings) map[string]error {
	var mu sync.Mutex
	said := map[string]error{}
	slots := make(chan struct{}, looksAtOnce)
	var looks sync.WaitGroup
	for _, of := range all {
		slots <- struct{}{}
		looks.Go(func() {
			defer func() { <-slots }()
			err := s.CheckSource(ctx, of)
			mu.Lock()
			defer mu.Unlock()
			said[of.Name] = err
		})
	}
	looks.Wait()
	return said
}

// precheck refuses another server under a source's name before anything is made. Whatever else is wrong is the run's to
// find, and to record: that the database is away, above all.
func (s *Service) precheck(ctx context.Context, req Request) error {
	if s.Engine == nil {
		return nil
	}
	of, err := s.sourceOf(ctx, req)
	if err != nil {
		return err
	}
	if err := s.checkSource(ctx, of); fault.HasReason(err, fault.ServerChanged) {
		return err
	}
	return nil
}

// MoveSource records that the source is now where its connection leads: on a new cluster after a failover, on a
// promoted standby, or on a clone that takes its place. by is who says so.
func (s *Service) MoveSource(ctx context.Context, name, database, by string) (source.Record, error) {
	if s.Engine == nil {
		return source.Record{}, invalid("For example: export DATABASE_URL=postgresql://user@host:5432/shop", "DATABASE_URL is not set: it has to lead to where the source is now")
	}
	if _, err := s.knownSource(ctx, name); err != nil {
		return source.Record{}, err
	}
	of, err := s.sourceOf(ctx, Request{Source: name, Database: database})
	if err != nil {
		return source.Record{}, err
	}
	server, err := s.Engine.Identify(ctx, of)
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

// checkDatabase refuses a database that a request names and the server does not have, before anything is recorded. A source's own
// is not looked for: that it is away has to be recorded.
func (s *Service) checkDatabase(ctx context.Context, req Request) error {
	if s.Engine == nil || req.Database == "" {
		return nil
	}
	all, err := s.Sources(ctx)
	if err != nil || len(all.Sources) == 0 { // reserved here, and made elsewhere
		return err
	}
	of, err := all.Choose(req.Source, req.Database, s.Engine.Database)
	if err != nil || of.Database == "" {
		return err
	}
	own := of
	own.Database = "" // which is there, whatever was asked for
	names, err := s.Engine.Databases(ctx, own)
	if err != nil {
		return err
	}
	if slices.Contains(names, of.Database) {
		return nil
	}
	return fault.New(fault.Validation, fault.DatabaseMissing, "Choose one that is there: "+strings.Join(first(names, 20), ", ")+".",
		"the server has no database %.80q", of.Database)
}

// Databases lists the databases that a backup can be made of on the server of a source, by name; "" is the one that is meant where
// nobody says which.
func (s *Service) Databases(ctx context.Context, name string) ([]string, error) {
	if s.Engine == nil {
		return nil, invalid("Set DATABASE_URL.", "no database is configured here")
	}
	of, err := s.sourceOf(ctx, Request{Source: name})
	if err != nil {
		return nil, err
	}
	return s.Engine.Databases(ctx, of)
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
		parts = append(parts, "schema only")
	case ContentData:
		parts = append(parts, "data only")
	}
	var sel registry.Selection
	if r.Selection != "" && json.Unmarshal([]byte(r.Selection), &sel) == nil {
		parts = append(parts, DescribeSelection(&sel, 5)...)
	}
	return strings.Join(parts, "; ")
}
