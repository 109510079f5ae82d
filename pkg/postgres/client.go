package postgres

import (
	"cmp"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"cofre/pkg/lazyregexp"
)

// ClientConninfo gives the connection for a child process as libpq keywords, without secrets, so that it may
// stand in an argument list. Dead connections are noticed within two minutes unless the settings say otherwise.
func (t Target) ClientConninfo() string {
	s := settings{
		"keepalives_idle": "60", "keepalives_interval": "10", "keepalives_count": "6",
		"connect_timeout": strconv.Itoa(int(defaultConnectTimeout.Seconds())),
	}
	for key, value := range t.settings {
		s[key] = value
	}
	return s.conninfo(func(k keyword) bool { return k.name != "password" && s[k.name] != "" })
}

// ClientEnv gives the environment that belongs to ClientConninfo: what is secret (PGPASSWORD), and what
// would otherwise come from elsewhere. It is meant for a child that inherits nothing else of PG*.
func (t Target) ClientEnv() []string {
	env := []string{
		"PGAPPNAME=" + t.settings["application_name"],
		"PGCONNECT_TIMEOUT=" + cmp.Or(t.settings["connect_timeout"], strconv.Itoa(int(defaultConnectTimeout.Seconds()))),
	}
	// A password file may hold one password for each host, and the driver has read the first one's: libpq reads it itself.
	_, given := t.settings["password"]
	first := t.Host() == t.config.Host && t.Port() == strconv.Itoa(int(t.config.Port))
	if t.config.Password != "" && (given || first) {
		env = append(env, "PGPASSWORD="+t.config.Password)
	}
	return env
}

var (
	secretParam = lazyregexp.New(`(?i)\b(pass(?:word)?|sslpassword|secret|token)\s*[=:]\s*('(?:[^'\\]|\\.)*'|[^\s&;,]+)`)
	urlUserinfo = lazyregexp.New(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@]*):[^\s@]*@`)
)

// Redact removes the target's password, and anything that looks like one, from text that other programs
// wrote (pg_dump's stderr, a server's message).
func (t Target) Redact(text string) string {
	if t.config != nil && t.config.Password != "" {
		p := t.config.Password
		for _, form := range []string{p, url.QueryEscape(p), url.PathEscape(p), strings.ReplaceAll(strings.ReplaceAll(p, `\`, `\\`), `'`, `\'`)} {
			text = replaceSecret(text, form)
		}
	}
	text = urlUserinfo().ReplaceAllString(text, "$1:***@")
	return secretParam().ReplaceAllString(text, "$1=***")
}

// replaceSecret replaces a secret where it stands as a word of its own when it is short: a password "a" must
// not turn every a into stars.
func replaceSecret(text, secret string) string {
	if len(secret) >= 8 {
		return strings.ReplaceAll(text, secret, "***")
	}
	return regexp.MustCompile(`(^|[^\pL\pN_])`+regexp.QuoteMeta(secret)+`([^\pL\pN_]|$)`).ReplaceAllString(text, "$1***$2")
}
