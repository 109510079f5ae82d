package storagetest

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"cofre/pkg/storage"
)

// ErrDied, returned by a hook of Faulty, is the end of the process that used the store: this operation and all
// later ones fail with it, and no cleanup reaches the store any more. Another wrapper, or the store itself,
// is the next process.
var ErrDied = errors.New("the process died here")

// Faulty puts faults into a store. hook is called before and after every operation with "before put" or "after
// put" and the key. An error that it returns before is returned instead of the operation; one that it returns
// after is returned although the operation took place, as when an answer is lost.
//
// The operations are put, get, open, head, list, delete, set-tags, tags, start-upload, write, complete, abort,
// abort-upload, pending-uploads, download, presign and probe. The hook may be called from several goroutines.
func Faulty(s storage.Store, hook func(op, key string) error) storage.Store {
	return &faulty{Store: s, hook: hook}
}

// DieAt is a hook that dies at the n-th call (from 1) of all before and after. Calls tells afterwards how many
// there were: a test runs once to count, then once for each.
func DieAt(n int) (hook func(op, key string) error, calls func() int) {
	var mu sync.Mutex
	count := 0
	hook = func(string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == n {
			return ErrDied
		}
		return nil
	}
	return hook, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

type faulty struct {
	storage.Store
	hook func(op, key string) error

	mu   sync.Mutex
	dead bool
}

// call asks the hook, unless the process is dead.
func (f *faulty) call(op, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return ErrDied
	}
	err := f.hook(op, key)
	f.dead = errors.Is(err, ErrDied)
	return err
}

// around runs an operation between its two hooks.
func around[T any](f *faulty, op, key string, run func() (T, error)) (T, error) {
	var none T
	if err := f.call("before "+op, key); err != nil {
		return none, err
	}
	v, err := run()
	if lost := f.call("after "+op, key); lost != nil {
		return none, lost
	}
	return v, err
}

func (f *faulty) Put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	return around(f, "put", key, func() (storage.Object, error) { return f.Store.Put(ctx, key, body, o) })
}

func (f *faulty) Get(ctx context.Context, key string) (body []byte, o storage.Object, err error) {
	o, err = around(f, "get", key, func() (storage.Object, error) {
		body, o, err = f.Store.Get(ctx, key)
		return o, err
	})
	if err != nil {
		body = nil
	}
	return body, o, err
}

func (f *faulty) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, storage.Object, error) {
	var o storage.Object
	r, err := around(f, "open", key, func() (r io.ReadCloser, err error) {
		r, o, err = f.Store.Open(ctx, key, offset, length)
		return r, err
	})
	return r, o, err
}

func (f *faulty) Head(ctx context.Context, key string) (storage.Object, error) {
	return around(f, "head", key, func() (storage.Object, error) { return f.Store.Head(ctx, key) })
}

func (f *faulty) List(ctx context.Context, o storage.ListOptions) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		if err := f.call("before list", o.Prefix); err != nil {
			yield(storage.Object{}, err)
			return
		}
		for obj, err := range f.Store.List(ctx, o) {
			if !yield(obj, err) {
				return
			}
		}
		if err := f.call("after list", o.Prefix); err != nil {
			yield(storage.Object{}, err)
		}
	}
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	_, err := around(f, "delete", key, func() (struct{}, error) { return struct{}{}, f.Store.Delete(ctx, key) })
	return err
}

func (f *faulty) SetTags(ctx context.Context, key string, tags map[string]string) error {
	_, err := around(f, "set-tags", key, func() (struct{}, error) { return struct{}{}, f.Store.SetTags(ctx, key, tags) })
	return err
}

func (f *faulty) Tags(ctx context.Context, key string) (map[string]string, error) {
	return around(f, "tags", key, func() (map[string]string, error) { return f.Store.Tags(ctx, key) })
}

func (f *faulty) AbortUpload(ctx context.Context, key, id string) error {
	_, err := around(f, "abort-upload", key, func() (struct{}, error) { return struct{}{}, f.Store.AbortUpload(ctx, key, id) })
	return err
}

func (f *faulty) PendingUploads(ctx context.Context, key string) ([]storage.PendingUpload, error) {
	return around(f, "pending-uploads", key, func() ([]storage.PendingUpload, error) { return f.Store.PendingUploads(ctx, key) })
}

func (f *faulty) Download(ctx context.Context, key string, w io.WriterAt) (int64, error) {
	return around(f, "download", key, func() (int64, error) { return f.Store.Download(ctx, key, w) })
}

func (f *faulty) Presign(ctx context.Context, key string, o storage.PresignOptions) (storage.PresignedURL, error) {
	return around(f, "presign", key, func() (storage.PresignedURL, error) { return f.Store.Presign(ctx, key, o) })
}

func (f *faulty) Probe(ctx context.Context) (storage.Capabilities, error) {
	return around(f, "probe", "", func() (storage.Capabilities, error) { return f.Store.Probe(ctx) })
}

func (f *faulty) StartUpload(ctx context.Context, key string, o storage.UploadOptions) (storage.Upload, error) {
	return around(f, "start-upload", key, func() (storage.Upload, error) {
		u, err := f.Store.StartUpload(ctx, key, o)
		if err != nil {
			return nil, err
		}
		return &faultyUpload{Upload: u, f: f, key: key}, nil
	})
}

type faultyUpload struct {
	storage.Upload
	f   *faulty
	key string
}

func (u *faultyUpload) Write(ctx context.Context, r io.Reader) (int64, error) {
	return around(u.f, "write", u.key, func() (int64, error) { return u.Upload.Write(ctx, r) })
}

func (u *faultyUpload) Complete(ctx context.Context) (storage.Object, error) {
	return around(u.f, "complete", u.key, func() (storage.Object, error) { return u.Upload.Complete(ctx) })
}

func (u *faultyUpload) Abort(ctx context.Context) error {
	_, err := around(u.f, "abort", u.key, func() (struct{}, error) { return struct{}{}, u.Upload.Abort(ctx) })
	return err
}
