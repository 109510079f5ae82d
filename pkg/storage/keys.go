package storage

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
)

// MaxSmall bounds Get and Put, in bytes: nothing is written that could not be read.
const MaxSmall = 64 << 20

const (
	maxKeyBytes  = 1024 // the protocol's limit, prefix included
	maxNameBytes = 255  // of one name between slashes: file systems allow no more
)

// reserved are the folders that stores of local directories keep for themselves; .sgwtmp and .vgwlocks are older versions'.
var reserved = []string{".cofre", ".sgwtmp", ".vgwlocks"}

// CheckKey accepts names divided by single slashes, none of them "." or "..", printable, 255 bytes at most
// each. The key itself is not repeated in the error: it may be anything.
func CheckKey(key string) error {
	switch {
	case key == "":
		return BadKey("is empty")
	case len(key) > maxKeyBytes:
		return BadKey("is too long: %d bytes, of at most %d", len(key), maxKeyBytes)
	case strings.HasPrefix(key, "/"):
		return BadKey("begins with a slash")
	}
	if err := CheckText(key); err != nil {
		return err
	}
	for i, name := range strings.Split(key, "/") {
		switch {
		case name == "":
			return BadKey("has an empty part between slashes")
		case name == "." || name == "..":
			return BadKey(`has %q between slashes`, name)
		case len(name) > maxNameBytes:
			return BadKey("has a name of %d bytes, of at most %d", len(name), maxNameBytes)
		case i == 0 && slices.Contains(reserved, name):
			return BadKey("begins with %s, which is reserved", name)
		}
	}
	return nil
}

// CheckFullKey is CheckKey for a key with its prefix in front of it.
func CheckFullKey(key, full string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if len(full) > maxKeyBytes {
		return BadKey("is too long: %d bytes with its prefix, of at most %d", len(full), maxKeyBytes)
	}
	return nil
}

// CheckPrefix accepts the beginning of a valid key, or nothing.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckKey(strings.TrimSuffix(prefix, "/"))
}

// CheckText refuses what is not UTF-8 or has control characters.
func CheckText(s string) error {
	if !utf8.ValidString(s) {
		return BadKey("is not valid UTF-8")
	}
	for _, r := range s {
		// U+FFFE and U+FFFF cannot be in XML, which listings are.
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return BadKey("has the control character %U", r)
		}
	}
	return nil
}

// BadKey is the error about an unusable name.
func BadKey(format string, args ...any) error {
	const hint = `Use names of letters, digits, ".", "-" and "_", divided by "/".`
	return fault.New(fault.Validation, fault.InvalidInput, hint, "the object name "+format, args...)
}

// CheckTags checks the protocol's limits: ten tags, 128 and 256 characters.
func CheckTags(tags map[string]string) error {
	const hint = "Use at most ten tags, keys of 128 and values of 256 characters."
	if len(tags) > 10 {
		return fault.New(fault.Validation, fault.InvalidInput, hint, "%d tags are too many", len(tags))
	}
	for k, v := range tags {
		if k == "" || utf8.RuneCountInString(k) > 128 || utf8.RuneCountInString(v) > 256 {
			return fault.New(fault.Validation, fault.InvalidInput, hint, "the tag %.40q or its value has a wrong length", k)
		}
	}
	return nil
}

// Disposition is a Content-Disposition header (RFC 6266): the name in ASCII for old clients, and exactly
// (RFC 5987) when that is not the same.
func Disposition(name string) string {
	var ascii, exact strings.Builder
	plain := true
	for _, r := range name {
		switch {
		case r == '"' || r == '\\' || r == '/' || r == '%' || r > '~' || r < ' ':
			ascii.WriteByte('_')
			plain = false
		default:
			ascii.WriteRune(r)
		}
	}
	if plain {
		return `attachment; filename="` + name + `"`
	}
	const attr = "!#$&+-.^_`|~" // RFC 5987 attr-char, besides letters and digits
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(attr, c) >= 0 {
			exact.WriteByte(c)
		} else {
			fmt.Fprintf(&exact, "%%%02X", c)
		}
	}
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, ascii.String(), exact.String())
}
