package entry

import (
	"testing"

	"cofre/pkg/fault"
)

const nightly = `{"version":"0","id":"%","detail-type":"Scheduled Event","source":"aws.scheduler","account":"123456789012",
	"time":"2026-11-25T02:00:00Z","region":"eu-west-1","resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly"],"detail":"{}"}`

func TestRead(t *testing.T) {
	for name, x := range map[string]struct {
		event string
		kind  kind
		key   string
	}{
		"API call":  {`{"version":"2.0","rawPath":"/api/health","requestContext":{"http":{"method":"GET"}}}`, request, ""},
		"scheduler": {nightly, scheduled, "2026-11-25T02:00:00Z arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly"},
		"no time":   {`{"detail-type":"Scheduled Event","id":"e1"}`, scheduled, "e1"},
		"nothing":   {` {} `, scheduled, "r1"},
		"step":      {`{"action":"reserve","trigger":"schedule","idempotencyKey":"k"}`, task, "k"},
	} {
		got, err := read([]byte(x.event), "r1")
		if err != nil || got.kind != x.kind || got.job.Key != x.key {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// The action counts, whatever stands beside it; what is nothing that a function knows is refused and not taken for a
// schedule, because that would make a backup.
func TestOtherEventsAreRefused(t *testing.T) {
	for _, e := range []string{``, `null`, `[]`, `"x"`, `1`, `{"detail-type":"S3 Event"}`, `{"Records":[]}`, `{"action":1}`, `{"id":"x"}`, `{"detail-type":"Scheduled Event","time":"yesterday"}`} {
		if got, err := read([]byte(e), "r1"); !fault.HasCode(err, fault.Validation) {
			t.Errorf("%s: %+v, %v", e, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(nightly))
	f.Add([]byte(`{"action":"finalize","id":"01HXZ0000000000000000000AB","error":{"Error":"States.Timeout","Cause":"x"}}`))
	f.Add([]byte(`{"action":"finalize","id":"01HXZ0000000000000000000AB","error":{"Error":"FileSystemErrorTransient","Cause":"{\"errorMessage\":\"x\"}"}}`))
	f.Add([]byte(`{"requestContext":{"http":{"method":"GET"}},"isBase64Encoded":true}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := read(payload, "r1")
		if err == nil && got.kind == scheduled && got.job.Key == "" {
			t.Errorf("a scheduled event without a key: %s", payload)
		}
		if err == nil && got.job.Error != nil {
			if f := fault.From(got.job.Error.Fault()); f == nil || f.Code == "" || f.Message == "" {
				t.Errorf("%s is caught as %+v", payload, f)
			}
		}
	})
}
