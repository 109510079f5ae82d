// Package lazyregexp compiles regular expressions when they are first used. A command uses few of those that the program
// has, and compiling all of them took longer than reading a list.
package lazyregexp

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

// New returns what gives the regular expression, compiled by the first call. Like [regexp.MustCompile] it is for expressions that
// are constants: a wrong one panics, at once in tests.
func New(expr string) func() *regexp.Regexp {
	if inTest {
		regexp.MustCompile(expr)
	}
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var inTest = len(os.Args) > 0 && strings.HasSuffix(os.Args[0], ".test")
