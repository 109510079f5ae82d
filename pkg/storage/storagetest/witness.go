package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"testing"

	"cofre/pkg/storage"
	"cofre/pkg/storage/local"
)

// LocalPlace is a directory whose name no bucket could have. Its witness reads the files themselves.
func LocalPlace(tb testing.TB) Place {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "My Backups (ö)")
	return Place{Store: OpenLocal(tb, local.Config{Directory: dir, Volatile: true}), Dir: dir}
}

// NewLocal opens a temporary directory. Its links work until the test ends.
func NewLocal(tb testing.TB) storage.Store {
	tb.Helper()
	return OpenLocal(tb, local.Config{Directory: tb.TempDir(), Volatile: true})
}

// OpenLocal opens a directory, as configured, with links that work until the test ends.
func OpenLocal(tb testing.TB, c local.Config) *local.Store {
	tb.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	tb.Cleanup(server.Close)
	c.LinkBase = server.URL + "/store"
	store, err := local.Open(c)
	if err != nil {
		tb.Fatalf("open %s: %v", c.Directory, err)
	}
	handler = http.StripPrefix("/store", store.Handler())
	return store
}

// small is the place's store with the smallest parts, where it has parts.
func (p Place) small(t *testing.T) storage.Store {
	if p.Dir != "" {
		return p.Store
	}
	return p.Through(t, p.Addr(), small)
}

// witnessed is what the witness reads.
func (p Place) witnessed(t *testing.T, key string) []byte {
	t.Helper()
	if p.Dir != "" {
		path := filepath.Join(p.Dir, filepath.FromSlash(key))
		fi, err := os.Stat(path)
		must(t, err)
		if fi.Mode() != 0o600 {
			t.Errorf("%s has mode %v", key, fi.Mode())
		}
		body, err := os.ReadFile(path)
		must(t, err)
		return body
	}
	r, err := p.Witness.GetObject(ctxFor(t), p.Bucket, p.Full(key), minioGet)
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

// description is what a local store keeps beside an object.
type description struct {
	Key      string
	Type     string `json:"content_type"`
	Metadata map[string]string
	Tags     map[string]string
}

func (p Place) described(t *testing.T, key string) (d description) {
	t.Helper()
	sum := sha256.Sum256([]byte(key))
	data, err := os.ReadFile(filepath.Join(p.Dir, ".cofre/meta", hex.EncodeToString(sum[:])+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return d
	}
	must(t, err)
	must(t, json.Unmarshal(data, &d))
	return d
}

// witnessedHead is the content type and the metadata that the witness sees, names as HTTP has them.
func (p Place) witnessedHead(t *testing.T, key string) (kind string, metadata map[string]string) {
	t.Helper()
	if p.Dir != "" {
		d := p.described(t, key)
		metadata = map[string]string{}
		for k, v := range d.Metadata {
			metadata[textproto.CanonicalMIMEHeaderKey(k)] = v
		}
		if kind = d.Type; kind == "" && filepath.Ext(key) == ".json" {
			kind = "application/json" // as every server of files says
		}
		return kind, metadata
	}
	info, err := p.Witness.StatObject(ctxFor(t), p.Bucket, p.Full(key), minioGet)
	must(t, err)
	return info.ContentType, info.UserMetadata
}

func (p Place) witnessedTags(t *testing.T, key string) map[string]string {
	t.Helper()
	if p.Dir != "" {
		return p.described(t, key).Tags
	}
	seen, err := p.Witness.GetObjectTagging(ctxFor(t), p.Bucket, p.Full(key), minioTags)
	must(t, err)
	return seen.ToMap()
}

// witnessWrites lets the witness store something.
func (p Place) witnessWrites(t *testing.T, key string, body []byte) {
	t.Helper()
	if p.Dir != "" {
		path := filepath.Join(p.Dir, filepath.FromSlash(key))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, body, 0o600))
		return
	}
	_, err := p.Witness.PutObject(context.Background(), p.Bucket, p.Full(key), bytes.NewReader(body), int64(len(body)), minioParts)
	must(t, err)
}
