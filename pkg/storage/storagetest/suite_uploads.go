package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

var uploadChecks = []check{
	{"UploadSizes", func(t *testing.T, p Place) {
		s := p.small(t)
		for _, size := range []int{0, 1, 5*mib - 1, 5 * mib, 5*mib + 1, 10 * mib, 16*mib + 7} {
			key := fmt.Sprintf("files/%d.dump", size)
			body := data(byte(size), size)
			var acked atomic.Int64
			o := upload(t, s, key, body, storage.UploadOptions{Metadata: map[string]string{"backup-id": "id"}, ContentType: "application/x-test",
				Progress: func(n int64) { acked.Store(max(acked.Load(), n)) }})
			wantObject(t, p, key, body)
			head, err := s.Head(ctxFor(t), key)
			must(t, err)
			if head.ETag != o.ETag || o.Size != int64(size) || head.Metadata["backup-id"] != "id" || len(head.Metadata) != 1 || acked.Load() != int64(size) {
				t.Errorf("%d bytes: completed %+v, head %+v, acknowledged %d", size, o, head, acked.Load())
			}
			if size > 0 && head.CRC64NVME == "" || head.CRC64NVME != o.CRC64NVME {
				t.Errorf("%d bytes: CRC64NVME %q and %q", size, head.CRC64NVME, o.CRC64NVME)
			}
			wantNoUploads(t, s, key)
		}
	}},
	{"UploadSlowSource", func(t *testing.T, p Place) {
		body := data(2, 6*mib)
		s := p.small(t)
		u, err := s.StartUpload(ctxFor(t), "slow", storage.UploadOptions{})
		must(t, err)
		_, err = u.Write(ctxFor(t), iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(body))))
		must(t, err)
		_, err = u.Complete(ctxFor(t))
		must(t, err)
		wantObject(t, p, "slow", body)
	}},
	{"UploadInvisibleBefore", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		u, err := p.Store.StartUpload(ctx, "files/part.dump", storage.UploadOptions{})
		must(t, err)
		_, err = u.Write(ctx, bytes.NewReader(data(3, 9*mib)))
		must(t, err)
		if _, err := p.Store.Head(ctx, "files/part.dump"); !storage.IsNotFound(err) {
			t.Errorf("visible before Complete: %v", err)
		}
		if keys := keysOf(t, p.Store, storage.ListOptions{}); len(keys) != 0 {
			t.Errorf("listed before Complete: %q", keys)
		}
		pending, err := p.Store.PendingUploads(ctx, "files/part.dump")
		must(t, err)
		if len(pending) != 1 || pending[0].UploadID != u.ID() || pending[0].Key != "files/part.dump" || time.Since(pending[0].Initiated).Abs() > 10*time.Minute {
			t.Errorf("pending: %+v, want %s", pending, u.ID())
		}
		for _, other := range []string{"files/part", "files/part.dump.age"} {
			wantNoUploads(t, p.Store, other)
		}
		must(t, u.Abort(ctx))
		must(t, u.Abort(ctx))
		wantAbsent(t, p.Store, "files/part.dump")
		if _, err := u.Complete(ctx); err == nil {
			t.Error("Complete after Abort succeeded")
		}
		must(t, p.Store.AbortUpload(ctx, "files/part.dump", u.ID()))
	}},
	{"CompleteCreateOnly", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		u, err := p.Store.StartUpload(ctx, "files/x.dump", storage.UploadOptions{})
		must(t, err)
		_, err = u.Write(ctx, strings.NewReader("late"))
		must(t, err)
		_, err = p.Store.Put(ctx, "files/x.dump", []byte("early"), absent)
		must(t, err)
		_, err = u.Complete(ctx)
		if !storage.IsPrecondition(err) {
			t.Fatalf("completed over another object: %v", err)
		}
		must(t, u.Abort(ctx))
		wantObject(t, p, "files/x.dump", []byte("early"))
		wantNoUploads(t, p.Store, "files/x.dump")
	}},
	{"CompleteAfterSomebodyAborted", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		for _, taken := range []bool{false, true} {
			key := fmt.Sprintf("files/%t.dump", taken)
			u, err := p.Store.StartUpload(ctx, key, storage.UploadOptions{})
			must(t, err)
			_, err = u.Write(ctx, strings.NewReader("mine"))
			must(t, err)
			must(t, p.Store.AbortUpload(ctx, key, u.ID()))
			if taken {
				_, err = p.Store.Put(ctx, key, []byte("other"), storage.PutOptions{})
				must(t, err)
			}
			if o, err := u.Complete(ctx); err == nil {
				t.Errorf("taken=%t: completed an upload that was aborted: %+v", taken, o)
			}
		}
	}},
	{"SourceErrors", func(t *testing.T, p Place) {
		broken := errors.New("pg_dump: exit status 1")
		for i, source := range []error{broken, io.ErrUnexpectedEOF, fault.New(fault.BackupCreation, fault.ExitStatus, "x", "dump failed")} {
			for _, size := range []int{0, 100, 5 * mib, 11 * mib} {
				ctx := ctxFor(t)
				key := fmt.Sprintf("files/%d-%d", i, size)
				u, err := p.Store.StartUpload(ctx, key, storage.UploadOptions{})
				must(t, err)
				_, err = u.Write(ctx, io.MultiReader(bytes.NewReader(data(4, size)), iotest.ErrReader(source)))
				if !errors.Is(err, source) {
					t.Fatalf("Write gives %v, want %v in it", err, source)
				}
				if o, err := u.Complete(ctx); err == nil {
					t.Fatalf("completed although the source failed: %+v", o)
				}
				must(t, u.Abort(ctx))
				wantAbsent(t, p.Store, key)
			}
		}
	}},
	{"CanceledUpload", func(t *testing.T, p Place) {
		ctx, cancel := context.WithCancel(ctxFor(t))
		u, err := p.Store.StartUpload(ctx, "files/c.dump", storage.UploadOptions{Progress: func(int64) { cancel() }})
		must(t, err)
		_, err = u.Write(ctx, endless{})
		if !errors.Is(err, context.Canceled) || fault.From(err).Code != fault.Canceled {
			t.Errorf("Write after cancel: %v", err)
		}
		must(t, u.Abort(ctx)) // on a context of its own
		wantAbsent(t, p.Store, "files/c.dump")
	}},
	{"UploadProgressFromZero", func(t *testing.T, p Place) {
		upload(t, p.Store, "files/p", nil, storage.UploadOptions{Progress: func(n int64) {
			if n != 0 {
				t.Errorf("progress of nothing: %d", n)
			}
		}})
	}},
}

// partChecks are for services that take an upload in parts.
var partChecks = []check{
	{"TooManyParts", func(t *testing.T, p Place) {
		s := p.Through(t, p.Addr(), small, func(c *s3.Config) { c.MaxParts, c.EqualParts = 2, true })
		for _, extra := range []int{0, 1} {
			ctx := ctxFor(t)
			body := data(5, 10*mib+extra)
			u, err := s.StartUpload(ctx, fmt.Sprint("files/", extra), storage.UploadOptions{})
			must(t, err)
			_, err = u.Write(ctx, bytes.NewReader(body))
			if extra == 0 {
				must(t, err)
				_, err = u.Complete(ctx)
				must(t, err)
				wantObject(t, p, "files/0", body)
				continue
			}
			wantReason(t, err, fault.Validation, fault.LimitReached)
			must(t, u.Abort(ctx))
			wantAbsent(t, s, "files/1")
		}
	}},
	{"GrowingParts", func(t *testing.T, p Place) {
		// Eight parts of 5 MiB would do for 40: the plan grows before that.
		s := p.Through(t, p.Addr(), small, func(c *s3.Config) { c.MaxParts = 8 })
		body := data(6, 47*mib)
		upload(t, s, "files/grow", body, storage.UploadOptions{})
		wantObject(t, p, "files/grow", body)
	}},
	{"EqualParts", func(t *testing.T, p Place) {
		s := p.Through(t, p.Addr(), small, func(c *s3.Config) { c.EqualParts = true })
		body := data(7, 17*mib)
		upload(t, s, "files/equal", body, storage.UploadOptions{ExpectedSize: 3})
		wantObject(t, p, "files/equal", body)
	}},
}

// endless is a source without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
