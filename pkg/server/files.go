package server

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// files are the web UI's, read whole at start: they are few and small, and the program holds them anyway.
type files struct {
	byPath map[string]file
}

// file is one of them.
type file struct {
	data, zipped []byte // zipped is nil when that would not help
	kind         string
	tag          string // the ETag's inside
	immutable    bool   // its name changes with its content
}

// kinds are the media types by extension. What is not here is not served: a browser should never have to guess.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
	".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
}

// packed are the extensions of files that are compressed already.
var packed = map[string]bool{".png": true, ".ico": true, ".woff2": true}

// hashed is the folder whose names change with their content; Vite makes it.
const hashed = "assets/"

// newFiles reads the web UI; nil is none.
func newFiles(ui fs.FS) (*files, error) {
	f := &files{byPath: map[string]file{}}
	if ui == nil {
		return f, nil
	}
	err := fs.WalkDir(ui, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || kinds[path.Ext(name)] == "" {
			return err
		}
		data, err := fs.ReadFile(ui, name)
		if err != nil {
			return err
		}
		return f.add(name, data)
	})
	if err != nil {
		return nil, err
	}
	if _, ok := f.byPath["/index.html"]; !ok {
		return nil, fmt.Errorf("there is no index.html")
	}
	return f, nil
}

func (f *files) add(name string, data []byte) error {
	sum := sha256.Sum256(data)
	ext := path.Ext(name)
	entry := file{data: data, kind: kinds[ext], tag: hex.EncodeToString(sum[:8]), immutable: strings.HasPrefix(name, hashed)}
	if !packed[ext] {
		var buf bytes.Buffer
		w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
		if err != nil {
			return err
		}
		w.Write(data) // into memory, which does not fail
		if err := w.Close(); err != nil {
			return err
		}
		if buf.Len() < len(data) {
			entry.zipped = buf.Bytes()
		}
	}
	f.byPath["/"+name] = entry
	return nil
}

// serve answers with a file. The UI's own routes stand behind the #, so that / is the only page.
func (f *files) serve(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	found, ok := f.byPath[name]
	if !ok {
		refused(w, http.StatusNotFound, "there is no such file")
		return
	}
	h := w.Header()
	h.Set("Content-Type", found.kind)
	h.Set("Cache-Control", "no-cache") // ask again each time; the answer is 304 when nothing changed
	if found.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	data, tag := found.data, found.tag
	if found.zipped != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			data, tag = found.zipped, tag+"-gz"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3). A weight of nothing but zeros is a no.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, weighted := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return !weighted || strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") != ""
		}
	}
	return false
}
