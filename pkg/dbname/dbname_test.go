package dbname

import (
	"strings"
	"testing"

	"cofre/pkg/fault"
)

func TestNames(t *testing.T) {
	for name, c := range map[string]struct{ valid, requested bool }{
		"shop": {true, true}, "Shop-2.0_x$": {true, true}, "café": {true, true}, "2024": {true, true}, "_x": {true, true}, strings.Repeat("x", Max): {true, true},
		"": {}, strings.Repeat("x", Max+1): {}, strings.Repeat("é", 32): {}, "a\x00b": {}, "a\nb": {}, "a\x7fb": {},
		"my shop": {valid: true}, "host=elsewhere": {valid: true}, "postgres://h/d": {valid: true}, "-d": {valid: true}, `a"b`: {valid: true}, "a\xff": {valid: true}, ".x": {valid: true},
		"postgres": {valid: true}, "template0": {valid: true}, "Template1": {valid: true},
	} {
		for what, err := range map[string]error{"valid": Check(name), "requested": CheckRequested(name)} {
			good := what == "valid" && c.valid || what == "requested" && c.requested
			if good != (err == nil) || err != nil && (!fault.HasReason(err, fault.InvalidInput) || fault.From(err).Hint == "") {
				t.Errorf("%q is %s: %v", name, what, err)
			}
		}
	}
	for name, own := range map[string]bool{"postgres": true, "Postgres": false, "template0": true, "template1": true, "template2": false, "shop": false, "": false} {
		if Own(name) != own {
			t.Errorf("%q", name)
		}
	}
}
