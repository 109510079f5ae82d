package s3

import (
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
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
func (s *Store) check(key string) error { return storage.CheckFullKey(key, s.full(key)) }

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
