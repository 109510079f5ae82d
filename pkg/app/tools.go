package app

import (
	"context"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/pgdump"
)

// tool is the pg_dump chosen for a server.
type tool struct {
	client      pgdump.Client
	compression string // what "auto" stands for
}

// tools are the programs found. Asking programs for their versions takes longer than a small dump, so it is done beside
// the first connection, and remembered for a minute: not over an upgrade.
type tools struct {
	found *search
	at    time.Time
}

const toolLife = time.Minute

// search is a look for programs, under way or done.
type search struct {
	done    chan struct{}
	clients []pgdump.Client
	auto    string // what the newest one's "auto" stands for
	err     error
}

// look begins to look for programs, unless they are known. A look is not ended with the context of who began it: others
// may wait for it too, and it takes seconds at most.
func (e *database) look(ctx context.Context) *search {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tools.found != nil && time.Since(e.tools.at) < toolLife {
		return e.tools.found
	}
	s := &search{done: make(chan struct{})}
	e.tools = tools{s, time.Now()}
	go func() {
		defer close(s.done)
		ctx := context.WithoutCancel(ctx)
		s.clients, s.err = pgdump.Clients(ctx, pgdump.FindOptions{Path: e.c.PgDumpPath, Getenv: e.c.getenv})
		if s.err == nil && len(s.clients) > 0 {
			s.auto = s.clients[0].Choose(ctx, pgdump.Compression{}).String()
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.tools = tools{} // what is missing may be installed in the next moment
	}()
	return s
}

// find chooses the program for a server; serverMajor 0 is any.
func (e *database) find(ctx context.Context, serverMajor int) (tool, error) {
	s := e.look(ctx)
	select {
	case <-s.done:
	case <-ctx.Done():
		return tool{}, ctx.Err()
	}
	if s.err != nil {
		return tool{}, s.err
	}
	client, err := pgdump.Pick(s.clients, pgdump.FindOptions{Path: e.c.PgDumpPath, ServerMajor: serverMajor})
	return tool{client, s.auto}, err
}

// compression reads "zstd:1"; it was checked when it was asked for. SQL scripts are compressed after pg_dump.
func compression(o backup.DumpOptions) pgdump.Compression {
	kind, level, _ := strings.Cut(o.Compression, ":")
	if o.Format == backup.FormatPlain {
		return pgdump.Compression{Algorithm: pgdump.None}
	}
	if kind == "auto" {
		kind = ""
	}
	n, _ := strconv.Atoi(level)
	return pgdump.Compression{Algorithm: pgdump.Algorithm(kind), Level: n}
}
