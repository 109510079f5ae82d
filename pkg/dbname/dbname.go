// Package dbname says what the name of a PostgreSQL database may be.
package dbname

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
)

// Max is the length of an identifier in bytes; the server cuts longer ones off without an error.
const Max = 63

// Maintenance are where a server is reached when the database in question cannot be used, in this order, as createdb does it. postgres
// may have been dropped or closed; template1 is what CREATE DATABASE copies by default, so that it is rarely missing.
var Maintenance = []string{"postgres", "template1"}

// Own reports whether a database is PostgreSQL's own, without which a server is hard to use.
func Own(name string) bool { return name == "template0" || slices.Contains(Maintenance, name) }

// Check refuses what PostgreSQL does not take as a name.
func Check(name string) error {
	if name == "" || len(name) > Max || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return invalid("Use 1 to 63 bytes without control characters.", "the database name %q is not valid", fault.Shorten(name, 100))
	}
	return nil
}

// CheckRequested refuses what is not the plain name of a database of one's own: others may ask for work in it by this name.
func CheckRequested(name string) error {
	const hint = "Use letters, digits, dashes, dots and underscores, such as shop_restored."
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.$", r)
	}
	switch first, _ := utf8.DecodeRuneInString(name); {
	case name == "":
		return invalid(hint, "the database to restore into has no name")
	case len(name) > Max:
		return invalid("PostgreSQL allows 63 bytes.", "the name of the database is too long (%d bytes)", len(name))
	case !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }), !unicode.IsLetter(first) && !unicode.IsDigit(first) && first != '_':
		return invalid(hint, "this is not a name for a database that can be restored into on request")
	case Own(strings.ToLower(name)):
		return invalid("Name a database of your own.", "the database %s belongs to PostgreSQL itself", name)
	}
	return nil
}

func invalid(hint, what string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
}
