package lazyregexp

import (
	"strings"
	"testing"
)

// A program compiles an expression at its first use, and once; tests find a wrong one at once.
func TestNew(t *testing.T) {
	inTest = false
	t.Cleanup(func() { inTest = true })
	wrong, right := New("("), New("^a+$")
	if first := right(); !first.MatchString("aa") || first.MatchString("b") || right() != first {
		t.Error("it does not match as it says, or is compiled again")
	}
	if said := panics(func() { wrong() }); !strings.Contains(said, "missing closing") {
		t.Errorf("the use of a wrong one said %q", said)
	}
	inTest = true
	if said := panics(func() { New("(") }); !strings.Contains(said, "missing closing") {
		t.Errorf("in tests a wrong one said %q", said)
	}
}

func panics(f func()) (said string) {
	defer func() { said, _ = recover().(string) }()
	f()
	return ""
}
