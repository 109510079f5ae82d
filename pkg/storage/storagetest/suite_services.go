package storagetest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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
	{"CompositeChecksums", func(t *testing.T, p Place) {
		var parts, whole atomic.Int32
		x := NewProxy(t, p, func(r *http.Request) Verdict {
			switch sum := r.Header.Get("X-Amz-Checksum-Crc64nvme"); {
			case sum == "":
			case Operation(r) == "part":
				parts.Add(1)
			case Operation(r) == "complete":
				whole.Add(1)
				return Verdict{Status: 400, Code: "InvalidRequest"}
			}
			return Verdict{}
		})
		s := p.Through(t, x.Addr, small, unknown)
		for _, key := range []string{"files/1", "files/2"} {
			body := data(23, 11*mib)
			upload(t, s, key, body, storage.UploadOptions{})
			wantObject(t, p, key, body)
		}
		if parts.Load() < 4 || whole.Load() == 0 || whole.Load() > 3 {
			t.Errorf("%d parts had their checksum, and the whole was sent %d times", parts.Load(), whole.Load())
		}
	}},
	{"DeletedNames", func(t *testing.T, p Place) {
		// With versions, the mark of a deletion counts as an object.
		var mu sync.Mutex
		marked := map[string]bool{}
		x := NewProxy(t, p, func(r *http.Request) Verdict {
			mu.Lock()
			defer mu.Unlock()
			op, conditional := Operation(r), r.Header.Get("If-None-Match") != ""
			switch {
			case op == "delete":
				marked[r.URL.Path] = true
			case (op == "put" || op == "complete") && conditional && marked[r.URL.Path]:
				return Verdict{Status: 412, Code: "PreconditionFailed"}
			case op == "put" || op == "complete":
				delete(marked, r.URL.Path)
			}
			return Verdict{}
		})
		p.Store = p.Through(t, x.Addr, unknown)
		takenAgain(t, p)
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

// takenAgain deletes an object and an upload, and takes their names again.
func takenAgain(t *testing.T, p Place) {
	ctx := ctxFor(t)
	for range 2 {
		_, err := p.Store.Put(ctx, "again", []byte("x"), absent)
		must(t, err)
		if _, err := p.Store.Put(ctx, "again", []byte("y"), absent); !storage.IsPrecondition(err) {
			t.Errorf("create-only over an object: %v", err)
		}
		upload(t, p.Store, "files/again", []byte("x"), storage.UploadOptions{})
		must(t, p.Store.Delete(ctx, "again"))
		must(t, p.Store.Delete(ctx, "files/again"))
	}
}
