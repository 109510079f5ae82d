package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"cofre/pkg/fault"
)

// Locale is how a database stores and sorts text.
type Locale struct {
	Encoding string `json:"encoding"`           // UTF8
	Collate  string `json:"collate"`            // C.UTF-8
	CharType string `json:"charType"`           // C.UTF-8
	Provider string `json:"provider,omitempty"` // libc, icu or builtin; empty before version 15
	Name     string `json:"name,omitempty"`     // the provider's locale; empty with libc
	ICURules string `json:"icuRules,omitempty"` // additional collation rules
}

func (s *Server) readLocale(ctx context.Context, tx pgx.Tx, _ Selection) (err error) {
	s.Locale, err = readLocale(ctx, tx, s.VersionNum)
	return err
}

func readLocale(ctx context.Context, conn querier, version int) (Locale, error) {
	provider, name, rules := "''", "''", "''"
	if version >= 150000 {
		provider = "CASE datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
		name = "coalesce(daticulocale, '')"
	}
	if version >= 160000 {
		rules = "coalesce(daticurules, '')"
	}
	if version >= 170000 {
		name = "coalesce(datlocale, '')"
	}
	var l Locale
	err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, `+
		provider+`, `+name+`, `+rules+` FROM pg_catalog.pg_database WHERE datname = current_database()`).
		Scan(&l.Encoding, &l.Collate, &l.CharType, &l.Provider, &l.Name, &l.ICURules)
	return l, err
}

// otherLocale is the way out where a server cannot have a locale.
const otherLocale = "Choose what this server has with --locale (or --icu-locale, with --locale-provider where that is to be another one), and --encoding: " +
	"text may be sorted otherwise then. SELECT collname, collprovider FROM pg_collation lists the server's locales."

// String writes a locale for people: "UTF8, icu sv-SE".
func (l Locale) String() string {
	provider, name := cmp.Or(l.Provider, "libc"), l.Name
	if provider == "libc" {
		if name = l.Collate; l.CharType != l.Collate {
			name += "/" + l.CharType
		}
	}
	if l.ICURules != "" {
		name += " with rules of its own"
	}
	return strings.Join(slices.DeleteFunc([]string{l.Encoding, strings.TrimSpace(provider + " " + name)}, func(s string) bool { return s == "" }), ", ")
}

// Fits refuses a locale that a server of that major version cannot have, whatever is installed there.
func (l Locale) Fits(major int) error {
	var lacks string
	switch {
	case l.Provider == "builtin" && major < 17:
		lacks = "the locale provider builtin came with PostgreSQL 17"
	case l.Provider == "icu" && major < 15:
		lacks = "the locale provider icu came with PostgreSQL 15"
	case l.ICURules != "" && major < 16:
		lacks = "rules for a collation of icu came with PostgreSQL 16"
	default:
		return nil
	}
	return fault.New(fault.Validation, fault.TargetLacks, otherLocale,
		"the target server is PostgreSQL %d and cannot sort text as the backup's database does (%s): %s; nothing was changed", major, l, lacks)
}

// LocaleChoice is what somebody asks for in place of a backup's own locale. Empty fields change nothing.
type LocaleChoice struct {
	Encoding  string // UTF8
	Provider  string // libc, icu or builtin
	Locale    string // of libc (LC_COLLATE and LC_CTYPE) or builtin
	ICULocale string // of icu
}

// Sorts reports whether the choice says how text is sorted.
func (c LocaleChoice) Sorts() bool { return c.Provider != "" || c.Locale != "" || c.ICULocale != "" }

// Check refuses what contradicts itself.
func (c LocaleChoice) Check() error {
	refuse := func(hint, what string, args ...any) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	switch {
	case strings.ContainsFunc(c.Encoding, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}):
		return refuse("Use a name such as UTF8 or LATIN1.", "the encoding %q is unknown", shorten(c.Encoding))
	case c.Provider != "" && !slices.Contains([]string{"libc", "icu", "builtin"}, c.Provider):
		return refuse("Use libc, icu or builtin.", "the locale provider %q is unknown", c.Provider)
	case c.ICULocale != "" && c.Provider != "" && c.Provider != "icu":
		return refuse("Use --locale.", "the locale provider %s takes no --icu-locale", c.Provider)
	case c.Provider == "icu" && c.ICULocale == "":
		return refuse("Add --icu-locale, such as --icu-locale sv-SE.", "the locale provider icu needs a locale")
	case c.Provider != "" && c.Provider != "icu" && c.Locale == "":
		return refuse("Add --locale, such as --locale C.UTF-8.", "the locale provider %s needs a locale", c.Provider)
	}
	return nil
}

// Over puts the choice over what a backup says.
func (c LocaleChoice) Over(l Locale) Locale {
	encoding := cmp.Or(c.Encoding, l.Encoding)
	switch {
	case !c.Sorts():
	case c.ICULocale != "":
		l = Locale{Provider: "icu", Name: c.ICULocale, Collate: c.Locale, CharType: c.Locale}
	case c.Provider == "builtin":
		l = Locale{Provider: "builtin", Name: c.Locale, Collate: "C", CharType: "C"}
	default:
		l = Locale{Provider: "libc", Collate: c.Locale, CharType: c.Locale}
	}
	l.Encoding = encoding
	return l
}

// SortsLike reports whether two locales of the same versions of their libraries sort text alike.
func (l Locale) SortsLike(other Locale) bool { return l.order() == other.order() }

// order names what decides about the order of text and what counts as a letter.
func (l Locale) order() string {
	normal := func(name string) string { // en_US.UTF-8 is en_US.utf8
		return strings.ToLower(strings.ReplaceAll(name, "-", ""))
	}
	switch l.Provider {
	case "icu":
		return "icu " + strings.ToLower(l.Name) + " " + l.ICURules
	case "builtin":
		if l.Name == "C" {
			return "libc c c"
		}
		return "builtin " + l.Name
	}
	name := func(s string) string {
		if s == "POSIX" {
			return "c"
		}
		return normal(s)
	}
	return "libc " + name(l.Collate) + " " + name(l.CharType)
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}
