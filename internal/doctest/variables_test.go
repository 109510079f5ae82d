package doctest

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cofre/pkg/app"
	"cofre/pkg/storage/s3"
)

var variableName = regexp.MustCompile(`\b(?:BACKUP|PGDUMP)_[A-Z_]+\b`)

// knownVariables asks cofre which variables it knows: it lists them when it refuses an unknown one.
func knownVariables(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command(filepath.Join(built(t), "cofre"), "list")
	cmd.Env = []string{"BACKUP_NONSENSE=1", "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "unknown environment variable BACKUP_NONSENSE") {
		t.Fatalf("an unknown variable was not refused: %v\n%s", err, out)
	}
	names := slices.DeleteFunc(variableName.FindAllString(string(out), -1), func(s string) bool { return s == "BACKUP_NONSENSE" })
	slices.Sort(names)
	return slices.Compact(names)
}

// TestVariables compares README's table of variables with what the program knows, both ways.
func TestVariables(t *testing.T) {
	known := knownVariables(t)
	var documented []string
	for _, row := range documents(t)[0].table(t, "variable", "default", "meaning") {
		name := strings.Trim(row[0], "`")
		if variableName.MatchString(name) {
			documented = append(documented, name)
		}
	}
	slices.Sort(documented)
	if !slices.Equal(known, documented) {
		t.Errorf("cofre knows\n%v\nREADME.md lists\n%v", known, documented)
	}
	for _, d := range documents(t) {
		for _, s := range d.texts() {
			for _, name := range variableName.FindAllString(s.text, -1) {
				if !slices.Contains(known, name) {
					t.Errorf("%s:%d: there is no variable %s", d.name, s.line, name)
				}
			}
		}
	}
}

// texts are all lines of a document, those of blocks included.
func (d document) texts() []span {
	var out []span
	for _, l := range d.lines {
		out = append(out, span{l.number, l.text})
	}
	for _, b := range d.blocks {
		for i, l := range strings.Split(b.text, "\n") {
			out = append(out, span{b.line + i, l})
		}
	}
	return out
}

// elsewhere are defaults that the configuration leaves to the store.
var elsewhere = map[string]func(*app.Config){
	"BACKUP_PART_SIZE_MB":       func(c *app.Config) { c.PartSizeMB = s3.DefaultPartSize >> 20 },
	"BACKUP_UPLOAD_CONCURRENCY": func(c *app.Config) { c.UploadConcurrency = s3.DefaultConcurrency },
}

// TestDefaults: setting a variable to the default that README's table gives changes nothing, and a variable
// without one is empty, false or zero.
func TestDefaults(t *testing.T) {
	for _, row := range documents(t)[0].table(t, "variable", "default", "meaning") {
		name, value := strings.Trim(row[0], "`"), strings.Trim(row[1], "`")
		if !variableName.MatchString(name) || value == row[1] && value != "" {
			continue // described in words
		}
		given, err := app.Load([]string{name + "=" + value})
		if err != nil {
			t.Errorf("%s=%s: %v", name, value, err)
			continue
		}
		unset, err := app.Load(nil)
		if err != nil {
			t.Fatal(err)
		}
		if fill := elsewhere[name]; fill != nil {
			fill(&unset)
		}
		a, b := reflect.ValueOf(given), reflect.ValueOf(unset)
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
				t.Errorf("README.md gives %s the default %q, which sets %s to %v; without it, it is %v", name, value, f.Name, a.Field(i), b.Field(i))
			}
		}
	}
}
