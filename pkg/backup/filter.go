package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"cofre/pkg/registry"
)

// MaxFilter bounds a filter file, in bytes. Most of one may be comments: what its patterns may have together is less.
const MaxFilter = 256 << 10

// filterItems are what a line of a filter file may name, and where in a selection its pattern goes: for include, and for exclude; nil
// where there is no such item. They are those of pg_dump 17 and 18
// (https://www.postgresql.org/docs/current/app-pgdump.html, option --filter).
var filterItems = map[string]func(*registry.Selection) (include, exclude *registry.Patterns){
	"table": func(s *registry.Selection) (_, _ *registry.Patterns) { return &s.Tables, &s.ExcludeTables },
	"table_and_children": func(s *registry.Selection) (_, _ *registry.Patterns) {
		return &s.TablesAndChildren, &s.ExcludeTablesAndChildren
	},
	"table_data": func(s *registry.Selection) (_, _ *registry.Patterns) { return nil, &s.ExcludeTableData },
	"table_data_and_children": func(s *registry.Selection) (_, _ *registry.Patterns) {
		return nil, &s.ExcludeTableDataAndChildren
	},
	"schema":       func(s *registry.Selection) (_, _ *registry.Patterns) { return &s.Schemas, &s.ExcludeSchemas },
	"extension":    func(s *registry.Selection) (_, _ *registry.Patterns) { return &s.Extensions, &s.ExcludeExtensions },
	"foreign_data": func(s *registry.Selection) (_, _ *registry.Patterns) { return &s.ForeignData, nil },
}

// AddFilter reads a filter file of pg_dump's and adds what it says to a selection. name is for messages.
func AddFilter(sel *registry.Selection, name string, r io.Reader) error {
	bounded := &io.LimitedReader{R: r, N: MaxFilter + 1}
	lines := bufio.NewScanner(bounded)
	lines.Buffer(nil, MaxFilter+1)
	for n := 1; lines.Scan(); n++ {
		if err := addFilterLine(sel, lines.Text()); err != nil {
			return invalid("Write lines such as: exclude table_data app.log_*", "line %d of the filter %.200q: %s", n, name, err)
		}
	}
	switch {
	case bounded.N == 0 || errors.Is(lines.Err(), bufio.ErrTooLong):
		return invalid("Use patterns, such as app.log_*.", "the filter %.200q is too long (at most %d bytes)", name, MaxFilter)
	case lines.Err() != nil:
		return invalid("Look at the file.", "the filter %.200q cannot be read: %s", name, lines.Err())
	}
	return nil
}

func addFilterLine(sel *registry.Selection, line string) error {
	line = strings.Trim(line, filterSpace)
	if line == "" || line[0] == '#' {
		return nil
	}
	command, rest := filterWord(line)
	item, rest := filterWord(rest)
	lists, known := filterItems[strings.ToLower(item)]
	include := strings.EqualFold(command, "include")
	switch {
	case !include && !strings.EqualFold(command, "exclude"):
		return fmt.Errorf("it begins with %.40q, and not with include or exclude", command)
	case item == "":
		return errors.New("it does not say of what")
	case !known:
		return fmt.Errorf("%.40q is nothing that pg_dump includes or excludes by a filter", item)
	}
	in, out := lists(sel)
	to := out
	if include {
		to = in
	}
	if to == nil {
		return fmt.Errorf("%s cannot be %sd", strings.ToLower(item), strings.ToLower(command))
	}
	pattern, err := filterPattern(rest)
	switch {
	case err != nil:
		return err
	case pattern == "":
		return errors.New("it has no pattern")
	case len(*to) == maxPatterns:
		return fmt.Errorf("there are too many of one kind (at most %d)", maxPatterns)
	}
	*to = append(*to, pattern)
	return nil
}

// filterSpace is what isspace takes for space in C.
const filterSpace = " \t\n\v\f\r"

func filterWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, filterSpace)
	if i := strings.IndexAny(s, filterSpace); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// filterPattern reads a pattern up to a comment as pg_dump does (read_pattern in filter.c): spaces around dots, and more than one of them,
// are left out but in front of a quote, and backslashes mean something within double quotes only.
func filterPattern(s string) (string, error) {
	var b strings.Builder
	s = strings.TrimLeft(s, filterSpace)
	skip, found := true, false // space is not wanted here, and was there
	for s != "" && s[0] != '#' {
		if n := strings.IndexAny(s, filterSpace+`#,.()"`); n != 0 {
			if n < 0 {
				n = len(s)
			}
			if !skip && found {
				b.WriteByte(' ')
			}
			b.WriteString(s[:n])
			s = s[n:]
		}
		skip = false
		switch {
		case s == "":
		case s[0] == '"':
			if found {
				b.WriteByte(' ')
			}
			n, err := filterQuoted(&b, s)
			if err != nil {
				return "", err
			}
			s = s[n:]
		case s[0] == ',':
			b.WriteString(", ")
			skip, s = true, s[1:]
		case s[0] == '.' || s[0] == '(' || s[0] == ')':
			b.WriteByte(s[0])
			skip, s = true, s[1:]
		}
		rest := strings.TrimLeft(s, filterSpace)
		found, s = len(rest) < len(s), rest
	}
	return b.String(), nil
}

// filterQuoted copies a name in double quotes, and returns how long it was.
func filterQuoted(b *strings.Builder, s string) (int, error) {
	b.WriteByte('"')
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"' && i+1 < len(s) && s[i+1] == '"':
			b.WriteString(`""`)
			i++
		case s[i] == '"':
			b.WriteByte('"')
			return i + 1, nil
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\':
			b.WriteByte('\\')
			i++
		case s[i] == '\\':
			return 0, errors.New("a name cannot hold a line break, nor a backslash that is not doubled")
		default:
			b.WriteByte(s[i])
		}
	}
	return 0, errors.New("a double quote is not closed; a name cannot hold a line break")
}
