package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"cofre/pkg/cloud"
)

// PresignPut implements storage.Linker. The size is signed, too: nobody can put anything larger there.
func (s *Store) PresignPut(ctx context.Context, key string, size int64, expires time.Duration) (storage.PresignedURL, error) {
	if err := s.check(key); err != nil {
		return storage.PresignedURL{}, err
	}
	req, err := s.presign.PresignPutObject(ctx, &awss3.PutObjectInput{Bucket: &s.cfg.Bucket, Key: aws.String(s.full(key)), ContentLength: &size}, awss3.WithPresignExpires(expires))
	if err != nil {
		return storage.PresignedURL{}, s.op("make a link to", key, "s3:PutObject").fault(err)
	}
	return storage.PresignedURL{URL: req.URL, ExpiresAt: time.Now().Add(expires).UTC(), Uncertain: true}, nil
}

// Links gives the link by which an object is read or written now; ok is false where there is none. It is called for each request, from any
// goroutine.
type Links func(method, key string) (link string, ok bool)

// LinkStore is a Store that has no credentials, but links to some objects of one: by them alone it reads (Get, Open) and writes (Put). All
// else looks as if it were not there, or is refused.
type LinkStore struct {
	*Store
	links Links
	http  *http.Client
}

// OpenLinks gives a store of links. Its bucket and prefix are for people, and for the keys that links are asked for.
func OpenLinks(ctx context.Context, c Config, links Links) (*LinkStore, error) {
	// Requests are made as for this endpoint, with these keys, and sent to where the links lead, with nothing of either.
	c.Endpoint, c.Region, c.Credentials = "https://links.invalid", "us-east-1", &Credentials{AccessKeyID: "none", SecretAccessKey: "none"}
	if err := c.complete(); err != nil {
		return nil, err
	}
	l := &LinkStore{links: links, http: linkClient(c)}
	c.send = l
	var err error
	if l.Store, err = Open(ctx, c); err != nil {
		return nil, err
	}
	l.Store.place = "s3://" + strings.TrimSuffix(c.Bucket+"/"+c.Prefix, "/") + ", by links"
	return l, nil
}

// linkClient speaks as the SDK's client does, and follows nobody to another place.
func linkClient(c Config) *http.Client {
	return cloud.Stay(awshttp.NewBuildableClient().WithTransportOptions(tune(c, c.ReadTimeout))).(*http.Client)
}

// Do implements aws.HTTPClient: it sends a request that the SDK has made by the link to its object.
func (l *LinkStore) Do(r *http.Request) (*http.Response, error) {
	refuse := func(status int, code string) (*http.Response, error) {
		body := "<Error><Code>" + code + "</Code></Error>"
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/xml"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
	key, ok := strings.CutPrefix(r.URL.Path, "/"+l.cfg.Bucket+"/"+under(l.cfg.Prefix))
	if r.Method != http.MethodGet || !ok || r.URL.Query().Has("list-type") {
		return refuse(http.StatusForbidden, "AccessDenied")
	}
	link, ok := l.links(r.Method, key)
	if !ok {
		return refuse(http.StatusNotFound, "NoSuchKey")
	}
	to, err := http.NewRequestWithContext(r.Context(), r.Method, link, nil)
	if err != nil {
		return nil, errLink
	}
	for _, name := range []string{"Range", "If-Match", "Accept-Encoding"} { // nothing else is signed
		if v := r.Header.Values(name); len(v) > 0 {
			to.Header[name] = v
		}
	}
	return noSecret(l.http.Do(to))
}

func under(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + "/"
}

// Put implements storage.Store for objects that there is a link for; it knows no conditions.
func (l *LinkStore) Put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	say := l.op("write", key, "s3:PutObject")
	link, ok := l.links(http.MethodPut, key)
	if !ok || o.Condition != (storage.Condition{}) {
		return storage.Object{}, say.told(errLink, row{fault.Permission, fault.AccessDenied, "there is no link to write it by", "Ask for the proof again.", false}, 0)
	}
	for try := 1; ; try++ {
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, link, bytes.NewReader(body))
		if err != nil {
			return storage.Object{}, say.fault(errLink)
		}
		answer, err := noSecret(l.http.Do(r))
		if err == nil {
			_, _ = io.CopyN(io.Discard, answer.Body, 64<<10)
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return storage.Object{Key: key, Size: int64(len(body)), ETag: answer.Header.Get("ETag")}, nil
			}
			err = fmt.Errorf("the service answered %d", answer.StatusCode)
		}
		if try == l.cfg.MaxAttempts || pause.For(ctx, backoff(try)) != nil {
			return storage.Object{}, say.fault(err)
		}
	}
}

// Fetch reads what is at a link whole, most bytes of it at most. The link is in no error: it is a secret.
func Fetch(ctx context.Context, link string, most int64) ([]byte, error) {
	c := Config{Bucket: "links"}
	if err := c.complete(); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, errLink
	}
	client := linkClient(c)
	defer client.CloseIdleConnections()
	answer, err := noSecret(client.Do(r))
	if err != nil {
		return nil, fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Look at the network of this machine.", "the link was not reached")
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fault.New(fault.Permission, fault.AccessDenied, "It may have ended. Ask for the proof again.", "the storage answered %d to the link", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Look at the network of this machine.", "what is at the link was not read")
	}
	return body, nil
}

var errLink = fmt.Errorf("the link is none")

// noSecret leaves the link out of what a client says of a request that failed.
func noSecret(answer *http.Response, err error) (*http.Response, error) {
	if u, ok := err.(*url.Error); ok {
		return answer, u.Err
	}
	return answer, err
}
