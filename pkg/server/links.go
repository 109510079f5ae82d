package server

import (
	"net/http"
	"strings"
	"time"
)

// linkPrefix is where downloads from a local directory are reached, by signed links alone.
const linkPrefix = "/store/"

// LinkBase is for stores whose links nobody else serves.
const LinkBase = "http://localhost/store"

// Link makes a link to a local directory one to this server: whoever downloads may be anywhere. Links to other stores stay as
// they are.
func (s *Server) Link(r *http.Request, link string) string {
	rest, ours := strings.CutPrefix(link, s.LinkBase+"/")
	if s.Links == nil || !ours {
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

// store serves downloads from a local directory.
func (s *Server) store() http.Handler {
	if s.Links == nil {
		return http.NotFoundHandler()
	}
	links := http.StripPrefix(strings.TrimSuffix(linkPrefix, "/"), s.Links)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longest)); err != nil {
			s.Log.Warn("a download may be cut off", "error", err.Error())
		}
		links.ServeHTTP(w, r)
	})
}
