// Package jsonlist reads JSON lists that come from outside one element at a time.
//
// encoding/json makes a Go value of every element before anybody can look at it, and an element as short as "{}" becomes a struct
// of hundreds of bytes. So a list is taken apart as text first: elements beyond a number are dropped ([First]), and one that is
// too short to be what the list is of refuses the list before memory is set aside for it ([All]). Memory then grows with the text.
package jsonlist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

var (
	errSyntax = errors.New("it is not JSON as it is written here")
	errList   = errors.New("it is not a list")
	errObject = errors.New("it is not an object")
)

// Elements yields the text of each element of a list. It finds where elements end and does not check what is in them: that is left
// to whoever decodes them. An error is the last thing that it yields.
func Elements(data []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		rest, ok := bytes.CutPrefix(trim(data), []byte("["))
		if !ok {
			yield(nil, errList)
			return
		}
		for first := true; ; first = false {
			rest = trim(rest)
			if first && len(rest) > 0 && rest[0] == ']' {
				break
			}
			n := Value(rest)
			if n <= 0 {
				yield(nil, errSyntax)
				return
			}
			if !yield(rest[:n], nil) {
				return
			}
			if rest = trim(rest[n:]); len(rest) == 0 || rest[0] != ',' {
				break
			}
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0] != ']' || len(trim(rest[1:])) > 0 {
			yield(nil, errSyntax)
		}
	}
}

// Member is a member of an object, or what is wrong with the object.
type Member struct {
	Name  string
	Value []byte // as text; see [Elements]
	Err   error
}

// Members yields the members of an object. One with an error is the last.
func Members(data []byte) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		rest, ok := bytes.CutPrefix(trim(data), []byte("{"))
		if !ok {
			yield(Member{Err: errObject})
			return
		}
		for first := true; ; first = false {
			rest = trim(rest)
			if first && len(rest) > 0 && rest[0] == '}' {
				break
			}
			n := stringEnd(rest)
			var m Member
			if n < 0 || json.Unmarshal(rest[:n], &m.Name) != nil {
				yield(Member{Err: errSyntax})
				return
			}
			if rest = trim(rest[n:]); len(rest) == 0 || rest[0] != ':' {
				yield(Member{Err: errSyntax})
				return
			}
			rest = trim(rest[1:])
			if n = Value(rest); n <= 0 {
				yield(Member{Err: errSyntax})
				return
			}
			if m.Value = rest[:n]; !yield(m) {
				return
			}
			if rest = trim(rest[n:]); len(rest) == 0 || rest[0] != ',' {
				break
			}
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0] != '}' || len(trim(rest[1:])) > 0 {
			yield(Member{Err: errSyntax})
		}
	}
}

// First decodes at most the first most elements and drops the rest.
func First[T any](data []byte, most int) ([]T, error) {
	if IsNull(data) {
		return nil, nil
	}
	list := []T{}
	for text, err := range Elements(data) {
		if err != nil {
			return nil, err
		}
		if len(list) == most {
			break
		}
		var v T
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// All decodes a list of at most most elements, each of which is at least least bytes long.
func All[T any](data []byte, most, least int) ([]T, error) {
	if IsNull(data) {
		return nil, nil
	}
	texts, err := Texts(data, most, least)
	if err != nil {
		return nil, err
	}
	list := make([]T, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(text, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Texts returns the elements of a list that [All] takes, as text.
func Texts(data []byte, most, least int) (texts [][]byte, err error) {
	texts = make([][]byte, 0, min(most, len(data)/max(least, 32)/2))
	for text, err := range Elements(data) {
		switch {
		case err != nil:
			return nil, err
		case len(text) < least:
			return nil, fmt.Errorf("%.40q stands in a list of other things", text)
		case len(texts) == most:
			return nil, fmt.Errorf("a list has more than %d elements", most)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// Map decodes an object of at most most members, whose names are free.
func Map[T any](data []byte, most int) (map[string]T, error) {
	if IsNull(data) {
		return nil, nil
	}
	n, all := 0, map[string]T{}
	for m := range Members(data) {
		if m.Err != nil {
			return nil, m.Err
		}
		if n++; n > most {
			return nil, fmt.Errorf("an object has more than %d members", most)
		}
		var v T
		if err := json.Unmarshal(m.Value, &v); err != nil {
			return nil, err
		}
		all[m.Name] = v
	}
	return all, nil
}

// IsNull reports whether a value is null.
func IsNull(data []byte) bool { return string(trim(data)) == "null" }

// trim takes off the white space of JSON.
func trim(data []byte) []byte {
	for len(data) > 0 && white(data[0]) {
		data = data[1:]
	}
	for len(data) > 0 && white(data[len(data)-1]) {
		data = data[:len(data)-1]
	}
	return data
}

func white(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// Value returns the length of the value that data begins with, 0 where there is none, and -1 where it does not end.
func Value(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			n := stringEnd(data[i:])
			if n < 0 {
				return -1
			}
			if i += n - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	if depth > 0 {
		return -1
	}
	return len(data)
}

// stringEnd returns the length of the string that data begins with, quotes included, -1 where there is none or it does not end.
func stringEnd(data []byte) int {
	if len(data) == 0 || data[0] != '"' {
		return -1
	}
	for i := 1; ; i++ {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for data[i-1-slashes] == '\\' { // ends at the quote that the string begins with
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
}
