package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/api/contract"
)

// The layout in the bucket.
const (
	Prefix  = "audit/"
	headKey = Prefix + "head.json"
)

// maxSequence is what 12 digits hold: a record a second for 30,000 years.
const maxSequence = 999_999_999_999

// genesis is the hash before the first record.
var genesis = strings.Repeat("0", 64)

// keyOf is where a record stands.
func keyOf(sequence int64) string { return fmt.Sprintf("%s%012d.json", Prefix, sequence) }

// sequenceOf is the inverse of keyOf; 0 for any other key.
func sequenceOf(key string) int64 {
	digits := strings.TrimSuffix(strings.TrimPrefix(key, Prefix), ".json")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > maxSequence || keyOf(n) != key {
		return 0
	}
	return n
}

// record is one link of the chain: what the API shows, and its place.
type record struct {
	Sequence int64 `json:"sequence"`
	contract.AuditRecord
}

// seal sets the hash and gives the bytes to store.
func (r *record) seal() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode an audit record: %w", err)
	}
	fields, err := decodeFields(data)
	if err != nil {
		return nil, fmt.Errorf("encode an audit record: %w", err)
	}
	r.Hash = hashOf(fields)
	fields["hash"] = r.Hash
	return append(canonical(fields), '\n'), nil
}

// parse reads a stored record. sound tells whether it is byte for byte what seal made; what can be read is given either way.
func parse(data []byte) (r record, sound bool) {
	if len(data) > maxRecord {
		return r, false
	}
	fields, err := decodeFields(data)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return record{}, false
	}
	r.Hash, _ = fields["hash"].(string) // json.Unmarshal would have taken "Hash" too
	r.Previous, _ = fields["previous"].(string)
	if !bytes.Equal(append(canonical(fields), '\n'), data) {
		return r, false
	}
	return r, r.Hash == hashOf(fields) && r.Sequence >= 1 && r.ID != ""
}

// hashOf is the hash of a record. It takes the field hash out.
func hashOf(fields map[string]any) string {
	delete(fields, "hash")
	sum := sha256.Sum256(canonical(fields))
	return hex.EncodeToString(sum[:])
}

// rawHash stands for a record that cannot be read.
func rawHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}

func decodeFields(data []byte) (map[string]any, error) {
	var fields map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, fmt.Errorf("no object")
	}
	return fields, nil
}

// canonical is JSON with sorted names, without spaces, and with no character escaped that need not be: RFC 8785 for what
// clean lets through.
func canonical(fields map[string]any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(fields) // what was decoded can be encoded
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Bounds of a record, in bytes.
const (
	maxRecord = 64 << 10
	maxText   = 500
	maxDetail = 20 // entries
)

// clean makes what came from outside, from callers and from the store, fit for the trail and those who read it: bounded, printable text.
func clean(r *contract.AuditRecord) {
	for _, s := range []*string{&r.ID, &r.Actor, &r.Name, &r.Role, &r.Action, &r.Resource, &r.Code, &r.Reason, &r.Source, &r.UserAgent, &r.RequestID} {
		*s = cleanText(*s)
	}
	if r.Detail == nil {
		return
	}
	detail := map[string]string{}
	for k, v := range r.Detail {
		if len(detail) < maxDetail {
			detail[cleanName(k)] = cleanText(v)
		}
	}
	r.Detail = detail
}

func cleanText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, s)
	for len(s) > maxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// cleanName keeps to letters whose order is the same for everybody who sorts.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), 40)]
}

// moment is a time as records hold it.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
