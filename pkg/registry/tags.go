package registry

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cofre/pkg/source"
)

// Tag keys on a backup's object: they repeat the manifest's essentials, so that the object alone says what it
// is. S3 allows ten tags with values of 256 characters.
const (
	tagID        = "id"
	tagSHA256    = "sha256"
	tagSource    = "source"
	tagCreatedAt = "created-at"
	tagCreatedBy = "created-by"
	tagDatabase  = "database"
	tagVersions  = "versions" // server/pg_dump
	tagFormat    = "format"   // format/compression/encryption/content, and /part when something was chosen
	tagDuration  = "duration" // milliseconds
	tagSchema    = "schema"
)

// Tags gives the object tags of a backup.
func Tags(b Backup) map[string]string {
	format := []string{b.Format, b.Compression, b.Encryption, b.Content}
	if b.Selection.Part() {
		format = append(format, tagPart)
	}
	tags := map[string]string{
		tagID:        b.ID,
		tagSHA256:    b.Checksum,
		tagCreatedAt: b.CreatedAt.UTC().Format(time.RFC3339Nano),
		tagCreatedBy: tagValue(b.CreatedBy),
		tagDatabase:  tagValue(b.Database),
		tagVersions:  tagValue(b.DatabaseVersion + "/" + b.PgDumpVersion),
		tagFormat:    tagValue(strings.Join(format, "/")),
		tagDuration:  strconv.FormatInt(b.Duration, 10),
		tagSchema:    tagValue(b.SchemaVersion),
	}
	if b.Source != "" {
		tags[tagSource] = escapeTag(b.Source)
	}
	return tags
}

// tagPart marks, in the format's tag, what does not hold everything.
const tagPart = "part"

// escapeTag writes a name so that fromTags gets it back whole: "=" and two hexadecimal digits stand for a byte that tags do
// not allow. Names have 63 bytes at most.
func escapeTag(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := string(s[i]); c != "=" && tagValue(c) == c {
			b.WriteString(c)
		} else {
			fmt.Fprintf(&b, "=%02X", s[i])
		}
	}
	return b.String()
}

// unescapeTag is the inverse of escapeTag; "" for what escapeTag does not give, or no source can be called.
func unescapeTag(s string) string {
	name, err := url.PathUnescape(strings.ReplaceAll(strings.ReplaceAll(s, "%", "%25"), "=", "%"))
	if err != nil || source.CheckName(name) != nil || escapeTag(name) != s {
		return ""
	}
	return name
}

// tagValue replaces what S3 does not allow in a tag (it allows letters, digits, spaces and + - = . _ : / @)
// and cuts at 256 characters.
func tagValue(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" +-=._:/@", r):
			return r
		}
		return '_'
	}, s)
	if utf8.RuneCountInString(s) > 256 {
		s = s[:256]
	}
	return s
}

// fromTags makes a record from an object's tags, as far as they go. Lost are: what was chosen (but not that something was), labels, trigger,
// attempts, the size before compression, the service's checksums and the verification at the time (a later one
// has an object of its own); and characters that tags do not allow, in names and versions, are "_".
func fromTags(key string, size int64, tags map[string]string) (Backup, error) {
	created, err := time.Parse(time.RFC3339Nano, tags[tagCreatedAt])
	if err != nil {
		return Backup{}, fmt.Errorf("%s: tag created-at: %w", key, err)
	}
	duration, err := strconv.ParseInt(tags[tagDuration], 10, 64)
	if err != nil {
		return Backup{}, fmt.Errorf("%s: tag duration: %w", key, err)
	}
	b := Backup{
		ID: tags[tagID], Filename: path.Base(key), Filepath: key, Size: size, Checksum: tags[tagSHA256],
		CreatedAt: created, CreatedBy: tags[tagCreatedBy], Status: Success, Duration: duration,
		SchemaVersion: tags[tagSchema], Source: unescapeTag(tags[tagSource]), Database: tags[tagDatabase], Trigger: "manual", Attempt: 1,
	}
	// A server's version may hold a slash; pg_dump's, which stands last, never does.
	if i := strings.LastIndex(tags[tagVersions], "/"); i >= 0 {
		b.DatabaseVersion, b.PgDumpVersion = tags[tagVersions][:i], tags[tagVersions][i+1:]
	}
	f := strings.Split(tags[tagFormat], "/")
	for i, dst := range []*string{&b.Format, &b.Compression, &b.Encryption, &b.Content} {
		if i < len(f) {
			*dst = f[i]
		}
	}
	if len(f) > 4 && f[4] == tagPart {
		b.Selection = &Selection{Lost: true}
	}
	if status, old := tags["status"]; old && status != string(Success) || len(b.Checksum) != 64 {
		return Backup{}, fmt.Errorf("%s: its tags are not those of a finished backup", key)
	}
	if err := checkRecord(&b); err != nil {
		return Backup{}, fmt.Errorf("%s: %w", key, err)
	}
	return b, nil
}

// SetTags writes a backup's tags onto its object. The manifest carries on alone where a service has none.
func (r *Registry) SetTags(ctx context.Context, b Backup) error { return r.setTags(ctx, b) }

func (r *Registry) setTags(ctx context.Context, b Backup) error {
	return r.store.SetTags(ctx, b.Filepath, Tags(b))
}

// CheckTags compares an object's tags with its record and names the first difference, "" when they agree.
func CheckTags(b Backup, tags map[string]string) string {
	want := Tags(b)
	for _, k := range []string{tagID, tagSHA256, tagSource, tagDatabase, tagCreatedAt} {
		if k == tagSource && tags[k] == "" {
			continue // from before sources were known; what was adopted since keeps its tags
		}
		if tags[k] != want[k] {
			return fmt.Sprintf("tag %s is %.80q, the record says %q", k, tags[k], want[k])
		}
	}
	return ""
}
