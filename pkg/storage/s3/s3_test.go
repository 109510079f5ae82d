package s3

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/smithy-go"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]Config{
		"s3://backups":              {Bucket: "backups"},
		"s3://backups/":             {Bucket: "backups"},
		"s3://backups/a/b":          {Bucket: "backups", Prefix: "a/b"},
		"s3://backups/a/b/":         {Bucket: "backups", Prefix: "a/b"},
		"s3://Old_Bucket.1/ação x":  {Bucket: "Old_Bucket.1", Prefix: "ação x"},
		"s3://a23":                  {Bucket: "a23"},
		"s3://my.bucket-1/.hidden/": {Bucket: "my.bucket-1", Prefix: ".hidden"},
	} {
		got, err := ParseURL(raw)
		if err != nil || got.Bucket != want.Bucket || got.Prefix != want.Prefix {
			t.Errorf("%s: %q %q %v", raw, got.Bucket, got.Prefix, err)
		}
	}
	for _, raw := range []string{"", "s3:", "s3://", "s3:///x", "s3://ab", "/srv/backups", "https://x/y", "S3://backups", "s3://backups//x", "s3://backups/../x",
		"s3://backups/x?a=b", "s3://key:secret@backups", "s3://back ups", "s3://-backups", "s3://a..b", "s3://backups/x\n", "s3://" + strings.Repeat("b", 64)} {
		_, err := ParseURL(raw)
		if f := fault.From(err); err == nil || f.Code != fault.Validation || f.Hint == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"s3://bucket/prefix", "s3://b/../..", "s3://bucket/%2e%2e/x", "s3://bucket/a/./b", "s3://\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := ParseURL(raw)
		if err != nil {
			if !fault.HasCode(err, fault.Validation) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		if c.Prefix != "" && path.Clean("/"+c.Prefix) != "/"+c.Prefix {
			t.Errorf("%q: prefix %q leaves the bucket", raw, c.Prefix)
		}
		again, err := ParseURL("s3://" + c.Bucket + "/" + c.Prefix)
		if err != nil || again.Bucket != c.Bucket || again.Prefix != c.Prefix {
			t.Errorf("%q: %q %q is read back as %q %q, %v", raw, c.Bucket, c.Prefix, again.Bucket, again.Prefix, err)
		}
	})
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"files/x.dump", "../x", "a//b", "/etc/passwd", "a/..", "\u0085", ".sgwtmp/x", "a/.sgwtmp", strings.Repeat("x", 256)} {
		f.Add(s)
	}
	s := &Store{cfg: Config{Bucket: "bucket", Prefix: "pre/fix"}}
	f.Fuzz(func(t *testing.T, key string) {
		if err := s.check(key); err != nil {
			if !fault.HasCode(err, fault.Validation) {
				t.Errorf("%q: %v", key, err)
			}
			return
		}
		full := s.full(key)
		if path.Clean("/"+full) != "/"+full || !strings.HasPrefix(full, "pre/fix/") || len(full) > 1024 || !utf8.ValidString(full) {
			t.Errorf("%q becomes %q", key, full)
		}
		if back, ok := s.relative(full); !ok || back != key {
			t.Errorf("%q comes back as %q", key, back)
		}
	})
}

func TestDisposition(t *testing.T) {
	for _, name := range []string{"backup.dump", "a b.sql.gz", `quo"te\.dump`, "ação.dump", "バックアップ.sql", "100%.dump", "a;b.dump", "a/b.dump"} {
		header := storage.Disposition(name)
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" || params["filename"] != name {
			t.Errorf("%q: %s is read as %q, %v", name, header, params["filename"], err)
		}
		for _, r := range header {
			if r > '~' || r < ' ' {
				t.Errorf("%q: %q is not ASCII", name, header)
			}
		}
	}
}

func open(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"no bucket":      {},
		"bad prefix":     {Bucket: "bucket", Prefix: "a/../b"},
		"bad endpoint":   {Bucket: "bucket", Endpoint: "localhost:9000"},
		"user in it":     {Bucket: "bucket", Endpoint: "http://me:secret@localhost"},
		"small parts":    {Bucket: "bucket", PartSize: 1000},
		"negative parts": {Bucket: "bucket", MaxParts: -1},
	} {
		_, err := Open(context.Background(), c)
		if f := fault.From(err); err == nil || f.Code != fault.Validation || f.Hint == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// isolate keeps the SDK away from this machine's own settings.
func isolate(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestEnvironment(t *testing.T) {
	isolate(t)
	if _, err := Open(context.Background(), Config{Bucket: "bucket"}); fault.From(err).Code != fault.Validation || !strings.Contains(fault.From(err).Hint, "AWS_REGION") {
		t.Errorf("no region: %v", err)
	}
	t.Setenv("AWS_REGION", "sa-east-1")
	s := open(t, Config{Bucket: "bucket", Prefix: "p", MaxAttempts: 1})
	if s.client.Options().UsePathStyle || !s.unsignedParts || s.Describe() != "s3://bucket/p" {
		t.Errorf("Amazon: path style %t, unsigned %t, %s", s.client.Options().UsePathStyle, s.unsignedParts, s.Describe())
	}
	_, _, err := s.Get(context.Background(), "x")
	if f := fault.From(err); f.Code != fault.Permission || f.Reason != fault.CredentialsMissing || !strings.Contains(f.Hint, "AWS_ACCESS_KEY_ID") {
		t.Errorf("no credentials: %v", err)
	}
	if _, err := s.Presign(context.Background(), "x", storage.PresignOptions{Expires: time.Hour}); !fault.HasReason(err, fault.CredentialsMissing) {
		t.Errorf("link without credentials: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://storage.example:9000")
	s = open(t, Config{Bucket: "bucket"})
	if !s.client.Options().UsePathStyle || s.unsignedParts || s.Describe() != "s3://bucket at storage.example:9000" {
		t.Errorf("other service: path style %t, unsigned %t, %s", s.client.Options().UsePathStyle, s.unsignedParts, s.Describe())
	}
}

func TestProtectedWay(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"https://storage.example": true, "http://localhost:9000": true, "http://127.0.0.1:9000": true, "http://[::1]:9000": true,
		"http://storage.example": false, "http://192.168.1.2:9000": false, "http://localhost.example": false,
	} {
		if got := protectedWay(&endpoint); got != want {
			t.Errorf("%s: %t", endpoint, got)
		}
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for endpoint, reason := range map[string]fault.Reason{
		"http://" + l.Addr().String():  fault.StorageUnreachable,
		"http://no-such-host.invalid":  fault.StorageUnreachable,
		"https://" + l.Addr().String(): fault.StorageUnreachable,
	} {
		s := open(t, Config{Bucket: "bucket", Endpoint: endpoint, MaxAttempts: 1, Credentials: &Credentials{AccessKeyID: "a", SecretAccessKey: "topsecret"}})
		_, err := s.Head(context.Background(), "x")
		if f := fault.From(err); f.Code != fault.FileSystem || f.Reason != reason || f.Hint == "" || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %s/%s %v", endpoint, f.Code, f.Reason, err)
		}
	}
}

func TestSessionEndsBeforeLink(t *testing.T) {
	expires := time.Now().Add(10 * time.Minute)
	c := Config{Bucket: "bucket", Endpoint: "https://storage.example", Credentials: &Credentials{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c", Expires: expires}}
	link, err := open(t, c).Presign(context.Background(), "x", storage.PresignOptions{Expires: time.Hour})
	if err != nil || link.ExpiresAt.After(expires) || expires.Sub(link.ExpiresAt) > time.Second {
		t.Errorf("link until %s, session until %s, %v", link.ExpiresAt, expires, err)
	}
	// A session that does not say when it ends: no more is promised than is sure.
	c.Credentials.Expires = time.Time{}
	if link, err := open(t, c).Presign(context.Background(), "x", storage.PresignOptions{Expires: 12 * time.Hour}); err != nil || time.Until(link.ExpiresAt) > time.Hour {
		t.Errorf("link until %s, %v", link.ExpiresAt, err)
	}
	c.Credentials.Expires = time.Now().Add(-time.Minute)
	if _, err := open(t, c).Presign(context.Background(), "x", storage.PresignOptions{Expires: time.Hour}); !fault.HasReason(err, fault.CredentialsExpired) {
		t.Errorf("link of an ended session: %v", err)
	}
}

func TestGrants(t *testing.T) {
	s := open(t, Config{Bucket: "bucket", Prefix: "a/b", Endpoint: "https://storage.example", Credentials: &Credentials{AccessKeyID: "a", SecretAccessKey: "b"}})
	err := s.op("write", "x", "s3:PutObject").fault(&smithy.GenericAPIError{Code: "AccessDenied", Message: "no"})
	if f := fault.From(err); f.Reason != fault.AccessDenied || !strings.Contains(f.Hint, "s3:PutObject on arn:aws:s3:::bucket/a/b/*") || !strings.Contains(f.Message, "s3://bucket/a/b/x") {
		t.Errorf("%q, %q", f.Message, f.Hint)
	}
	err = s.op("list", "", "s3:ListBucket").fault(&smithy.GenericAPIError{Code: "AccessDenied"})
	if f := fault.From(err); !strings.Contains(f.Hint, "s3:ListBucket on arn:aws:s3:::bucket ") {
		t.Errorf("%q", f.Hint)
	}
	if err := s.op("write", "x").fault(context.Canceled); fault.From(err).Code != fault.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What lies in an archive is brought back by a command that can be copied, whatever the object is called.
func TestArchived(t *testing.T) {
	s := open(t, Config{Bucket: "bucket", Prefix: "a/b", Endpoint: "https://storage.example", Credentials: &Credentials{AccessKeyID: "a", SecretAccessKey: "b"}})
	for key, want := range map[string]string{"files/x.dump": "--bucket bucket --key a/b/files/x.dump --restore-request", "files/it's $(id).dump": `--key 'a/b/files/it'\''s $(id).dump' --restore-request`} {
		f := fault.From(s.op("read", key).fault(&smithy.GenericAPIError{Code: "InvalidObjectState", Message: "m"}))
		if f.Reason != storage.Archived || !strings.Contains(f.Hint, want) {
			t.Errorf("%q", f.Hint)
		}
	}
}

// Every code in the table makes a complete fault.
func TestTable(t *testing.T) {
	s := open(t, Config{Bucket: "bucket", Endpoint: "https://storage.example", Credentials: &Credentials{AccessKeyID: "a", SecretAccessKey: "b"}})
	for code := range byCode {
		f := fault.From(s.op("write", "x", "s3:PutObject").fault(&smithy.GenericAPIError{Code: code, Message: "m"}))
		if f.Code == "" || f.Reason == "" || f.Hint == "" || strings.Contains(f.Hint, "%") || !strings.Contains(f.Message, "s3://bucket/x") {
			t.Errorf("%s: %+v", code, f)
		}
	}
}

// What a service does not know is not tried again, neither the request nor the dump.
func TestUnknownIsNotTransient(t *testing.T) {
	if r, ok := byStatus(http.StatusNotImplemented); !ok || r.transient || r.reason != storage.Unsupported {
		t.Errorf("501 is %+v", r)
	}
	for _, code := range []string{"NotImplemented", "NotSupported", "UnsupportedOperation", "MethodNotAllowed"} {
		if r := byCode[code]; r.transient || r.reason == "" {
			t.Errorf("%s is %+v", code, r)
		}
	}
}

func TestFill(t *testing.T) {
	for name, c := range map[string]struct {
		r   io.Reader
		n   int
		end bool
		err error
	}{
		"exact":      {strings.NewReader("0123"), 4, false, nil},
		"more":       {strings.NewReader("012345"), 4, false, nil},
		"less":       {strings.NewReader("012"), 3, true, nil},
		"nothing":    {strings.NewReader(""), 0, true, nil},
		"unexpected": {io.MultiReader(strings.NewReader("01"), failing{io.ErrUnexpectedEOF}), 2, false, io.ErrUnexpectedEOF},
		"stuck":      {failing{nil}, 0, false, io.ErrNoProgress},
	} {
		n, end, err := storage.Fill(c.r, make([]byte, 4))
		if n != c.n || end != c.end || err != c.err {
			t.Errorf("%s: %d, %t, %v", name, n, end, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
