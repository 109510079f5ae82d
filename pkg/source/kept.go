package source

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
)

// What the API, the web UI and the command line keep in the bucket names secrets more narrowly than a file of this machine may. Otherwise whoever may
// change settings could have any variable of the server, or any file that it can read, sent to an address of theirs.
var (
	keptVariable = lazyregexp.New(`^COFRE_[A-Z0-9_]{1,94}$`)
	keptSecret   = lazyregexp.New(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:cofre/[A-Za-z0-9/_+=.@-]{1,500}$`)
)

// Given is where a secret comes from that is to be kept: named, or the secret itself. The zero value is nothing.
type Given struct {
	Connection
	Value string
}

// CheckKept refuses what settings in the bucket may not name; what says what it is of, for messages.
func (c Connection) CheckKept(what string) error {
	refuse := func(hint, text string) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, "%s: %s", what, text)
	}
	switch {
	case c.File != "":
		return refuse("Name a variable of the environment or a secret, or give the secret itself.", "a file stands in cofre.yaml only")
	case c.Env != "" && c.Secret != "":
		return refuse("Leave one of the two out.", "env and secret exclude each other")
	case c.Env != "" && !keptVariable().MatchString(c.Env):
		return refuse("Set a variable with such a name, or give the secret itself.", "only variables whose names begin with COFRE_ are taken, in capital letters")
	case c.Secret != "" && !keptSecret().MatchString(c.Secret):
		return refuse("For example: arn:aws:secretsmanager:eu-central-1:123456789012:secret:cofre/team-AbCdEf", "it is no ARN of a secret whose name begins with cofre/")
	}
	return nil
}

// maxValue bounds a secret that is kept, in bytes.
const maxValue = 4096

// Check refuses what cannot be kept. It never repeats the secret.
func (g Given) Check(what string) error {
	n := 0
	for _, s := range []string{g.Env, g.File, g.Secret, g.Value} {
		if s != "" {
			n++
		}
	}
	switch {
	case n != 1:
		return fault.New(fault.Validation, fault.InvalidInput, "Give exactly one of env, secret and value.", "%s: it is not said in one way where it is to be had", what)
	case len(g.Value) > maxValue || !utf8.ValidString(g.Value) || strings.ContainsFunc(g.Value, unicode.IsControl) || strings.TrimSpace(g.Value) != g.Value:
		return fault.New(fault.Validation, fault.InvalidInput, "Use at most 4096 bytes in one line, without blanks at its ends.", "%s: the secret is not usable", what)
	}
	return g.CheckKept(what)
}

// CheckKeptName refuses a name under which settings cannot be kept: it is a part of a path of the API.
func CheckKeptName(what, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	bad := func(text string) error {
		return fault.New(fault.Validation, fault.InvalidInput, "Use up to 63 letters, digits, dashes, dots and underscores, such as team-mail.", "the %s's name %.80q %s", what, name, text)
	}
	switch {
	case len(name) > 63:
		return bad("is too long")
	case strings.Contains(name, "/"):
		return bad("holds a slash")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }):
		return bad("holds a character that cannot be seen")
	case name == "list" || name == "create" || name == "test" || name == "." || name == "..":
		return bad("means something else")
	}
	return nil
}
