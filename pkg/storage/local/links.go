package local

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// A link is LinkBase/<key>?expires=<Unix time>&name=<file name>&type=<content type>&signature=<HMAC-SHA-256 in hex>. The
// signature is over all of these, by the key in .cofre/link-key, which every process that serves the directory reads.
// Removing that file ends all links.

// maxExpiry is the longest life of a link, as with S3.
const maxExpiry = 7 * 24 * time.Hour

// maxQuery bounds what is read of a link, in bytes.
const maxQuery = 8 << 10

// linkKeySize is how many bytes a key has.
const linkKeySize = 32

// link is what a signature is over.
type link struct {
	key     string
	expires int64
	name    string
	kind    string
}

// signature needs fields without line breaks, which storage.CheckText has made sure of.
func (l link) signature(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	for _, f := range []string{"cofre link 1", l.key, strconv.FormatInt(l.expires, 10), l.name, l.kind} {
		h.Write([]byte(f + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Presign implements storage.Store.
func (s *Store) Presign(ctx context.Context, key string, o storage.PresignOptions) (storage.PresignedURL, error) {
	if err := storage.CheckKey(key); err != nil {
		return storage.PresignedURL{}, err
	}
	if o.Expires < time.Second || o.Expires > maxExpiry {
		return storage.PresignedURL{}, fault.New(fault.Validation, fault.InvalidInput, "Choose 1 second to 7 days.", "invalid link lifetime %s", o.Expires)
	}
	if s.linkBase == "" {
		return storage.PresignedURL{}, fault.New(fault.Validation, storage.Unsupported,
			"Use what listens for as long as a link lives (cofre url), or fetch the file (cofre download).", "%s is reachable by nobody else, so there are no links to it", s.root)
	}
	if err := storage.CheckText(o.Filename + o.ContentType); err != nil {
		return storage.PresignedURL{}, err
	}
	secret, err := s.linkKey()
	if errors.Is(err, fs.ErrNotExist) {
		secret, err = s.newLinkKey(ctx)
	}
	if err != nil {
		return storage.PresignedURL{}, s.op("make a link to", key).fault(err)
	}
	until := time.Now().Add(o.Expires).Truncate(time.Second)
	l := link{key, until.Unix(), o.Filename, o.ContentType}
	q := url.Values{"expires": {strconv.FormatInt(l.expires, 10)}, "signature": {l.signature(secret)}}
	if l.name != "" {
		q.Set("name", l.name)
	}
	if l.kind != "" {
		q.Set("type", l.kind)
	}
	path := (&url.URL{Path: "/" + key}).EscapedPath()
	return storage.PresignedURL{URL: strings.TrimSuffix(s.linkBase, "/") + path + "?" + q.Encode(), ExpiresAt: until.UTC()}, nil
}

// linkKey reads the key.
func (s *Store) linkKey() ([]byte, error) {
	text, err := s.readOwn(keyFile, 2*linkKeySize+2)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	secret, herr := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || herr != nil || len(secret) != linkKeySize {
		return nil, fault.Wrap(errors.Join(err, herr), fault.FileSystem, fault.StorageFailed, "Remove it; cofre makes a new one, and links made before end.",
			"the key for links in %s cannot be read", s.own(keyFile))
	}
	return secret, nil
}

// newLinkKey makes a key, or takes that of whoever was faster.
func (s *Store) newLinkKey(ctx context.Context) ([]byte, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	tmp, _, err := s.stage([]byte(random() + random() + "\n"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp)
	dir, err := s.ownDir(ownFolder)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if err := s.link(tmp, dir, path.Base(keyFile)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := s.syncDir(dir); err != nil {
		return nil, err
	}
	return s.linkKey()
}

// Handler serves links; the request's path is the key with a slash in front of it. Whoever has no link gets nothing.
func (s *Store) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "links are for downloading only", http.StatusMethodNotAllowed)
			return
		}
		l, ok := s.accepted(r)
		if !ok {
			http.Error(w, "the link has expired, or was not made here", http.StatusForbidden)
			return
		}
		s.serve(w, r, l)
	})
}

// accepted checks a link's signature and expiry.
func (s *Store) accepted(r *http.Request) (link, bool) {
	if len(r.URL.RawQuery) > maxQuery {
		return link{}, false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return link{}, false
	}
	l := link{key: strings.TrimPrefix(r.URL.Path, "/"), name: q.Get("name"), kind: q.Get("type")}
	if l.expires, err = strconv.ParseInt(q.Get("expires"), 10, 64); err != nil {
		return link{}, false
	}
	if storage.CheckKey(l.key) != nil || storage.CheckText(l.name+l.kind) != nil {
		return link{}, false
	}
	secret, err := s.linkKey()
	if err != nil {
		return link{}, false
	}
	same := hmac.Equal([]byte(q.Get("signature")), []byte(l.signature(secret)))
	return l, same && time.Now().Unix() < l.expires
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request, l link) {
	f, fi, err := s.openObject(l.key)
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "it was deleted", http.StatusNotFound)
		return
	}
	if err != nil {
		s.log.Warn("download failed", "error", err.Error())
		http.Error(w, "it cannot be read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	o, c := s.describe(l.key, f, fi)
	h := w.Header()
	h.Set("Content-Type", typeOf(l.key, c))
	if _, _, err := mime.ParseMediaType(l.kind); err == nil {
		h.Set("Content-Type", l.kind)
	}
	if l.name != "" {
		h.Set("Content-Disposition", storage.Disposition(l.name))
	}
	if o.ETag != "" {
		h.Set("ETag", o.ETag)
	}
	http.ServeContent(w, r, "", fi.ModTime(), f)
}
