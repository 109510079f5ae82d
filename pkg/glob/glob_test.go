package glob

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for pattern, names := range map[string]struct{ yes, no string }{
		"*":        {"|a|a/b|../../etc|main/shop|é|\xff|\\|[", ""},
		"shop_*":   {"shop_|shop_a/b|shop_*", "shop|xshop_a"},
		"*_test":   {"_test|a/b_test|_test_test", "_tests|test"},
		"main/*":   {"main/|main/a/b", "main"},
		"?":        {"a|é|/|?|\xff", "|ab"},
		"a?c*e*":   {"abce|a/c//e/|abcdede", "ace|abcd"},
		"[a-z]":    {"[a-z]", "a|b"},
		`a\b`:      {`a\b`, "ab"},
		"":         {"", "a"},
		"a":        {"a", "A|aa|"},
		"**a**b**": {"ab|xaxbx", "ba"},
		"*ab*ab":   {"abab|xabyab|ababab", "ab|abxa"},
	} {
		for name := range strings.SplitSeq(names.yes, "|") {
			if !Match(pattern, name) {
				t.Errorf("%q does not take %q", pattern, name)
			}
		}
		for name := range strings.SplitSeq(names.no, "|") {
			if names.no != "" && Match(pattern, name) {
				t.Errorf("%q takes %q", pattern, name)
			}
		}
	}
	if Match(strings.Repeat("*a", 100)+"b", strings.Repeat("a", 1000)) { // ends soon
		t.Error("it takes what does not fit")
	}
}
