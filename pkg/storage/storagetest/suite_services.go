package storagetest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// serviceChecks are for services that lack features.
var serviceChecks = []check{
	{"WithoutConditionalWrites", func(t *testing.T, p Place) {
		for what, rule := range map[string]func(*http.Request) Verdict{
			"ignored": func(*http.Request) Verdict { return Verdict{Strip: []string{"If-None-Match", "If-Match"}} },
			"refused": func(r *http.Request) Verdict {
				if r.Method != http.MethodGet && r.Header.Get("If-None-Match")+r.Header.Get("If-Match") != "" {
					return Verdict{Status: 501, Code: "NotImplemented"}
				}
				return Verdict{}
			},
		} {
			degraded(t, p, what, NewProxy(t, p, rule))
		}
	}},
	{"WithoutChecksums", func(t *testing.T, p Place) {
		sums := []string{"X-Amz-Checksum-Algorithm", "X-Amz-Checksum-Type", "X-Amz-Checksum-Crc64nvme", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Checksum-Mode"}
		for what, rule := range map[string]func(*http.Request) Verdict{
			"ignored": func(*http.Request) Verdict { return Verdict{Strip: sums} },
			"refused": func(r *http.Request) Verdict {
				if r.Header.Get("X-Amz-Checksum-Algorithm") != "" {
					return Verdict{Status: 400, Code: "InvalidRequest"}
				}
				return Verdict{Strip: sums}
			},
		} {
			s := p.Through(t, NewProxy(t, p, rule).Addr, small, unknown)
			caps, err := s.Probe(ctxFor(t))
			must(t, err)
			if caps.CRC64NVME || !caps.CompleteCreateOnly {
				t.Errorf("%s: capabilities %+v", what, caps)
			}
			body := data(19, 11*mib)
			upload(t, s, "files/"+what, body, storage.UploadOptions{})
			wantObject(t, p, "files/"+what, body)
		}
	}},
	{"WithoutTags", func(t *testing.T, p Place) {
		x := NewProxy(t, p, Count("tags", 1000, Verdict{Status: 501, Code: "NotImplemented"}))
		s := p.Through(t, x.Addr, unknown)
		caps, err := s.Probe(ctxFor(t))
		must(t, err)
		if caps.Tags || !caps.CreateOnly {
			t.Errorf("capabilities: %+v", caps)
		}
		wantReason(t, s.SetTags(ctxFor(t), "x", nil), fault.FileSystem, storage.Unsupported)
		before := len(x.Requests())
		_, err = s.Probe(ctxFor(t))
		must(t, err)
		if after := len(x.Requests()); after != before {
			t.Errorf("a second probe made %d requests", after-before)
		}
	}},
}

// degraded checks a service without conditional writes: they are stood in for, and the probe says so.
func degraded(t *testing.T, p Place, what string, x *Proxy) {
	t.Helper()
	ctx := ctxFor(t)
	s := p.Through(t, x.Addr, unknown)
	caps, err := s.Probe(ctx)
	must(t, err)
	if caps.CreateOnly || caps.ReplaceIfUnchanged || caps.CompleteCreateOnly {
		t.Errorf("%s: capabilities %+v", what, caps)
	}
	first, err := s.Put(ctx, what, []byte("1"), absent)
	must(t, err)
	if _, err := s.Put(ctx, what, []byte("2"), absent); !storage.IsPrecondition(err) {
		t.Errorf("%s: create-only over an object: %v", what, err)
	}
	if _, err = s.Put(ctx, what, []byte("2"), ifMatch(first.ETag)); err != nil {
		t.Errorf("%s: replace: %v", what, err)
	}
	if _, err := s.Put(ctx, what, []byte("3"), ifMatch(first.ETag)); !storage.IsPrecondition(err) {
		t.Errorf("%s: replace with an old ETag: %v", what, err)
	}
	if _, err := try(t, s, what, strings.NewReader("3")); !storage.IsPrecondition(err) {
		t.Errorf("%s: completion over an object: %v", what, err)
	}
	wantObject(t, p, what, []byte("2"))
	if keys := keysOf(t, s, storage.ListOptions{}); len(keys) == 0 || strings.Contains(fmt.Sprint(keys), "probe") {
		t.Errorf("%s: keys %q", what, keys)
	}
}
