package server

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// linkPrefix is where the store of a local directory is reached through this server, by presigned links alone.
const linkPrefix = "/store/"

// Link makes a presigned link to the store of a local directory one to this server: the store listens on loopback only, and
// whoever downloads may be anywhere. Links to other stores stay as they are.
func (s *Server) Link(r *http.Request, link string) string {
	rest, ours := strings.CutPrefix(link, s.StoreURL+"/")
	if s.StoreURL == "" || !ours {
		return link
	}
	scheme := "http"
	if s.tls != nil || s.BehindProxy {
		scheme = "https"
	}
	return scheme + "://" + r.Host + linkPrefix + rest
}

// longest is how long a download may take: as long as the longest link lives.
const longest = 12 * time.Hour

// store hands downloads on to the store of a local directory. The store checks the signature, which holds for its own
// address; nothing of the caller's goes along but the range asked for.
func (s *Server) store() http.Handler {
	origin, err := url.Parse(s.StoreURL)
	if err != nil || s.StoreURL == "" {
		return http.NotFoundHandler()
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			kept := p.In.Header
			p.Out.Header = http.Header{}
			for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
				if v := kept.Get(name); v != "" {
					p.Out.Header.Set(name, v)
				}
			}
			// Put together and not parsed again: a path such as //host/ would be read as the address of another server.
			path, raw := "/"+strings.TrimPrefix(p.In.URL.Path, linkPrefix), "/"+strings.TrimPrefix(p.In.URL.EscapedPath(), linkPrefix)
			p.Out.URL = &url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: path, RawPath: raw, RawQuery: p.In.URL.RawQuery}
			p.Out.Host = origin.Host
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Server")
			r.Header.Del("Access-Control-Allow-Origin")
			r.Header.Set("Cache-Control", "no-store")
			return nil
		},
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			s.Log.Warn("download failed", "error", err.Error())
			refused(w, http.StatusBadGateway, "the store does not answer")
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("X-Amz-Signature") {
			refused(w, http.StatusForbidden, "only presigned links work here")
			return
		}
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longest)); err != nil {
			s.Log.Warn("a download may be cut off", "error", err.Error())
		}
		proxy.ServeHTTP(w, r)
	})
}
