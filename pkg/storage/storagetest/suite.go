package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// check is one test of the suite.
type check struct {
	name string
	run  func(t *testing.T, p Place)
}

// Run runs the suite on S3 services that open makes, each new and empty: the contract, and what a service and the way to it
// may do wrong.
func Run(t *testing.T, open func(testing.TB) Place) {
	RunContract(t, open)
	run(t, open, partChecks, faultChecks, serviceChecks)
}

// RunContract runs what every store must do.
func RunContract(t *testing.T, open func(testing.TB) Place) {
	run(t, open, objectChecks, conditionChecks, uploadChecks, readChecks, linkChecks)
}

func run(t *testing.T, open func(testing.TB) Place, lists ...[]check) {
	for _, list := range lists {
		for _, c := range list {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, open(t))
			})
		}
	}
}

// small keeps the tests' uploads cheap: 5 MiB is the least that S3 allows.
func small(c *s3.Config) { c.PartSize = 5 << 20 }

const mib = 1 << 20

// data is n bytes that do not compress, the same for the same seed.
func data(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func ctxFor(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantReason asserts that an error is a fault as people can use it: a code, a reason, a hint, and no secret.
func wantReason(t *testing.T, err error, code fault.Code, reason fault.Reason) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s/%s", code, reason)
	}
	f := fault.From(err)
	if f.Code != code || f.Reason != reason {
		t.Fatalf("error is %s/%s, want %s/%s: %v", f.Code, f.Reason, code, reason, err)
	}
	if f.Message == "" || (f.Hint == "" && code != fault.Internal) {
		t.Errorf("error without message or hint: %#v", f)
	}
	if strings.Contains(err.Error(), "X-Amz-") || strings.Contains(err.Error(), "RequestID") {
		t.Errorf("error with the SDK's noise: %v", err)
	}
}

// upload streams b and completes.
func upload(t *testing.T, s storage.Store, key string, b []byte, o storage.UploadOptions) storage.Object {
	t.Helper()
	ctx := ctxFor(t)
	u, err := s.StartUpload(ctx, key, o)
	must(t, err)
	n, err := u.Write(ctx, bytes.NewReader(b))
	must(t, err)
	if n != int64(len(b)) {
		t.Fatalf("Write read %d bytes of %d", n, len(b))
	}
	got, err := u.Complete(ctx)
	must(t, err)
	return got
}

// wantObject asserts what is stored, by the store and by the witness.
// PutLarge stores an object that is too large to be read at once: some text and zeros.
func PutLarge(t *testing.T, s storage.Store, key, text string) {
	t.Helper()
	u, err := s.StartUpload(t.Context(), key, storage.UploadOptions{})
	must(t, err)
	_, err = u.Write(t.Context(), io.MultiReader(strings.NewReader(text), bytes.NewReader(make([]byte, storage.MaxSmall+1))))
	must(t, err)
	_, err = u.Complete(t.Context())
	must(t, err)
}

func wantObject(t *testing.T, p Place, key string, want []byte) {
	t.Helper()
	ctx := ctxFor(t)
	got, o, err := p.Store.Get(ctx, key)
	must(t, err)
	if !bytes.Equal(got, want) || o.Size != int64(len(want)) {
		t.Fatalf("%s: %d bytes (%d told), not the %d that were written", key, len(got), o.Size, len(want))
	}
	if seen := p.witnessed(t, key); !bytes.Equal(seen, want) {
		t.Fatalf("%s: the witness reads %d other bytes", key, len(seen))
	}
}

// wantAbsent asserts that nothing is visible and nothing is left behind.
func wantAbsent(t *testing.T, s storage.Store, key string) {
	t.Helper()
	ctx := ctxFor(t)
	if _, err := s.Head(ctx, key); !storage.IsNotFound(err) {
		t.Errorf("%s: want not found, got %v", key, err)
	}
	wantNoUploads(t, s, key)
}

func wantNoUploads(t *testing.T, s storage.Store, key string) {
	t.Helper()
	left, err := s.PendingUploads(ctxFor(t), key)
	must(t, err)
	if len(left) == 0 {
		return
	}
	// A service that cannot end them without harm keeps them.
	if caps, err := s.Probe(ctxFor(t)); err != nil || !caps.UploadsStay {
		t.Errorf("%s: uploads left behind: %v", key, left)
	}
}

func keysOf(t *testing.T, s storage.Store, o storage.ListOptions) []string {
	t.Helper()
	var keys []string
	for obj, err := range s.List(ctxFor(t), o) {
		must(t, err)
		keys = append(keys, obj.Key)
	}
	return keys
}

var objectChecks = []check{
	{"PutGetHeadDelete", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		body := []byte(`{"version":1}`)
		put, err := p.Store.Put(ctx, "manifests/01.json", body, storage.PutOptions{ContentType: "application/json", Metadata: map[string]string{"backup-id": "01"}})
		must(t, err)
		wantObject(t, p, "manifests/01.json", body)
		head, err := p.Store.Head(ctx, "manifests/01.json")
		must(t, err)
		if head.ETag != put.ETag || head.Size != int64(len(body)) || head.Metadata["backup-id"] != "01" || len(head.Metadata) != 1 {
			t.Errorf("put %+v, head %+v", put, head)
		}
		if age := time.Since(head.LastModified); age < -time.Minute || age > 5*time.Minute {
			t.Errorf("modified %s ago", age)
		}
		if kind, metadata := p.witnessedHead(t, "manifests/01.json"); kind != "application/json" || metadata["Backup-Id"] != "01" {
			t.Errorf("the witness sees %s, %v", kind, metadata)
		}
		must(t, p.Store.Delete(ctx, "manifests/01.json"))
		wantAbsent(t, p.Store, "manifests/01.json")
		must(t, p.Store.Delete(ctx, "manifests/01.json"))
		_, _, err = p.Store.Get(ctx, "manifests/01.json")
		wantReason(t, err, fault.FileSystem, fault.NotFound)
	}},
	{"TooLargeToRead", func(t *testing.T, p Place) {
		_, err := p.Store.Put(ctxFor(t), "large", make([]byte, storage.MaxSmall+1), storage.PutOptions{})
		wantReason(t, err, fault.FileSystem, fault.LimitReached)
		wantAbsent(t, p.Store, "large")
		put, err := p.Store.Put(ctxFor(t), "small", make([]byte, 1001), storage.PutOptions{})
		must(t, err)
		for most, reason := range map[int64]fault.Reason{1000: fault.LimitReached, 1001: "", 1 << 62: ""} {
			_, o, err := p.Store.Get(storage.Within(ctxFor(t), most), "small")
			if o.ETag != put.ETag || o.Size != 1001 {
				t.Errorf("of at most %d bytes: %+v", most, o)
			}
			if reason == "" {
				must(t, err)
			} else {
				wantReason(t, err, fault.Validation, reason)
			}
		}
	}},
	{"LargerThanAnyRecord", func(t *testing.T, p Place) {
		PutLarge(t, p.Store, "small", "what stands in front")
		_, o, err := p.Store.Get(ctxFor(t), "small")
		wantReason(t, err, fault.Validation, fault.LimitReached)
		_, err = p.Store.Put(ctxFor(t), "small", []byte("x"), storage.PutOptions{Condition: storage.Condition{IfMatch: o.ETag}})
		must(t, err)
		body, _, err := p.Store.Get(ctxFor(t), "small")
		if must(t, err); string(body) != "x" {
			t.Errorf("%.40q", body)
		}
	}},
	{"Empty", func(t *testing.T, p Place) {
		_, err := p.Store.Put(ctxFor(t), "empty", nil, storage.PutOptions{})
		must(t, err)
		wantObject(t, p, "empty", []byte{})
	}},
	{"NamesOfManyKinds", func(t *testing.T, p Place) {
		for i, key := range []string{
			"a b/c+d&e=f?g#h%20i.dump", "ação/バックアップ.sql.gz", "quote'\"`.dump", "dots.../...x", "~tilde/$dollar/@at,comma;semi:colon",
			strings.Repeat("n", 255), strings.Repeat("deep/", 100) + "x", "back\\slash", "🦆",
		} {
			body := fmt.Appendf(nil, "body %d", i)
			_, err := p.Store.Put(ctxFor(t), key, body, storage.PutOptions{})
			if err != nil {
				t.Errorf("put %q: %v", key, err)
				continue
			}
			wantObject(t, p, key, body)
			if keys := keysOf(t, p.Store, storage.ListOptions{Prefix: key}); !slices.Equal(keys, []string{key}) {
				t.Errorf("list of %q: %q", key, keys)
			}
		}
	}},
	{"BadNames", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		for _, key := range []string{"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/./b", "a//b", "a/", "nul\x00", "new\nline",
			"\x7f", "c1\u0085", "bad\xff", strings.Repeat("n", 256), strings.Repeat("long/", 300), ".sgwtmp/x", ".cofre/link-key"} {
			_, err := p.Store.Put(ctx, key, nil, storage.PutOptions{})
			wantReason(t, err, fault.Validation, fault.InvalidInput)
			_, _, err = p.Store.Get(ctx, key)
			wantReason(t, err, fault.Validation, fault.InvalidInput)
			_, err = p.Store.StartUpload(ctx, key, storage.UploadOptions{})
			wantReason(t, err, fault.Validation, fault.InvalidInput)
			wantReason(t, p.Store.Delete(ctx, key), fault.Validation, fault.InvalidInput)
			_, err = p.Store.Presign(ctx, key, storage.PresignOptions{Expires: time.Minute})
			wantReason(t, err, fault.Validation, fault.InvalidInput)
		}
		if keys := keysOf(t, p.Store, storage.ListOptions{}); len(keys) != 0 {
			t.Errorf("something was written: %q", keys)
		}
	}},
	{"PrefixIsAWall", func(t *testing.T, p Place) {
		if p.Prefix == "" {
			return // the bucket itself is the wall
		}
		ctx := ctxFor(t)
		for _, key := range []string{"outside", "some/wherever", "some/where.json"} {
			_, err := p.Witness.PutObject(ctx, p.Bucket, key, strings.NewReader("x"), 1, minioPut)
			must(t, err)
		}
		_, err := p.Store.Put(ctx, "inside", nil, storage.PutOptions{})
		must(t, err)
		if keys := keysOf(t, p.Store, storage.ListOptions{}); !slices.Equal(keys, []string{"inside"}) {
			t.Errorf("the list leaves the prefix: %q", keys)
		}
	}},
	{"ListMoreThanAPage", func(t *testing.T, p Place) {
		want := fill1100(t, p)
		if got := keysOf(t, p.Store, storage.ListOptions{}); !slices.Equal(got, want) {
			t.Errorf("list gives %d keys, want %d in order", len(got), len(want))
		}
		inFiles := slices.DeleteFunc(slices.Clone(want), func(k string) bool { return !strings.HasPrefix(k, "files/") })
		if got := keysOf(t, p.Store, storage.ListOptions{Prefix: "files/"}); !slices.Equal(got, inFiles) {
			t.Errorf("list of a folder gives %d keys, want %d", len(got), len(inFiles))
		}
		if got := keysOf(t, p.Store, storage.ListOptions{Prefix: "files/", After: inFiles[1050]}); !slices.Equal(got, inFiles[1051:]) {
			t.Errorf("list behind a key gives %d keys, want %d", len(got), len(inFiles)-1051)
		}
		if got := keysOf(t, p.Store, storage.ListOptions{Prefix: "nothing/"}); len(got) != 0 {
			t.Errorf("list of nothing gives %q", got)
		}
		n := 0
		for range p.Store.List(ctxFor(t), storage.ListOptions{}) {
			if n++; n == 3 {
				break
			}
		}
	}},
	{"Tags", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		_, err := p.Store.Put(ctx, "tagged", []byte("x"), storage.PutOptions{})
		must(t, err)
		none, err := p.Store.Tags(ctx, "tagged")
		must(t, err)
		if len(none) != 0 {
			t.Errorf("tags from nowhere: %v", none)
		}
		tags := map[string]string{}
		for i := range 10 {
			tags[fmt.Sprintf("key-%d", i)] = "value + = . _ : / @ " + strings.Repeat("v", 40)
		}
		must(t, p.Store.SetTags(ctx, "tagged", tags))
		got, err := p.Store.Tags(ctx, "tagged")
		must(t, err)
		seen := p.witnessedTags(t, "tagged")
		if fmt.Sprint(got) != fmt.Sprint(tags) || fmt.Sprint(seen) != fmt.Sprint(tags) {
			t.Errorf("tags are %v, the witness sees %v", got, seen)
		}
		must(t, p.Store.SetTags(ctx, "tagged", map[string]string{"one": "1"}))
		if got, err = p.Store.Tags(ctx, "tagged"); err != nil || len(got) != 1 {
			t.Errorf("tags are replaced: %v %v", got, err)
		}
		tags["eleven"] = ""
		wantReason(t, p.Store.SetTags(ctx, "tagged", tags), fault.Validation, fault.InvalidInput)
		wantReason(t, p.Store.SetTags(ctx, "absent", map[string]string{"a": "b"}), fault.FileSystem, fault.NotFound)
	}},
	{"Probe", func(t *testing.T, p Place) {
		ctx := ctxFor(t)
		store := p.Store
		if p.Dir == "" {
			store = p.Through(t, p.Addr(), unknown)
		}
		caps, err := store.Probe(ctx)
		must(t, err)
		if !caps.CreateOnly || !caps.ReplaceIfUnchanged || !caps.CompleteCreateOnly || !caps.Tags || !caps.CRC64NVME ||
			caps.EqualParts || p.Dir == "" && (caps.MaxParts < 10_000 || caps.MinPartSize != 5*mib) {
			t.Errorf("capabilities: %+v", caps)
		}
		if keys := keysOf(t, p.Store, storage.ListOptions{}); p.Dir != "" && len(keys) != 0 || p.Dir == "" && (len(keys) != 1 || !strings.HasPrefix(keys[0], "capabilities/")) {
			t.Errorf("the probe left %q", keys)
		}
	}},
	{"WitnessWrites", func(t *testing.T, p Place) {
		body := data(1, 12*mib)
		p.witnessWrites(t, "files/w.dump", body)
		wantObject(t, p, "files/w.dump", body)
	}},
	{"CanceledContext", func(t *testing.T, p Place) {
		ctx, cancel := context.WithCancel(ctxFor(t))
		cancel()
		_, err := p.Store.Put(ctx, "x", nil, storage.PutOptions{})
		if fault.From(err).Code != fault.Canceled || !errors.Is(err, context.Canceled) {
			t.Errorf("canceled put: %v", err)
		}
	}},
}

// fill1100 puts 1,100 objects and gives their keys in order.
func fill1100(t *testing.T, p Place) []string {
	t.Helper()
	keys := []string{"files.json", "files/a-b", "files/a.b", "files/a/b", "files0"}
	for i := range 1095 {
		keys = append(keys, fmt.Sprintf("files/%04d.dump", i*7%1095))
	}
	todo := make(chan string)
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for k := range todo {
				if err == nil {
					_, err = p.Store.Put(context.Background(), k, []byte(k), storage.PutOptions{})
				}
			}
			done <- err
		}()
	}
	for _, k := range keys {
		todo <- k
	}
	close(todo)
	for range 8 {
		must(t, <-done)
	}
	slices.Sort(keys)
	return keys
}
