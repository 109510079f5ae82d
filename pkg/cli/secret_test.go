package cli

import (
	"strings"
	"testing"
)

// A line that is too long is told apart from one that is not there.
func TestSecretLines(t *testing.T) {
	if got, err := secretLines(strings.NewReader("key\n"+strings.Repeat("x", maxSecretLine+1)), 2); err == nil || !strings.Contains(err.Error(), "line 2") || got != nil {
		t.Errorf("%d, %v", len(got), err)
	}
	if got, err := secretLines(strings.NewReader("key"), 2); err != nil || len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}

// Lines of standard input may be anything.
func FuzzSecretLines(f *testing.F) {
	f.Add("key\nsecret\n", 2)
	f.Add(strings.Repeat("x", maxSecretLine+1)+"\ny", 2)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = min(max(n, 0), 5)
		got, err := secretLines(strings.NewReader(text), n)
		if err != nil {
			return
		}
		if len(got) > n {
			t.Errorf("%d of %d", len(got), n)
		}
		for _, line := range got {
			if len(line) > maxSecretLine || strings.TrimSpace(line) != line || strings.Contains(line, "\n") {
				t.Errorf("%q", line)
			}
		}
	})
}
