package contents

import (
	"errors"
	"strings"
)

// Qualified gives a name with its schema, quoted where SQL wants that, but for reserved words.
func Qualified(schema, name string) string {
	if schema == "" {
		return quoted(name)
	}
	return quoted(schema) + "." + quoted(name)
}

func quoted(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c >= 'a' && c <= 'z' || c == '_' || i > 0 && (c >= '0' && c <= '9' || c == '$')
	}
	if plain {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// ParseQualified reads the name that s begins with, with its schema if it has one, and returns what follows.
func ParseQualified(s string) (schema, name, rest string, err error) {
	if name, rest, err = identifier(s); err != nil || !strings.HasPrefix(rest, ".") {
		return "", name, rest, err
	}
	schema = name
	name, rest, err = identifier(rest[1:])
	return schema, name, rest, err
}

func identifier(s string) (name, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, " .,();\t\n")
		if i < 0 {
			i = len(s)
		}
		if i == 0 {
			return "", s, errors.New("a name is missing")
		}
		return s[:i], s[i:], nil
	}
	var b strings.Builder
	for s = s[1:]; ; {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return "", s, errors.New("a quote is missing")
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if !strings.HasPrefix(s, `"`) {
			return b.String(), s, nil
		}
		b.WriteByte('"')
		s = s[1:]
	}
}
