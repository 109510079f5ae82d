package s3

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
)

// reserved is the folder that the embedded store keeps for itself (unfinished uploads, locks).
const reserved = ".sgwtmp"

const (
	maxKeyBytes  = 1024 // the protocol's limit, prefix included
	maxNameBytes = 255  // of one name between slashes: file systems allow no more
)

// full is the key in the bucket.
func (s *Store) full(key string) string {
	if s.cfg.Prefix == "" {
		return key
	}
	return s.cfg.Prefix + "/" + key
}

// relative is the inverse of full.
func (s *Store) relative(full string) (string, bool) {
	if s.cfg.Prefix == "" {
		return full, true
	}
	return strings.CutPrefix(full, s.cfg.Prefix+"/")
}

// check refuses keys that could leave the prefix or that some service cannot hold.
func (s *Store) check(key string) error {
	if err := validKey(key); err != nil {
		return err
	}
	if n := len(s.full(key)); n > maxKeyBytes {
		return badKey("is too long: %d bytes with its prefix, of at most %d", n, maxKeyBytes)
	}
	return nil
}

// validKey accepts names divided by single slashes, none of them "." or "..", printable, 255 bytes at most
// each. The key itself is not repeated in the error: it may be anything.
func validKey(key string) error {
	switch {
	case key == "":
		return badKey("is empty")
	case len(key) > maxKeyBytes:
		return badKey("is too long: %d bytes, of at most %d", len(key), maxKeyBytes)
	case strings.HasPrefix(key, "/"):
		return badKey("begins with a slash")
	}
	if err := printable(key); err != nil {
		return err
	}
	for i, name := range strings.Split(key, "/") {
		switch {
		case name == "":
			return badKey("has an empty part between slashes")
		case name == "." || name == "..":
			return badKey(`has %q between slashes`, name)
		case len(name) > maxNameBytes:
			return badKey("has a name of %d bytes, of at most %d", len(name), maxNameBytes)
		case i == 0 && (name == reserved || name == ".vgwlocks"):
			return badKey("begins with %s, which is reserved", name)
		}
	}
	return nil
}

// validPrefix accepts the beginning of a valid key, or nothing.
func validPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return validKey(strings.TrimSuffix(prefix, "/"))
}

func printable(s string) error {
	if !utf8.ValidString(s) {
		return badKey("is not valid UTF-8")
	}
	for _, r := range s {
		// U+FFFE and U+FFFF cannot be in XML, which listings are.
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return badKey("has the control character %U", r)
		}
	}
	return nil
}

func validBucket(name string) error {
	const hint = "Bucket names have 3 to 63 lower-case letters, digits, dots and hyphens."
	ok := len(name) >= 3 && len(name) <= 63 && !strings.Contains(name, "..") &&
		strings.Trim(name, ".-") == name
	for _, r := range name {
		// Upper case and underscores are legal in old buckets.
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' || r >= 'A' && r <= 'Z')
	}
	if !ok {
		return fault.New(fault.Validation, fault.InvalidInput, hint, "%.80q is not a bucket name", name)
	}
	return nil
}

func badKey(format string, args ...any) error {
	const hint = `Use names of letters, digits, ".", "-" and "_", divided by "/".`
	return fault.New(fault.Validation, fault.InvalidInput, hint, "the object name "+format, args...)
}
