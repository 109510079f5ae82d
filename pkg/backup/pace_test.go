package backup_test

import (
	"context"
	"runtime"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// paced is the real engine, over a storage of which the test says how long it was waited for.
type paced struct {
	backup.Engine
	waited int
}

type pacedSession struct {
	backup.Session
	waited int
}

type pacedDump struct {
	backup.Counted
	waited int
}

func (p *paced) Open(ctx context.Context, of source.Settings, sel registry.Selection) (backup.Session, error) {
	s, err := p.Engine.Open(ctx, of, sel)
	if err != nil {
		return nil, err
	}
	return pacedSession{s, p.waited}, nil
}

func (s pacedSession) Dump(ctx context.Context, o backup.DumpOptions) (backup.Dump, error) {
	d, err := s.Session.Dump(ctx, o)
	if c, ok := d.(backup.Counted); ok {
		return pacedDump{c, s.waited}, err
	}
	return d, err
}

func (d pacedDump) Waited() int { return d.waited }

// A backup whose connections waited for storage most of the time is followed by one with a connection less, unless the number was said.
func TestJobsFollowStorage(t *testing.T) {
	cores := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(cores)
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE t AS SELECT i, md5(i::text) AS v FROM generate_series(1, 5000) i")
	w := open(t, "", url, "BACKUP_ENGINE=parallel")
	engine := &paced{Engine: w.Service.Engine}
	w.Service.Engine = engine
	for i, c := range []struct{ waited, asked, jobs int }{
		{60, 0, 4}, {60, 0, 3}, {40, 0, 2}, {10, 0, 2}, {90, 0, 4}, {90, 4, 4}, {90, 1, 1}, {90, 0, 1}, {0, 0, 1}, {0, 0, 4},
	} {
		engine.waited = c.waited
		b := w.create(backup.Request{Jobs: c.asked})
		if b.Jobs != c.jobs || b.WaitedPercent != c.waited {
			t.Errorf("backup %d: %d connections waited %d %%, want %d and %d", i, b.Jobs, b.WaitedPercent, c.jobs, c.waited)
		}
		if kept, err := w.Service.Info(t.Context(), b.ID); err != nil || kept.WaitedPercent != c.waited {
			t.Errorf("kept: %+v, %v", kept, err)
		}
	}
	said := open(t, w.dir, url, "BACKUP_ENGINE=parallel", "BACKUP_JOBS=3")
	engine = &paced{Engine: said.Service.Engine, waited: 90}
	said.Service.Engine = engine
	for range 2 {
		if b := said.create(backup.Request{}); b.Jobs != 3 {
			t.Errorf("%d connections", b.Jobs)
		}
	}
}
