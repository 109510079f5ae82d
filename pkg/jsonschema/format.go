package jsonschema

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"cofre/pkg/lazyregexp"
)

// formats are what a format asks of a string. int64 and double say how a program should hold a number.
var formats = map[string]func(string) bool{
	"date-time":     isDateTime,
	"uri":           func(s string) bool { u := parseURI(s); return u != nil && u.IsAbs() },
	"uri-reference": func(s string) bool { return !strings.Contains(s, `\`) && parseURI(s) != nil },
	"int64":         func(string) bool { return true },
	"double":        func(string) bool { return true },
}

// dateTime is the form of RFC 3339, which time.Parse does not insist on.
var dateTime = lazyregexp.New(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// isDateTime reports whether it is a time by RFC 3339, whose letters may be small, and which has leap seconds.
func isDateTime(s string) bool {
	s = strings.ToUpper(s)
	if !dateTime().MatchString(s) {
		return false
	}
	leap := s[17:19] == "60"
	if leap {
		s = s[:17] + "59" + s[19:]
	}
	at, err := time.Parse(time.RFC3339, s)
	return err == nil && (!leap || at.UTC().Hour() == 23 && at.UTC().Minute() == 59)
}

func parseURI(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		return nil
	}
	if host := u.Hostname(); strings.Contains(host, ":") {
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Zone() != "" || !strings.HasPrefix(u.Host, "[") {
			return nil
		}
	}
	return u
}
