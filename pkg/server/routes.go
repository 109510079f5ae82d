package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/metrics"
)

// routes puts the parts together.
func (s *Server) routes(apiHandler http.Handler, ui *files) http.Handler {
	scrape, store := s.Metrics.Handler(s.state), s.store()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.harden(w.Header())
		local := s.local(r)
		if s.BehindProxy {
			r = forwarded(r)
		}
		switch {
		case s.SignIn.Development != nil && !hostIsLocal(r):
			// A page of another site whose name was made to point here must not get at a server that trusts this machine.
			refused(w, http.StatusMisdirectedRequest, "in development mode cofre answers only to localhost and 127.0.0.1")
		case r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/"):
			apiHandler.ServeHTTP(w, r)
		case r.URL.Path == "/dev/token" && s.SignIn.Development != nil:
			s.SignIn.token(w, r, local)
		case strings.HasPrefix(r.URL.Path, linkPrefix):
			only(w, r, func() { store.ServeHTTP(w, r) })
		case r.URL.Path == "/healthz":
			only(w, r, func() { text(w, "ok\n") })
		case r.URL.Path == "/config.json":
			only(w, r, func() { s.SignIn.config(w) })
		case r.URL.Path == "/metrics":
			only(w, r, func() {
				if s.mayScrape(w, r, local) {
					scrape.ServeHTTP(w, r)
				}
			})
		default:
			only(w, r, func() { ui.serve(w, r) })
		}
	})
}

// harden sets what holds for every answer; the API sets stricter ones of its own.
func (s *Server) harden(h http.Header) {
	h.Set("Content-Security-Policy", s.sources.policy())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	if s.tls != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// only lets GET and HEAD through.
func only(w http.ResponseWriter, r *http.Request, answer func()) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refused(w, http.StatusMethodNotAllowed, "only GET and HEAD work here")
		return
	}
	answer()
}

func text(w http.ResponseWriter, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, s)
}

// refused answers with a problem document (RFC 9457), as the API does.
func refused(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail, "wordings": api.Wordings(detail, "")})
}

// local tells whether a request comes from this machine itself, without a proxy in between.
func (s *Server) local(r *http.Request) bool {
	for _, h := range []string{"X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && loopbackHost(host) && !s.BehindProxy
}

// hostIsLocal tells whether a request was sent to a name of this machine.
func hostIsLocal(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return loopbackHost(strings.Trim(host, "[]"))
}

// forwarded gives the request with the caller's address as the proxy in front names it: the last one in
// X-Forwarded-For, which that proxy has added itself. What stands before it, the caller may have made up.
func forwarded(r *http.Request) *http.Request {
	list := r.Header.Values("X-Forwarded-For")
	if len(list) == 0 {
		return r
	}
	all := strings.Split(list[len(list)-1], ",")
	last := strings.TrimSpace(all[len(all)-1])
	ip, err := netip.ParseAddr(last)
	if err != nil {
		port, perr := netip.ParseAddrPort(last)
		if perr != nil {
			return r
		}
		ip = port.Addr()
	}
	c := r.Clone(r.Context())
	c.RemoteAddr = netip.AddrPortFrom(ip.WithZone(""), 0).String()
	return c
}

// mayScrape tells whether somebody may see the metrics, and answers when not.
func (s *Server) mayScrape(w http.ResponseWriter, r *http.Request, local bool) bool {
	if s.MetricsToken == "" {
		if local && hostIsLocal(r) {
			return true
		}
		refused(w, http.StatusForbidden, "metrics are shown to this machine only; --metrics-token FILE lets others in")
		return false
	}
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(s.MetricsToken))
	if bearer && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="cofre metrics"`)
	refused(w, http.StatusUnauthorized, "the metrics token is missing or wrong")
	return false
}

// state reads the registry once for a scrape.
func (s *Server) state(ctx context.Context) ([]metrics.Sample, error) {
	o, err := s.Service.Overview(ctx, nil)
	if err != nil {
		s.Log.Warn("the records could not be read for the metrics", "error", err.Error())
		return nil, err
	}
	return metrics.State(o, s.Service.Limits.MaxTotalBytes), nil
}

// counted counts the API's requests.
func (s *Server) counted(next http.Handler) http.Handler {
	doc, err := contract.Load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		c := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(c, r)
		operation := "unknown" // paths of strangers are no labels
		if err == nil {
			if op, _, _ := doc.Find(r.Method, r.URL.Path); op != nil {
				operation = op.ID
			}
		}
		s.Metrics.Add(metrics.Requests.Of(1, operation, strconv.Itoa(c.status)), metrics.RequestDuration.Of(time.Since(began).Seconds(), operation))
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
