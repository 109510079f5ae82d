package backup

import (
	"testing"
	"time"

	"cofre/pkg/fault"
)

// FuzzProgress: whatever status/<id>.json holds, what is shown of it is within what can be.
func FuzzProgress(f *testing.F) {
	f.Add([]byte(`{"id":"x","phase":"dumping","progress":50,"bytes":1,"bytesPerSec":2.5}`))
	f.Add([]byte(`{"progress":-4611686018427387904,"bytes":-1,"expectedBytes":-1,"bytesPerSec":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, ok := parseProgress(data)
		if !ok {
			return
		}
		if p.DumpBytes < 0 || p.Jobs < 0 || p.Pieces < 0 || p.Written < 0 || len(p.EngineReason) > fault.MaxText || p.SentBytes < 0 || p.Expected < 0 || p.Rate < 0 || p.Percent != nil && (*p.Percent < 0 || *p.Percent > 100) || len(p.LastNotice) > fault.MaxText {
			t.Errorf("accepted %+v", p)
		}
	})
}

// made is a dump that says how it is made.
type made struct {
	Counted
	how          How
	written, all int
}

func (m made) How() How           { return m.how }
func (m made) Pieces() (int, int) { return m.written, m.all }

// The progress says what reads the rows and how far it is, or why it is one pg_dump; and nothing of an attempt before.
func TestProgressSaysHow(t *testing.T) {
	now := time.Now()
	tr := &tracker{id: "x", started: now}
	tr.begin(1, "")
	tr.made(made{how: How{Engine: EngineParallel, Jobs: 2}, written: 3, all: 12})
	if p := tr.at(now); p.Engine != EngineParallel || p.Jobs != 2 || p.Written != 3 || p.Pieces != 12 {
		t.Errorf("%+v", p)
	}
	tr.begin(2, "")
	if p := tr.at(now); p.Engine != "" || p.Jobs != 0 || p.Pieces != 0 {
		t.Errorf("%+v", p)
	}
	tr.made(struct{ Dump }{made{how: How{Engine: EnginePgDump, Jobs: 1, Reason: "the database is small"}}})
	if p := tr.at(now); p.Engine != EnginePgDump || p.EngineReason == "" || p.Pieces != 0 {
		t.Errorf("%+v", p)
	}
}
