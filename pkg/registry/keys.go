package registry

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/source"
)

// The bucket's layout, relative to the backup directory.
const (
	IndexKey         = "registry.json"
	SettingsKey      = "settings.json" // a copy of the saved settings
	ClockKey         = "clock"         // its date is the service's time
	FilesPrefix      = "files/"
	ManifestsPrefix  = "manifests/"
	IntentsPrefix    = "intents/"
	RemovalsPrefix   = "removals/"
	StatusPrefix     = "status/"
	VerifiedPrefix   = "verifications/"
	CancelPrefix     = "cancel/"
	SourcesPrefix    = "sources/"
	RestoresPrefix   = "restores/"
	ProofsPrefix     = "proofs/"
	metadataBackupID = "backup-id" // object metadata: whose upload this is
)

// ManifestKey is where a backup's commit record stands.
func ManifestKey(id string) string { return ManifestsPrefix + id + ".json" }

// SignatureKey is where the detached signature of a backup's manifest stands.
func SignatureKey(id string) string { return ManifestKey(id) + ".sig" }

// IntentKey is where a running backup's lease stands.
func IntentKey(id string) string { return IntentsPrefix + id + ".json" }

// RemovalKey is where it stands that a backup is being removed. Only who may remove backups may write there.
func RemovalKey(id string) string { return RemovalsPrefix + id + ".json" }

// StatusKey is where a running backup's progress stands.
func StatusKey(id string) string { return StatusPrefix + id + ".json" }

// VerificationKey is where the result of the latest validation stands.
func VerificationKey(id string) string { return VerifiedPrefix + id + ".json" }

// CancelKey is where it stands that a running backup is to stop.
func CancelKey(id string) string { return CancelPrefix + id + ".json" }

// RestoreKey is where the record of a restore stands.
func RestoreKey(id string) string { return RestoresPrefix + id + ".json" }

// ProofKey is where the record of the last proof of a backup stands that somebody asked for.
func ProofKey(id string) string { return ProofsPrefix + id + ".json" }

// cancelSuffix is what names of notes end with that a running restore is to stop.
const cancelSuffix = ".cancel"

func restoreCancelKey(id string) string { return RestoresPrefix + id + cancelSuffix }

// SourceKey is where it stands by which server a source is known.
func SourceKey(name string) string { return SourcesPrefix + escaped(name) + ".json" }

// escaped is a name as a part of a key. Names of databases may hold anything: all but letters, digits, dash and underscore, and dots
// behind the first character, is written as in a URL.
func escaped(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// sourceOf returns the name in a key that SourceKey made, or "".
func sourceOf(key string) string { return nameIn(key, SourcesPrefix) }

// nameIn returns the name in a key that is prefix, an escaped name and .json; else "".
func nameIn(key, prefix string) string {
	name, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(key, prefix), ".json"))
	if err != nil || prefix+escaped(name)+".json" != key || source.CheckName(name) != nil {
		return ""
	}
	return name
}

// ObjectMetadata is the user metadata of a backup's object; reconciling reads whose it is from there.
func ObjectMetadata(id string) map[string]string { return map[string]string{metadataBackupID: id} }

// ValidID tells whether s has the form of a backup's id: a ULID in upper-case Crockford base 32
// (https://github.com/ulid/spec).
func ValidID(s string) bool {
	if len(s) != 26 || s[0] > '7' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') || c == 'I' || c == 'L' || c == 'O' || c == 'U' {
			return false
		}
	}
	return true
}

// validFilepath tells whether p is a plain path under files/.
func validFilepath(p string) bool {
	rest, ok := strings.CutPrefix(p, FilesPrefix)
	if !ok || rest == "" || len(p) > 900 || !utf8.ValidString(p) {
		return false
	}
	for _, r := range rest {
		if unicode.IsControl(r) || r == '\\' {
			return false
		}
	}
	for _, el := range strings.Split(rest, "/") {
		if el == "" || el == "." || el == ".." {
			return false
		}
	}
	return true
}

// idOf gives the id in keys of the form prefix + id + ".json", or "".
func idOf(key, prefix string) string {
	id := strings.TrimSuffix(strings.TrimPrefix(key, prefix), ".json")
	if key != prefix+id+".json" || !ValidID(id) {
		return ""
	}
	return id
}
