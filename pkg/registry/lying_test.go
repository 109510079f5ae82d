package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// answerWith replaces an answer by another one.
func answerWith(kind, body string) func(*http.Response) {
	return func(r *http.Response) {
		_ = r.Body.Close()
		r.StatusCode, r.Status = http.StatusOK, "200 OK"
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		r.Header.Set("Content-Type", kind)
		r.Header.Del("ETag")
	}
}

// listing is an answer to a listing that goes on.
func listing(token string, keys ...string) string {
	var b strings.Builder
	b.WriteString("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>" + token + "</NextContinuationToken>")
	for _, k := range keys {
		fmt.Fprintf(&b, "<Contents><Key>some/where/%s</Key><Size>9</Size><LastModified>2026-11-29T10:00:00.000Z</LastModified></Contents>", k)
	}
	return b.String() + "</ListBucketResult>"
}

// A service that says one thing of its objects and gives another, lists without an end, or sends more than it announced, can keep
// a rebuild from ending well, and no more: it ends, in bounded memory, says why, and takes nothing for a backup that is none.
func TestLyingService(t *testing.T) {
	place := storagetest.MinIOPlace(t)
	ctx := t.Context()
	good := map[string]bool{}
	for i := range 3 {
		b, err := makeBackup(ctx, New(place.Store, Options{}), record(fmt.Sprintf("%d.dump", i)), "content")
		must(t, err)
		good[b.ID] = true
	}
	var others []string // of manifests that the service says are small
	forged := record("forged.dump")
	forged.Status = Success
	for range 8 {
		id := newID()
		_, err := place.Store.Put(ctx, ManifestKey(id), []byte("{}"), storage.PutOptions{})
		must(t, err)
		others = append(others, id)
	}
	large := func(id, within string) string {
		b := forged
		b.ID = id
		b.Filepath = FilesPrefix + id + ".dump"
		b.Filename = id + ".dump"
		data, err := encode(Manifest{Version: 1, Backup: b})
		must(t, err)
		return strings.Replace(string(data), `"why": "test"`, within, 1)
	}
	isOther := func(r *http.Request) string {
		for _, id := range others {
			if strings.HasSuffix(r.URL.Path, ManifestKey(id)) {
				return id
			}
		}
		return ""
	}
	var calls atomic.Int64
	lists := func(r *http.Request) bool {
		return storagetest.Operation(r) == "list" && strings.Contains(r.URL.Query().Get("prefix"), ManifestsPrefix)
	}
	length := 16 << 20
	if raceDetector { // it makes reading many times as long
		length = 2 << 20
	}
	long := strings.Repeat("x", length)
	for name, c := range map[string]struct {
		rule  func(*http.Request) storagetest.Verdict
		fails bool
		more  int // records beside the good ones
	}{
		"large objects that are listed as small": {more: 8, rule: func(r *http.Request) storagetest.Verdict {
			if id := isOther(r); id != "" {
				return storagetest.Verdict{Answer: answerWith("application/json", strings.Replace(large(id, `"why": "test"`), `"createdBy": "`, `"createdBy": "`+long, 1))}
			}
			return storagetest.Verdict{}
		}},
		"records that stay large": {rule: func(r *http.Request) storagetest.Verdict {
			if id := isOther(r); id != "" {
				return storagetest.Verdict{Answer: answerWith("application/json", large(id, `"why": "`+long+`"`))}
			}
			return storagetest.Verdict{}
		}},
		"the same page under ever new tokens": {fails: true, rule: func(r *http.Request) storagetest.Verdict {
			if lists(r) {
				return storagetest.Verdict{Answer: answerWith("application/xml", listing(fmt.Sprint("t", calls.Add(1)), ManifestKey(others[0])))}
			}
			return storagetest.Verdict{}
		}},
		"tokens that take turns": {fails: true, rule: func(r *http.Request) storagetest.Verdict {
			if lists(r) {
				return storagetest.Verdict{Answer: answerWith("application/xml", listing(fmt.Sprint("t", calls.Add(1)%2), ManifestKey(others[0]), ManifestKey(others[1])))}
			}
			return storagetest.Verdict{}
		}},
		"a list without an end": {fails: true, rule: func(r *http.Request) storagetest.Verdict {
			if !lists(r) {
				return storagetest.Verdict{}
			}
			var keys []string
			for range 1000 {
				keys = append(keys, fmt.Sprintf("%s7ZZZZ%021d.json", ManifestsPrefix, calls.Add(1)))
			}
			return storagetest.Verdict{Answer: answerWith("application/xml", listing(keys[0], keys...))}
		}},
		"more than was announced": {rule: func(r *http.Request) storagetest.Verdict {
			if id := isOther(r); id != "" {
				answer := large(id, `"why": "test"`)
				return storagetest.Verdict{Raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: \"x\"\r\n\r\n{}" +
					fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"x\"\r\n\r\n%s", len(answer), answer)}
			}
			return storagetest.Verdict{}
		}},
		"less than was announced": {fails: true, rule: func(r *http.Request) storagetest.Verdict {
			if isOther(r) != "" {
				return storagetest.Verdict{Raw: "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\nETag: \"x\"\r\n\r\n{}"}
			}
			return storagetest.Verdict{}
		}},
		"lengths that are not the same": {fails: true, rule: func(r *http.Request) storagetest.Verdict {
			if isOther(r) != "" {
				return storagetest.Verdict{Raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\nETag: \"x\"\r\n\r\n{}"}
			}
			return storagetest.Verdict{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_ = place.Store.Delete(ctx, IndexKey)
			proxy := storagetest.NewProxy(t, place, c.rule)
			r := New(place.Through(t, proxy.Addr), Options{Log: testLog(t)})
			r.sizes.listed = 100_000
			ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
			defer cancel()
			var x *Index
			var err error
			if most := heapOf(func() { x, err = r.Rebuild(ctx) }); most > 256<<20 {
				t.Errorf("%d MB of memory", most>>20)
			}
			if c.fails {
				if f := fault.From(err); err == nil || f.Code != fault.FileSystem || f.Hint == "" || ctx.Err() != nil {
					t.Errorf("it ends with %v, %+v", err, f)
				}
				return
			}
			must(t, err)
			n := 0
			for _, b := range x.Backups {
				if !good[b.ID] {
					n++
				}
			}
			if len(x.Backups)-n != len(good) || n != c.more {
				t.Errorf("%d records, and %d others, want %d", len(x.Backups)-n, n, c.more)
			}
		})
	}
}

// heapOf returns the most bytes that the heap had while do ran.
func heapOf(do func()) (most uint64) {
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	do()
	close(done)
	<-watched
	return most
}

// A record's list of validations is as long as whoever writes to the bucket likes. It is held against itself entry by entry.
func TestManyVerifications(t *testing.T) {
	many := "[" + strings.TrimSuffix(strings.Repeat("{},", 300_000), ",") + "]"
	var mark verified
	must(t, decode("x", []byte(`{"verifications":`+many+`}`), &mark))
	b := record("a.dump")
	b.Status = Success
	applyVerified(&b, mark)
	data, err := encode(Manifest{Version: 1, Backup: b})
	must(t, err)
	data = []byte(strings.Replace(string(data), `"attempt"`, `"verifications": `+many+`, "size": -1, "attempt"`, 1))
	m, err := parseManifest(b.ID, data)
	must(t, err)
	if n := max(len(b.Verifications), len(m.Backup.Verifications)); n > maxVerifications+1 || !m.Backup.Damaged() {
		t.Errorf("%d validations, damaged: %v", n, m.Backup.Damaged())
	}
}
