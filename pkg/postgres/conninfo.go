package postgres

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"cofre/pkg/fault"
)

// Examples shown when a connection string is refused.
const (
	exampleURL      = "postgres://user:password@db.example.com:5432/name?sslmode=require"
	exampleKeywords = "host=db.example.com port=5432 dbname=name user=app sslmode=require"
)

// badString is the refusal of a connection string. what must never quote a part of the string that could be
// (a piece of) the password.
func badString(what string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput,
		"Use "+exampleURL+" or "+exampleKeywords+".",
		"the connection string is wrong: %s", fmt.Sprintf(what, args...))
}

// parseConnString reads a URL or libpq keywords into settings, and lists the foreign parameters left out.
func parseConnString(s string) (settings, []string, error) {
	s = strings.TrimSpace(s)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }) {
		return nil, nil, badString("it contains a control character")
	}
	if s == "" {
		return settings{}, nil, nil
	}
	if s[0] == '"' || s[0] == '\'' {
		return nil, nil, badString("it starts with a quotation mark; remove the marks around it")
	}
	if rest, ok := cutScheme(s); ok {
		return parseURL(rest)
	}
	if err := refuseOtherScheme(s); err != nil {
		return nil, nil, err
	}
	return parseKeywords(s)
}

func cutScheme(s string) (string, bool) {
	if rest, ok := strings.CutPrefix(s, "postgres://"); ok {
		return rest, true
	}
	return strings.CutPrefix(s, "postgresql://")
}

// refuseOtherScheme names the well-known near misses of a URL.
func refuseOtherScheme(s string) error {
	scheme, _, ok := strings.Cut(s, "://")
	if !ok || strings.ContainsAny(scheme, " =@'\t\n") {
		return nil
	}
	lower := strings.ToLower(scheme)
	switch {
	case strings.HasPrefix(lower, "jdbc:"):
		return badString("it is a JDBC URL; remove the jdbc: in front, and put user and password before the host")
	case strings.HasPrefix(lower, "postgres+"), strings.HasPrefix(lower, "postgresql+"):
		return badString("it names a driver; write postgresql:// without the part from + on")
	case lower == "postgres", lower == "postgresql":
		return badString("write postgresql:// in lower case")
	}
	return badString("it does not start with postgres:// or postgresql://")
}

// parseURL follows libpq's conninfo_uri_parse_options on what comes after "://".
func parseURL(s string) (settings, []string, error) {
	out := settings{}
	if i := strings.IndexAny(s, "@/"); i >= 0 && s[i] == '@' {
		user, password, hasPassword := strings.Cut(s[:i], ":")
		if err := out.putDecoded("user", user); err != nil {
			return nil, nil, err
		}
		if hasPassword {
			if err := out.putDecoded("password", password); err != nil {
				return nil, nil, err
			}
		}
		s = s[i+1:]
	}
	stray := strings.Contains(s, "@") // then user, password or host may have been cut at the wrong place
	rest, err := out.putHosts(s, stray)
	if err != nil {
		return nil, nil, err
	}
	path, query, _ := strings.Cut(rest, "?")
	if name, ok := strings.CutPrefix(path, "/"); ok && name != "" {
		if err := out.putDecoded("dbname", name); err != nil {
			return nil, nil, err
		}
	}
	ignored, err := out.putQuery(query, stray)
	return out, ignored, err
}

// putHosts reads host[:port][,host[:port]]... and returns what follows them.
func (out settings) putHosts(s string, stray bool) (string, error) {
	var hosts, ports []string
	for {
		var host, port string
		if strings.HasPrefix(s, "[") {
			end := strings.IndexByte(s, ']')
			if end < 0 {
				return "", badString("an IPv6 address is opened with [ and not closed with ]")
			}
			host, s = s[1:end], s[end+1:]
			if s != "" && !strings.ContainsAny(s[:1], ":/?,") {
				return "", badString("after the ] of an IPv6 address only a port, a path or the end may follow")
			}
		} else {
			end := endOf(s, ":/?,")
			host, s = s[:end], s[end:]
		}
		if strings.HasPrefix(s, ":") {
			end := endOf(s, "/?,")
			port, s = s[1:end], s[end:]
			if !isPort(port) && port != "" {
				if stray {
					return "", badString("user or password contain a character such as / or : that must be percent-encoded (/ is %%2F, : is %%3A, @ is %%40)")
				}
				return "", badString("the port is not a number from 1 to 65535")
			}
		}
		decoded, err := url.PathUnescape(host)
		if err != nil {
			return "", badString("the host has a %% that is not followed by two hex digits")
		}
		if strings.Contains(host, "@") {
			return "", badString("user or password contain an @ that must be percent-encoded as %%40")
		}
		hosts, ports = append(hosts, decoded), append(ports, port)
		if !strings.HasPrefix(s, ",") {
			break
		}
		s = s[1:]
	}
	if joined := strings.Join(hosts, ","); strings.Trim(joined, ",") != "" {
		out["host"] = joined
	}
	if joined := strings.Join(ports, ","); strings.Trim(joined, ",") != "" {
		out["port"] = joined
	}
	return s, nil
}

// putQuery reads key=value&key=value; it wins over the parts before it, as in libpq.
func (out settings) putQuery(query string, stray bool) (ignored []string, err error) {
	if query == "" {
		return nil, nil
	}
	for pair := range strings.SplitSeq(query, "&") {
		rawKey, rawValue, ok := strings.Cut(pair, "=")
		key, err := url.PathUnescape(rawKey)
		switch {
		case !ok || err != nil || strings.Contains(rawValue, "="):
			return nil, badString("the part after ? is not of the form key=value&key=value, with special characters percent-encoded")
		case key == "ssl" && rawValue == "true":
			key, rawValue = "sslmode", "require"
		case slices.Contains(foreign, key):
			ignored = append(ignored, key)
			continue
		case !knownKeyword(key):
			return nil, unknownKeyword(key, rawValue, stray)
		}
		if err := out.putDecoded(key, rawValue); err != nil {
			return nil, err
		}
	}
	return ignored, nil
}

// unknownKeyword names the keyword, unless it could be a piece of a password that was cut in two, and the right one.
func unknownKeyword(key, value string, maybeSecret bool) error {
	switch {
	case key == "sslpassword":
		return badString("sslpassword is not supported, because pg_dump takes it in its arguments only, where others can read it; " +
			"remove the key's passphrase and give the key file mode 0600")
	case maybeSecret:
		return badString("it has an unknown parameter (or a password with special characters that are not quoted)")
	}
	if right := rightName(key, value); right != "" {
		return badString("unknown parameter %q; %s", key, right)
	}
	return badString("unknown parameter %q", key)
}

func (out settings) putDecoded(key, raw string) error {
	value, err := url.PathUnescape(raw)
	switch {
	case err != nil:
		return badString("%s has a %% that is not followed by two hex digits (a %% itself is written %%25)", key)
	case strings.ContainsRune(value, 0):
		return badString("%s contains a NUL character", key)
	}
	out[key] = value
	return nil
}

// parseKeywords reads libpq's "key = value key = 'quoted \' value'" form.
func parseKeywords(s string) (settings, []string, error) {
	out := settings{}
	var ignored []string
	for n := 1; ; n++ {
		s = strings.TrimLeft(s, spaces)
		if s == "" {
			return out, ignored, nil
		}
		key, rest, ok := strings.Cut(s, "=")
		key = strings.TrimRight(key, spaces)
		_, afterPassword := out["password"]
		if !ok || key == "" || strings.ContainsAny(key, spaces) {
			if afterPassword {
				return nil, nil, badString("something without = follows the password; put the password in single quotes when it contains spaces")
			}
			return nil, nil, badString("it is neither a URL nor a list of keyword=value (see keyword number %d)", n)
		}
		value, tail, err := cutValue(strings.TrimLeft(rest, spaces))
		if err != nil {
			return nil, nil, err
		}
		s = tail
		switch {
		case slices.Contains(foreign, key):
			ignored = append(ignored, key)
		case !knownKeyword(key):
			if strings.Contains(value, ";") && !afterPassword {
				return nil, nil, badString("its parts are divided by semicolons, as .NET and ODBC have them; write a URL, or divide keywords by spaces")
			}
			return nil, nil, unknownKeyword(key, value, afterPassword)
		default:
			out[key] = value
		}
	}
}

const spaces = " \t\n\r\v\f"

// cutValue takes one value, bare or in single quotes, from the front of s; a backslash takes the next
// character literally.
func cutValue(s string) (value, rest string, err error) {
	var b strings.Builder
	quoted := strings.HasPrefix(s, "'")
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '\\':
		case quoted && c == '\'':
			return b.String(), s[i+1:], nil
		case !quoted && strings.IndexByte(spaces, c) >= 0:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(c)
		}
	}
	if quoted {
		return "", "", badString("a value in single quotes is not closed")
	}
	return b.String(), "", nil
}

// endOf gives the index of the first of the stop characters, or the length.
func endOf(s, stops string) int {
	if i := strings.IndexAny(s, stops); i >= 0 {
		return i
	}
	return len(s)
}

func isPort(s string) bool {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n >= 1 && n <= 65535
}
