package source

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Which databases patterns choose, and what is no pattern.
func TestPatterns(t *testing.T) {
	for text, want := range map[string]string{
		`"*"`: "app,app_test,wiki", `["app*", "!*_test"]`: "app", `["wiki"]`: "wiki", `["?iki", "app"]`: "app,wiki", `["app", "[a-w]*"]`: "app", `["!app"]`: "", `[""]`: "", `"!"`: "",
	} {
		var p Patterns
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, name := range []string{"app", "app_test", "wiki"} {
			if p.Match(name) {
				got = append(got, name)
			}
		}
		if err := p.check(); (err == nil) != (want != "") || err == nil && strings.Join(got, ",") != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// What cannot be a source of its own is left out, and why is said.
func TestFollow(t *testing.T) {
	long := strings.Repeat("x", 60)
	s := Settings{Name: "main", Databases: Patterns{"*"}, Jobs: 3, Restore: []string{"new"}}
	got, left := s.Follow([]Seen{{"shop", ""}, {"Shop", ""}, {"tpl", "a template"}, {long, ""}, {"wiki", ""}, {"own", ""}, {"a/b", ""}, {"../..", ""}}, func(name string) (bool, bool) { return name == "main/own", true })
	var names []string
	for _, one := range got {
		names = append(names, one.Name)
		if one.Jobs != 3 || len(one.Databases) > 0 || one.Restore != nil || "main/"+one.Database != one.Name {
			t.Errorf("%+v", one)
		}
	}
	if !slices.Equal(names, []string{"main/../..", "main/a/b", "main/shop", "main/wiki"}) || len(left) != 4 || left[0].Database != "Shop" || !strings.Contains(left[0].Why, "by case alone") || !left[0].Conflict || left[1].Database != "own" || left[1].Conflict || left[2].Conflict || !strings.Contains(left[3].Why, "too long") {
		t.Errorf("%v, %+v", names, left)
	}
}

func FuzzPatterns(f *testing.F) {
	for _, text := range []string{`"*"`, `["a*", "!b"]`, `[1]`, `null`, `{}`, `["["]`} {
		f.Add([]byte(text), "app")
	}
	f.Fuzz(func(t *testing.T, data []byte, database string) {
		var p Patterns
		if p.UnmarshalJSON(data) != nil || p.check() != nil {
			return
		}
		if len(p) == 0 && p.Match(database) || len(p) > maxPatterns {
			t.Errorf("%q chooses %q", p, database)
		}
	})
}
