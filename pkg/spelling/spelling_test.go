package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"name", "connection", "maxAge"}
	for name, want := range map[string]string{
		"conection": "connection", "Connection": "connection", "maxage": "maxAge", "max_age": "maxAge", "nmae": "name", "name": "name",
		"": "", "retention": "", "x": "", strings.Repeat("name", 1000): "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%.20q: %q, want %q", name, got, want)
		}
	}
	if got := Nearest("name", nil); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
