package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// hostile is a store at a service that answers each request in the same way, and counts the bytes that were taken of it.
func hostile(t *testing.T, answer http.HandlerFunc) (*Store, *atomic.Int64) {
	t.Helper()
	taken := new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusForbidden) // has no body that could be long
			return
		}
		answer(counting{w, taken}, r)
	}))
	t.Cleanup(server.Close)
	return at(t, server.URL, 2*time.Second), taken
}

// at is a store at a service that is tried once.
func at(t *testing.T, url string, timeout time.Duration) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Bucket: "bucket", Endpoint: url, Region: "us-east-1", Credentials: &Credentials{AccessKeyID: "a", SecretAccessKey: "b"},
		MaxAttempts: 1, ReadTimeout: timeout, Known: &storage.Capabilities{CreateOnly: true, ReplaceIfUnchanged: true, CompleteCreateOnly: true, Tags: true, CRC64NVME: true}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// operations are what cofre asks a service for.
func operations(s *Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"get":  func(ctx context.Context) error { _, _, err := s.Get(ctx, "manifests/x"); return err },
		"head": func(ctx context.Context) error { _, err := s.Head(ctx, "manifests/x"); return err },
		"put": func(ctx context.Context) error {
			_, err := s.Put(ctx, "x", []byte("y"), storage.PutOptions{})
			return err
		},
		"create": func(ctx context.Context) error {
			_, err := s.Put(ctx, "x", []byte("y"), storage.PutOptions{Condition: storage.Condition{IfAbsent: true}})
			return err
		},
		"list": func(ctx context.Context) error {
			for _, err := range s.List(ctx, storage.ListOptions{Prefix: "files/"}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"delete":  func(ctx context.Context) error { return s.Delete(ctx, "x") },
		"tags":    func(ctx context.Context) error { _, err := s.Tags(ctx, "x"); return err },
		"settags": func(ctx context.Context) error { return s.SetTags(ctx, "x", map[string]string{"a": "b"}) },
		"pending": func(ctx context.Context) error { _, err := s.PendingUploads(ctx, "x"); return err },
		"abort":   func(ctx context.Context) error { return s.AbortUpload(ctx, "x", "y") },
		"probe":   func(ctx context.Context) error { _, err := s.Probe(ctx); return err },
		"upload": func(ctx context.Context) error {
			u, err := s.StartUpload(ctx, "files/x", storage.UploadOptions{})
			if err != nil {
				return err
			}
			if _, err = u.Write(ctx, strings.NewReader("data")); err == nil {
				_, err = u.Complete(ctx)
			}
			return errors.Join(err, u.Abort(ctx))
		},
	}
}

// A service that sends without an end, slowly, nothing, or what is no answer fails every operation, in bounded time and memory.
func TestHostileService(t *testing.T) {
	block := bytes.Repeat([]byte("<Contents><Key>files/x</Key></Contents>"), 1000)
	flood := func(head string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(w, head)
			for r.Context().Err() == nil {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}
	}
	status := func(code int, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(code)
			next(w, r)
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"a list without an end":   flood("<ListBucketResult>"),
		"an error without an end": status(403, flood("<Error><Code>AccessDenied</Code><Message>")),
		"a fault without an end":  status(500, flood("<Error>")),
		"the same page for ever": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListBucketResult>")
		},
		"a length below zero": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-1/-5")
			w.WriteHeader(206)
		},
		"a length beyond all": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-1/9223372036854775807")
			w.WriteHeader(206)
			_, _ = io.WriteString(w, "xy")
		},
		"no XML": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\x00\xff<<>>") },
		"somewhere else": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("http://%s/bucket/again%d", r.Host, rand.Int()), http.StatusTemporaryRedirect)
		},
		"a drip": func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.WriteString(w, "<"); err != nil {
				return
			}
			w.(counting).ResponseWriter.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, taken := hostile(t, answer)
			for op, do := range operations(s) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				before := taken.Load()
				err := do(ctx)
				if ctx.Err() != nil || taken.Load()-before > 400<<20 {
					t.Errorf("%s: %d bytes were taken, %v", op, taken.Load()-before, err)
				}
				if f := fault.From(err); err != nil && (f.Code == fault.Internal || f.Hint == "" || len(err.Error()) > 8<<10) {
					t.Errorf("%s: %d bytes of error, %.300v", op, len(err.Error()), err)
				}
				cancel()
			}
		})
	}
}

// dripping is the address of a service that answers every request with this and then, for ever, byte by byte, with that.
func dripping(t *testing.T, head, rest string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, err = io.WriteString(c, head)
		for i := 0; err == nil; i++ {
			time.Sleep(20 * time.Millisecond) // which is the fault
			_, err = c.Write([]byte{rest[i%len(rest)]})
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A service that sends a byte now and then, so that something always moves, fails every operation, in bounded time.
func TestDrippingService(t *testing.T) {
	for name, answer := range map[string][2]string{
		"headers":             {"HTTP/1.1 200 OK\r\n", "X: y\r\n"},
		"interim answers":     {"", "HTTP/1.1 103 Early Hints\r\n\r\n"},
		"a body":              {"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 1000000\r\n\r\n", " "},
		"a body of no length": {"HTTP/1.1 200 OK\r\nETag: \"x\"\r\n\r\n", " "},
		"an error":            {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1000000\r\n\r\n", " "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			var all sync.WaitGroup
			for op, do := range operations(at(t, dripping(t, answer[0], answer[1]), time.Second)) {
				all.Go(func() {
					err := do(ctx)
					if f := fault.From(err); ctx.Err() != nil || err != nil && (f.Code != fault.FileSystem || f.Hint == "") {
						t.Errorf("%s: %+v", op, f)
					}
					t.Logf("%s: %v", op, err)
				})
			}
			all.Wait()
		})
	}
}

// What too slow a connection fails with says so, and what to do.
func TestTooSlow(t *testing.T) {
	s := at(t, dripping(t, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 1000000\r\n\r\n", " "), 5*time.Second)
	r, _, err := s.Open(t.Context(), "files/x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if f := fault.From(err); !errors.Is(err, errTooSlow) || f.Reason != fault.Timeout || !f.Transient || !strings.Contains(f.Message, "too slow") || !strings.Contains(f.Hint, "network") {
		t.Errorf("after %d bytes: %+v", n, f)
	}
}

// What a list names that was not asked for is passed over.
func TestListOfOtherThings(t *testing.T) {
	s, _ := hostile(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<ListBucketResult><Contents><Key>manifests/a</Key></Contents><Contents><Key>files/b</Key></Contents><Contents><Key>/etc/passwd</Key></Contents></ListBucketResult>")
	})
	var keys []string
	for o, err := range s.List(t.Context(), storage.ListOptions{Prefix: "files/"}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	if len(keys) != 1 || keys[0] != "files/b" {
		t.Errorf("%q", keys)
	}
}

// A service with a certificate of a private authority is trusted by AWS_CA_BUNDLE for every request, those that may take long too.
func TestPrivateAuthority(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"x"`) }))
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"AWS_CA_BUNDLE": bundle, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"} {
		t.Setenv(name, value)
	}
	s, err := Open(t.Context(), Config{Bucket: "bucket", Endpoint: server.URL, MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, client := range map[string]*awss3.Client{"usual": s.client, "patient": s.patient} {
		if _, err := client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: &s.cfg.Bucket}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A service that breaks off and then sends other bytes than were asked for, or another object, is not read on; nor is one that sends
// a few bytes and breaks off for ever.
func TestOtherBytes(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789"), 20_000)
	part := func(w http.ResponseWriter, data []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
		_, _ = w.Write(data)
		w.(counting).ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"the beginning again": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"a"`)
			part(w, whole[:100_001])
		},
		"another range": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"a"`)
			if r.Header.Get("Range") != "" {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(whole)-1, len(whole)))
				w.WriteHeader(http.StatusPartialContent)
			}
			part(w, whole[:100_001])
		},
		"another object": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", fmt.Sprintf("%q", r.Header.Get("Range")))
			if rest, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %s/%d", rest, len(whole)))
				w.WriteHeader(http.StatusPartialContent)
			}
			part(w, whole[:100_001])
		},
		"two bytes each time": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"a"`)
			if rest, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %s/%d", rest, len(whole)))
				w.WriteHeader(http.StatusPartialContent)
			}
			from := 0
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			part(w, whole[from:from+2])
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, taken := hostile(t, answer)
			s.cfg.MaxAttempts = 3
			r, _, err := s.Open(t.Context(), "files/x", 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := io.ReadAll(r)
			if f := fault.From(err); err == nil || f.Code != fault.FileSystem || f.Hint == "" || !bytes.HasPrefix(whole, got) || taken.Load() > 1<<20 {
				t.Errorf("%d bytes were read and %d sent, %v", len(got), taken.Load(), err)
			}
			if name == "another object" != fault.HasReason(err, Changed) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A service that knows no If-Match, and replaces an object in place while a connection breaks: what is small is read again, whole.
func TestReplacedWhileRead(t *testing.T) {
	const after = "the new one, which is longer"
	reads := 0
	s, _ := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		reads++
		if reads == 1 {
			w.Header().Set("ETag", `"former"`)
			w.Header().Set("Content-Length", "20")
			_, _ = w.Write([]byte("half of"))
			w.(counting).ResponseWriter.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("ETag", fmt.Sprintf("\"%x\"", md5.Sum([]byte(after))))
		from := 0
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(after)-1, len(after)))
			w.Header().Set("Content-Length", fmt.Sprint(len(after)-from))
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write([]byte(after[from:]))
	})
	s.cfg.MaxAttempts = 3
	got, o, err := s.Get(t.Context(), "registry.json")
	if err != nil || string(got) != after || o.Size != int64(len(after)) || reads != 3 {
		t.Errorf("%q after %d reads, %+v, %v", got, reads, o, err)
	}
}
