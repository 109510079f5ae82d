package app

import (
	"testing"

	"cofre/pkg/source"
)

// A list of many sources names the database of each: a connection that is kept is opened once for that, and again when it was changed.
func TestNamesOfDatabases(t *testing.T) {
	e, opened := newEngine(Config{getenv: func(string) string { return "" }}, nil), 0
	of := func(version, database string) source.Settings {
		return source.Settings{Name: "shop", Connection: source.Connection{Stored: &source.Stored{Version: version, Open: func() (string, error) {
			opened++
			return "postgresql://u:p@h/" + database, nil
		}}}}
	}
	for _, c := range []struct{ version, want string }{{"1", "shop"}, {"1", "shop"}, {"2", "wiki"}, {"1", "shop"}, {"2", "wiki"}} {
		if got := e.Database(of(c.version, c.want)); got != c.want {
			t.Errorf("version %s is of %q, want %q", c.version, got, c.want)
		}
	}
	if opened != 2 {
		t.Errorf("opened %d times", opened)
	}
}
