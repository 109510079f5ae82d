package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// impatient makes failures quick.
func impatient(c *s3.Config) {
	c.ReadTimeout, c.MaxAttempts, c.PartSize = 700*time.Millisecond, 2, 5*mib
}

// within asserts that f ends in bounded time.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > d {
		t.Errorf("took %s, want at most %s", took.Round(time.Millisecond), d)
	}
}

// try uploads and returns the first error, after which it has aborted.
func try(t *testing.T, s storage.Store, key string, r io.Reader) (storage.Object, error) {
	t.Helper()
	ctx := ctxFor(t)
	u, err := s.StartUpload(ctx, key, storage.UploadOptions{})
	if err != nil {
		return storage.Object{}, err
	}
	_, err = u.Write(ctx, r)
	var o storage.Object
	if err == nil {
		o, err = u.Complete(ctx)
	}
	if err != nil {
		_ = u.Abort(ctx) // the tests look at what is left
	}
	return o, err
}

var faultChecks = []check{
	{"LostAnswerToComplete", func(t *testing.T, p Place) {
		for _, times := range []int{1, 100} {
			x := NewProxy(t, p, Count("complete", times, Verdict{Lose: true}))
			s := p.Through(t, x.Addr, small)
			key, body := fmt.Sprint("files/", times), data(11, 6*mib)
			o, err := try(t, s, key, bytes.NewReader(body))
			if err != nil || o.Size != int64(len(body)) {
				t.Fatalf("%d answers lost: %+v, %v", times, o, err)
			}
			wantObject(t, p, key, body)
			wantNoUploads(t, p.Store, key)
		}
	}},
	{"LostAnswerToConditionalPut", func(t *testing.T, p Place) {
		x := NewProxy(t, p, Count("put", 1, Verdict{Lose: true}))
		s := p.Through(t, x.Addr)
		first, err := s.Put(ctxFor(t), "intents/1.json", []byte("1"), absent)
		must(t, err)
		x.Set(Count("put", 1, Verdict{Lose: true}))
		second, err := s.Put(ctxFor(t), "intents/1.json", []byte("2"), ifMatch(first.ETag))
		must(t, err)
		x.Set(Count("put", 1, Verdict{Lose: true}))
		if _, err := s.Put(ctxFor(t), "intents/1.json", []byte("3"), ifMatch(first.ETag)); !storage.IsPrecondition(err) {
			t.Errorf("a condition that does not hold, and a lost answer: %v", err)
		}
		head, err := s.Head(ctxFor(t), "intents/1.json")
		must(t, err)
		if head.ETag != second.ETag {
			t.Errorf("ETag %s, want %s", head.ETag, second.ETag)
		}
	}},
	{"LostAnswerToStart", func(t *testing.T, p Place) {
		x := NewProxy(t, p, Count("start", 1, Verdict{Lose: true}))
		s := p.Through(t, x.Addr)
		upload(t, s, "files/s", []byte("x"), storage.UploadOptions{})
		left, err := s.PendingUploads(ctxFor(t), "files/s")
		must(t, err)
		if len(left) != 1 {
			t.Fatalf("%d uploads are left, want the one whose answer was lost", len(left))
		}
		must(t, s.AbortUpload(ctxFor(t), "files/s", left[0].UploadID))
		wantNoUploads(t, s, "files/s")
	}},
	{"ServiceAsksToSlowDown", func(t *testing.T, p Place) {
		tries := map[string]int{}
		x := NewProxy(t, p, func(r *http.Request) Verdict {
			tries[r.Method+r.URL.String()]++
			switch tries[r.Method+r.URL.String()] {
			case 1:
				return Verdict{Status: 503, Code: "SlowDown"}
			case 2:
				return Verdict{Status: 500, Code: "InternalError"}
			}
			return Verdict{}
		})
		body := data(12, 12*mib)
		_, err := try(t, p.Through(t, x.Addr, small), "files/slow", bytes.NewReader(body))
		must(t, err)
		wantObject(t, p, "files/slow", body)
	}},
	{"ServiceFailsForGood", func(t *testing.T, p Place) {
		for _, c := range []struct {
			operation string
			verdict   Verdict
			code      fault.Code
			reason    fault.Reason
			transient bool
		}{
			{"part", Verdict{Status: 503, Code: "SlowDown"}, fault.FileSystem, fault.StorageFailed, true},
			{"part", Verdict{Status: 500, Code: "InternalError"}, fault.FileSystem, fault.StorageFailed, true},
			{"part", Verdict{Status: 507, Code: "XMinioStorageFull"}, fault.DiskSpace, fault.StorageFull, false},
			{"part", Verdict{Status: 400, Code: "ExpiredToken"}, fault.Permission, fault.CredentialsExpired, false},
			{"part", Verdict{Status: 403, Code: "AccessDenied"}, fault.Permission, fault.AccessDenied, false},
			{"part", Verdict{Status: 400, Code: "BadDigest"}, fault.Validation, fault.ChecksumMismatch, true},
			{"complete", Verdict{Status: 403, Code: "AccessDenied"}, fault.Permission, fault.AccessDenied, false},
			{"complete", Verdict{Status: 500, Code: "InternalError"}, fault.FileSystem, fault.StorageFailed, true},
			{"start", Verdict{Status: 404, Code: "NoSuchBucket"}, fault.FileSystem, fault.BucketMissing, false},
			{"start", Verdict{Status: 403, Code: "InvalidAccessKeyId"}, fault.Permission, fault.CredentialsWrong, false},
			{"start", Verdict{Status: 403, Code: "RequestTimeTooSkewed"}, fault.Permission, s3.ClockSkew, false},
			{"start", Verdict{Status: 301, Code: "PermanentRedirect"}, fault.Validation, s3.WrongRegion, false},
			{"start", Verdict{Status: 418, Code: "Teapot"}, fault.FileSystem, fault.StorageFailed, false},
		} {
			x := NewProxy(t, p, Count(c.operation, 1000, c.verdict))
			within(t, time.Minute, func() {
				s := p.Through(t, x.Addr, small, func(c *s3.Config) { c.MaxAttempts = 2 })
				_, err := try(t, s, "files/f", bytes.NewReader(data(13, 6*mib)))
				wantReason(t, err, c.code, c.reason)
				if fault.From(err).Transient != c.transient {
					t.Errorf("%s %s: transient is %t", c.operation, c.verdict.Code, !c.transient)
				}
			})
			wantAbsent(t, p.Store, "files/f")
		}
	}},
	{"ConnectionsBreak", func(t *testing.T, p Place) {
		proxy := testenv.Proxy(t, p.Addr())
		s := p.Through(t, proxy.Addr(), small, func(c *s3.Config) { c.ReadTimeout = 2 * time.Second })
		proxy.CloseAfter(testenv.ToServer, 7*mib) // each connection carries one part and breaks in the second
		body := data(14, 31*mib)
		_, err := try(t, s, "files/b", bytes.NewReader(body))
		must(t, err)
		proxy.Heal()
		wantObject(t, p, "files/b", body)
	}},
	{"ConnectionsReset", func(t *testing.T, p Place) {
		proxy := testenv.Proxy(t, p.Addr())
		s := p.Through(t, proxy.Addr(), impatient)
		proxy.Reset(0)
		within(t, 30*time.Second, func() {
			_, err := s.Put(ctxFor(t), "x", []byte("x"), storage.PutOptions{})
			wantReason(t, err, fault.FileSystem, fault.StorageUnreachable)
		})
		proxy.Heal()
		proxy.Cut()
		within(t, 30*time.Second, func() {
			_, _, err := s.Get(ctxFor(t), "x")
			wantReason(t, err, fault.FileSystem, fault.StorageUnreachable)
		})
		proxy.Heal()
		_, err := s.Put(ctxFor(t), "x", []byte("x"), storage.PutOptions{})
		must(t, err)
	}},
	{"ServerHangs", hangs},
	{"AnswerHangs", func(t *testing.T, p Place) {
		_, err := p.Store.Put(ctxFor(t), "x", data(20, mib), storage.PutOptions{})
		must(t, err)
		s := p.Through(t, NewProxy(t, p, func(r *http.Request) Verdict {
			if r.Header.Get("Range") != "" { // what is asked for the rest
				return Verdict{Hang: true}
			}
			return Verdict{Hang: true, After: 100_000}
		}).Addr, impatient)
		within(t, 15*time.Second, func() {
			r, _, err := s.Open(ctxFor(t), "x", 0, -1)
			must(t, err)
			defer r.Close()
			n, err := io.Copy(io.Discard, r)
			wantReason(t, err, fault.FileSystem, fault.StorageUnreachable)
			if n != 100_000 {
				t.Errorf("read %d bytes before the answer stopped", n)
			}
		})
	}},
	{"AnswerDrips", drips},
	{"SlowLine", func(t *testing.T, p Place) {
		proxy := testenv.Proxy(t, p.Addr())
		s := p.Through(t, proxy.Addr(), func(c *s3.Config) { c.PartSize, c.MaxAttempts, c.ReadTimeout = 20*mib, 1, 2500*time.Millisecond })
		proxy.Throttle(testenv.ToServer, 4_000_000) // a part takes five seconds, twice the read timeout
		body := data(15, 20*mib)
		_, err := try(t, s, "files/slow", bytes.NewReader(body))
		must(t, err)
		proxy.Heal()
		wantObject(t, p, "files/slow", body)
	}},
	{"ReaderResumes", func(t *testing.T, p Place) {
		body := data(16, 8*mib)
		upload(t, p.Store, "files/r", body, storage.UploadOptions{})
		proxy := testenv.Proxy(t, p.Addr())
		s := p.Through(t, proxy.Addr())
		proxy.CloseAfter(testenv.ToClient, 3*mib)
		r, _, err := s.Open(ctxFor(t), "files/r", 1000, -1)
		must(t, err)
		got, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		if !bytes.Equal(got, body[1000:]) {
			t.Errorf("read %d bytes, not the %d that are there", len(got), len(body)-1000)
		}
	}},
	{"ReplacedWhileRead", func(t *testing.T, p Place) {
		upload(t, p.Store, "files/r", data(17, 8*mib), storage.UploadOptions{})
		proxy := testenv.Proxy(t, p.Addr())
		s := p.Through(t, proxy.Addr())
		proxy.CloseAfter(testenv.ToClient, 2*mib)
		r, _, err := s.Open(ctxFor(t), "files/r", 0, -1)
		must(t, err)
		defer r.Close()
		_, err = p.Store.Put(ctxFor(t), "files/r", data(18, 8*mib), storage.PutOptions{})
		must(t, err)
		_, err = io.Copy(io.Discard, r)
		wantReason(t, err, fault.FileSystem, s3.Changed)
	}},
}

// drips lets answers through so slowly that they would take many minutes, while always something moves: reading gives up, and says why.
func drips(t *testing.T, p Place) {
	_, err := p.Store.Put(ctxFor(t), "x", data(22, mib), storage.PutOptions{})
	must(t, err)
	for n := range 60 {
		_, err := p.Store.Put(ctxFor(t), fmt.Sprintf("drip/%060d", n), nil, storage.PutOptions{})
		must(t, err)
	}
	proxy := testenv.Proxy(t, p.Addr())
	s := p.Through(t, proxy.Addr(), func(c *s3.Config) { c.ReadTimeout, c.MaxAttempts = 2*time.Second, 2 })
	proxy.Throttle(testenv.ToClient, 1000)
	var all sync.WaitGroup
	for name, f := range map[string]func() error{
		"record": func() error { _, _, err := s.Get(ctxFor(t), "x"); return err },
		"object": func() error {
			r, _, err := s.Open(ctxFor(t), "x", 0, -1)
			if err == nil {
				defer r.Close()
				_, err = io.Copy(io.Discard, r)
			}
			return err
		},
		"download": func() error { _, err := s.Download(ctxFor(t), "x", discardAt{}); return err },
		"list": func() error {
			for _, err := range s.List(ctxFor(t), storage.ListOptions{Prefix: "drip/"}) {
				return err
			}
			return nil
		},
	} {
		all.Go(func() {
			within(t, time.Minute, func() {
				err := f()
				wantReason(t, err, fault.FileSystem, fault.Timeout)
				if err == nil || !strings.Contains(err.Error(), "is too slow") {
					t.Errorf("%s: %v", name, err)
				}
			})
		})
	}
	all.Wait()
	proxy.Heal()
	_, err = s.Head(ctxFor(t), "x")
	must(t, err)
}

// discardAt takes whatever is downloaded.
type discardAt struct{}

func (discardAt) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// hangs stalls every kind of request; each gives up in bounded time, and what was begun is swept afterwards.
func hangs(t *testing.T, p Place) {
	const bound = 15 * time.Second
	proxy := testenv.Proxy(t, p.Addr())
	s := p.Through(t, proxy.Addr(), impatient)
	u, err := s.StartUpload(ctxFor(t), "files/h", storage.UploadOptions{})
	must(t, err)
	done, err := s.StartUpload(ctxFor(t), "files/d", storage.UploadOptions{})
	must(t, err)
	_, err = done.Write(ctxFor(t), strings.NewReader("all"))
	must(t, err)
	proxy.Stall(testenv.ToClient)
	proxy.Stall(testenv.ToServer)
	for name, f := range map[string]func() error{
		"put":      func() error { _, err := s.Put(ctxFor(t), "y", nil, storage.PutOptions{}); return err },
		"put once": func() error { _, err := s.Put(ctxFor(t), "y", nil, absent); return err },
		"get":      func() error { _, _, err := s.Get(ctxFor(t), "x"); return err },
		"list": func() error {
			for _, err := range s.List(ctxFor(t), storage.ListOptions{}) {
				return err
			}
			return nil
		},
		"write":    func() error { _, err := u.Write(ctxFor(t), bytes.NewReader(data(21, 11*mib))); return err },
		"complete": func() error { _, err := done.Complete(ctxFor(t)); return err },
	} {
		within(t, bound, func() {
			err := f()
			if err == nil {
				t.Errorf("%s on a hung server succeeded", name)
			} else if f := fault.From(err); !f.Transient || errors.Is(err, context.Canceled) ||
				f.Reason != fault.StorageUnreachable && f.Reason != fault.Timeout {
				t.Errorf("%s on a hung server: %s/%s transient=%t: %v", name, f.Code, f.Reason, f.Transient, err)
			}
		})
	}
	proxy.Heal()
	must(t, u.Abort(ctxFor(t)))
	must(t, done.Abort(ctxFor(t)))
	for _, key := range []string{"files/h", "files/d"} {
		// On a slow machine an answer to a start may have come too late for this impatient client.
		left, err := s.PendingUploads(ctxFor(t), key)
		must(t, err)
		for _, l := range left {
			must(t, s.AbortUpload(ctxFor(t), key, l.UploadID))
		}
		wantAbsent(t, s, key)
	}
}
