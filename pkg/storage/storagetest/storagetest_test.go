package storagetest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == flag.Lookup("test.parallel").DefValue {
		_ = flag.Set("test.parallel", "12") // most tests wait for timeouts, not for the processor
	}
	os.Exit(testenv.Runner{M: m, OnDisk: true}.Run())
}

func TestLocal(t *testing.T) {
	t.Parallel()
	RunContract(t, LocalPlace)
}

func TestVersitygw(t *testing.T) {
	t.Parallel()
	Run(t, VersitygwPlace)
}

func TestMinIO(t *testing.T) {
	t.Parallel()
	Run(t, MinIOPlace)
}

// The storage dies in the middle of an upload and comes back.
func TestServerComesBack(t *testing.T) {
	t.Parallel()
	server := testenv.NewMinIO(t)
	store, err := s3.Open(context.Background(), s3.Config{Bucket: server.NewBucket(t), Endpoint: server.Endpoint, PartSize: 5 * mib,
		Credentials: &s3.Credentials{AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey}})
	must(t, err)
	body := data(30, 40*mib)
	ctx := ctxFor(t)
	killed := false
	u, err := store.StartUpload(ctx, "files/x", storage.UploadOptions{})
	must(t, err)
	source := bytes.NewReader(body)
	r := readerFunc(func(p []byte) (int, error) {
		if source.Len() < len(body)/2 && !killed {
			killed = true
			server.Kill()
			time.AfterFunc(time.Second, func() { server.Start(t) })
		}
		return source.Read(p[:min(len(p), mib)])
	})
	_, err = u.Write(ctx, r)
	must(t, err)
	_, err = u.Complete(ctx)
	must(t, err)
	got, _, err := store.Get(ctx, "files/x")
	must(t, err)
	if !bytes.Equal(got, body) {
		t.Error("the object is not what was sent")
	}
}

// Credentials of a session that may only read: real refusals, named with the missing permission.
func TestReadOnlySession(t *testing.T) {
	t.Parallel()
	ctx := ctxFor(t)
	p := MinIOPlace(t)
	_, err := p.Store.Put(ctx, "x", []byte("x"), storage.PutOptions{})
	must(t, err)
	session := func(policy string, change ...func(*s3.Config)) *s3.Store {
		c := p.config.Credentials
		sts, err := credentials.NewSTSAssumeRole(p.endpoint, credentials.STSAssumeRoleOptions{
			AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, DurationSeconds: 3600, Policy: policy, Location: testenv.Region})
		must(t, err)
		v, err := sts.GetWithContext(nil)
		must(t, err)
		return p.Through(t, p.Addr(), append(change, func(c *s3.Config) {
			c.Credentials = &s3.Credentials{AccessKeyID: v.AccessKeyID, SecretAccessKey: v.SecretAccessKey, SessionToken: v.SessionToken, Expires: v.Expiration}
		})...)
	}
	// Nobody is told what the service can do: who may not try it out writes all the same.
	s := session(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::`+p.Bucket+`/*"]}]}`, unknown)
	_, _, err = s.Get(ctx, "x")
	must(t, err)
	link, err := s.Presign(ctx, "x", storage.PresignOptions{Expires: 24 * time.Hour})
	must(t, err)
	if time.Until(link.ExpiresAt) > time.Hour {
		t.Errorf("the link outlives its session: %s", link.ExpiresAt)
	}
	if status, _, _ := fetch(t, link.URL); status != 200 {
		t.Errorf("link of a session gives %d", status)
	}
	for permission, f := range map[string]func() error{
		"s3:PutObject on arn:aws:s3:::" + p.Bucket + "/some/where/*": func() error { _, err := s.Put(ctx, "y", nil, storage.PutOptions{}); return err },
		"s3:PutObject on":        func() error { _, err := s.StartUpload(ctx, "y", storage.UploadOptions{}); return err },
		"s3:DeleteObject on":     func() error { return s.Delete(ctx, "x") },
		"s3:PutObjectTagging on": func() error { return s.SetTags(ctx, "x", map[string]string{"a": "b"}) },
		"s3:ListBucket on arn:aws:s3:::" + p.Bucket + " ": func() error {
			for _, err := range s.List(ctx, storage.ListOptions{}) {
				return err
			}
			return nil
		},
	} {
		err := f()
		wantReason(t, err, fault.Permission, fault.AccessDenied)
		if hint := fault.From(err).Hint; !strings.Contains(hint, permission) {
			t.Errorf("hint %q does not name %q", hint, permission)
		}
	}
	_, err = s.Probe(ctx)
	wantReason(t, err, fault.Permission, fault.AccessDenied)
	// Writing without reading back is enough for a backup.
	s = session(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::`+p.Bucket+`/*"]}]}`, unknown)
	o := upload(t, s, "files/blind", []byte("blind"), storage.UploadOptions{})
	if o.Size != 5 {
		t.Errorf("%+v", o)
	}
	wantObject(t, p, "files/blind", []byte("blind"))
}

func TestWrongCredentialsAndBucket(t *testing.T) {
	t.Parallel()
	ctx := ctxFor(t)
	p := MinIOPlace(t)
	for reason, change := range map[fault.Reason]func(*s3.Config){
		fault.CredentialsWrong: func(c *s3.Config) {
			c.Credentials = &s3.Credentials{AccessKeyID: c.Credentials.AccessKeyID, SecretAccessKey: "wrong-secret"}
		},
		fault.BucketMissing: func(c *s3.Config) { c.Bucket = "no-such-bucket" },
	} {
		s := p.Through(t, p.Addr(), change, unknown)
		_, perr := s.Probe(ctx)
		_, werr := s.Put(ctx, "x", nil, storage.PutOptions{})
		for _, err := range []error{perr, werr} {
			if f := fault.From(err); err == nil || f.Reason != reason || strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("want %s: %v", reason, err)
			}
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFaulty(t *testing.T) {
	t.Parallel()
	ctx := ctxFor(t)
	store := NewLocal(t)
	lost := errors.New("answer lost")
	s := Faulty(store, func(op, key string) error {
		switch op + " " + key {
		case "before put refused":
			return lost
		case "after put written":
			return lost
		}
		return nil
	})
	for key, want := range map[string]bool{"refused": false, "written": true} {
		if _, err := s.Put(ctx, key, nil, absent); !errors.Is(err, lost) {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := store.Head(ctx, key); storage.IsNotFound(err) == want {
			t.Errorf("%s: there is %v", key, err)
		}
	}
	steps := func(s storage.Store) (err error) {
		u, err := s.StartUpload(ctx, "x", storage.UploadOptions{})
		if err != nil {
			return err
		}
		defer func() {
			if err != nil {
				_ = u.Abort(ctx)
			}
		}()
		if _, err = u.Write(ctx, strings.NewReader("x")); err != nil {
			return err
		}
		_, err = u.Complete(ctx)
		return err
	}
	hook, calls := DieAt(0)
	must(t, steps(Faulty(store, hook)))
	must(t, store.Delete(ctx, "x"))
	for n := 1; n <= calls(); n++ {
		hook, _ := DieAt(n)
		s := Faulty(store, hook)
		if err := steps(s); !errors.Is(err, ErrDied) {
			t.Errorf("death %d: %v", n, err)
		}
		if _, err := s.Head(ctx, "x"); !errors.Is(err, ErrDied) {
			t.Errorf("life after death %d: %v", n, err)
		}
		left, err := store.PendingUploads(ctx, "x")
		must(t, err)
		if want := n >= 2 && n <= 5; (len(left) == 1) != want {
			t.Errorf("death %d leaves %d uploads", n, len(left))
		}
		for _, u := range left {
			must(t, store.AbortUpload(ctx, "x", u.UploadID))
		}
		must(t, store.Delete(ctx, "x"))
	}
}

// Whoever else writes to a bucket may give an object a name that no listing could say in XML: nothing of ours is hidden by that.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) Place{"MinIO": MinIOPlace, "versitygw": VersitygwPlace} {
		p, ctx := open(t), ctxFor(t)
		ours := []string{"files/a+b%20c.dump", "files/ação & <x>.dump", "files/plain"}
		for _, key := range ours {
			_, err := p.Store.Put(ctx, key, []byte("x"), storage.PutOptions{})
			must(t, err)
		}
		for _, key := range []string{"files/bell\a", "files/\x1b[31m", "files/plain\x02"} {
			if _, err := p.Witness.PutObject(ctx, p.Bucket, p.Full(key), strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
				t.Logf("%s takes no such name: %v", name, err)
				continue
			}
			core := minio.Core{Client: p.Witness}
			if _, err := core.NewMultipartUpload(ctx, p.Bucket, p.Full(key), minio.PutObjectOptions{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		u, err := p.Store.StartUpload(ctx, "files/plain", storage.UploadOptions{})
		must(t, err)
		got := keysOf(t, p.Store, storage.ListOptions{Prefix: "files/"})
		got = slices.DeleteFunc(got, func(key string) bool { return strings.ContainsRune(key, '\uFFFD') }) // so versitygw names what it cannot say
		if !slices.Equal(got, ours) {
			t.Errorf("%s lists %q", name, got)
		}
		if pending, err := p.Store.PendingUploads(ctx, "files/plain"); err != nil || len(pending) != 1 {
			t.Errorf("%s: unfinished uploads: %+v, %v", name, pending, err)
		}
		must(t, u.Abort(ctx))
	}
}
