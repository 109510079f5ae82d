package backup

import (
	"testing"

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
		if p.DumpBytes < 0 || p.SentBytes < 0 || p.Expected < 0 || p.Rate < 0 || p.Percent != nil && (*p.Percent < 0 || *p.Percent > 100) || len(p.LastNotice) > fault.MaxText {
			t.Errorf("accepted %+v", p)
		}
	})
}
