package configfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"cofre/pkg/fault"
)

// maxProblems bounds what is told of one file.
const maxProblems = 100

// Problems are what is wrong with a file: an error that is told as the first of them, with how many more there are.
type Problems struct {
	File  string
	List  []Problem // by line; at most maxProblems
	Count int       // of all
}

// Problem is one thing that is wrong with a file.
type Problem struct {
	Line int    // from 1; 0 is the file as a whole
	Key  string // where in the file, such as sources.0.maxAge; "" where no key is to blame
	*fault.Error
}

// Put notes what is wrong in a line.
func (p *Problems) Put(line int, key string, why *fault.Error) {
	p.Count++
	if p.full() {
		return
	}
	at, _ := slices.BinarySearchFunc(p.List, line, func(q Problem, line int) int { return cmp.Or(q.Line-line, -1) }) // behind those of its line
	p.List = slices.Insert(p.List, at, Problem{Line: line, Key: fault.Shorten(key, 200), Error: why})
}

// add notes what is wrong with what a path leads to.
func (p *Problems) add(line int, path []string, hint, format string, args ...any) {
	p.Put(line, strings.Join(path, "."), fault.New(fault.Validation, fault.InvalidInput, hint, format, args...))
}

// at is add with the path in front of what is wrong.
func (p *Problems) at(line int, path []string, hint, format string, args ...any) {
	why := fault.New(fault.Validation, fault.InvalidInput, hint, format, args...)
	if len(path) > 0 {
		why.Message = fmt.Sprintf("%.200s: %s", strings.Join(path, "."), why.Message)
	}
	p.Put(line, strings.Join(path, "."), why)
}

// full tells that no more is told: what is wrong besides is only counted.
func (p *Problems) full() bool { return len(p.List) == maxProblems }

// hintOf says where what may stand at a path is written.
func hintOf(path []string) string {
	for _, key := range slices.Backward(path) {
		if strings.Trim(key, "0123456789") != "" {
			return fmt.Sprintf("Look for %s in docs/operating.md: it says what may stand there.", fault.Shorten(key, 60))
		}
	}
	return "See docs/operating.md for what may stand there."
}

// unreadable notes what the YAML parser says, which names lines itself.
func (p *Problems) unreadable(err error) {
	texts := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if several := (*yaml.TypeError)(nil); errors.As(err, &several) {
		texts = several.Errors
	}
	for _, text := range texts {
		line := 0
		if rest, numbered := strings.CutPrefix(text, "line "); numbered {
			number, what, _ := strings.Cut(rest, ": ")
			if n, err := strconv.Atoi(number); err == nil {
				line, text = n, what
			}
		}
		p.add(line, nil, "Look at that line and the one before: it is not YAML as it stands.", "%s", text)
	}
}

// Err is nil where nothing is wrong.
func (p *Problems) Err() error {
	if p.Count == 0 {
		return nil
	}
	return p
}

// Error implements error.
func (p *Problems) Error() string { return p.Unwrap().Error() }

// In is Error in the words of another language.
func (p *Problems) In(say func(string) string) string { return p.Unwrap().(*fault.Error).In(say) }

// Unwrap is the first problem, and says where it is.
func (p *Problems) Unwrap() error {
	f := p.List[0].Told(p.File)
	if p.Count > 1 {
		f.Hint += fmt.Sprintf("\nAll %d problems of the file are listed by: cofre config check", p.Count)
	}
	return f
}

// Told is the problem as people are told, with the file and the line.
func (p Problem) Told(file string) *fault.Error {
	f := *p.Error
	if p.Line > 0 {
		f.Message = fmt.Sprintf("%s, line %d: %s", file, p.Line, p.Message)
	} else {
		f.Message = fmt.Sprintf("%s: %s", file, p.Message)
	}
	return &f
}
