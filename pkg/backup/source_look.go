package backup

import (
	"context"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// SourceLook is what a look at a source found.
type SourceLook struct {
	Source   string        `json:"source"`
	Database string        `json:"database"`
	Version  string        `json:"version"`       // of the server
	Size     int64         `json:"size"`          // bytes of the database on the server's disk
	PgDump   string        `json:"pgDumpVersion"` // of the program that would read it
	Server   source.Server `json:"server"`
	Remarks  []string      `json:"remarks,omitempty"` // what will not come back by itself
}

// TestSource connects to a source and tells what is there. It fails as a backup would: where the connection cannot be had or made, where the
// role may not read everything, where no pg_dump fits, and where it is another server than the source is known as. It changes nothing.
func (s *Service) TestSource(ctx context.Context, name string) (SourceLook, error) {
	look := SourceLook{Source: name}
	if s.Engine == nil {
		return look, invalid("Set DATABASE_URL.", "no database is configured here")
	}
	all, err := s.Sources(ctx)
	if err != nil {
		return look, err
	}
	of, listed := all.Find(name)
	for _, f := range all.Followed {
		if f.Source == name {
			return look, f.Missing()
		}
	}
	if err := all.Trouble(name); err != nil && !listed {
		return look, err
	}
	if !listed {
		return look, fault.New(fault.Validation, fault.NotFound, "List the sources there are with: cofre source list", "there is no source %.80q to connect to", name)
	}
	if err := s.CheckSource(ctx, of); err != nil { // by one try, where Open has several
		return look, err
	}
	return s.lookAt(ctx, of)
}

func (s *Service) lookAt(ctx context.Context, of source.Settings) (SourceLook, error) {
	look := SourceLook{Source: of.Name}
	session, err := s.Engine.Open(ctx, of, registry.Selection{})
	if err != nil {
		return look, err
	}
	defer session.Close()
	src := session.Source()
	look.Database, look.Version, look.Size, look.PgDump, look.Server, look.Remarks = src.Database, src.ServerVersion, src.Size, src.PgDumpVersion, src.Server, src.Remarks
	return look, nil
}
