package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cofre/pkg/app"
	"cofre/pkg/cli/term"
	"cofre/pkg/source"
)

// The command line shows each key of cofre.yaml under its name, of a file that has each of them (pkg/configfile).
func TestEveryKeyIsShown(t *testing.T) {
	example, err := filepath.Abs("../configfile/testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"BACKUP_CONFIG=" + example, "BACKUP_DIRECTORY=" + t.TempDir(), "HOME=" + t.TempDir()}
	c, err := app.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(args ...string) string {
		var out bytes.Buffer
		look := term.Look{}
		p := &program{environ: environ, stdin: os.Stdin, stdout: &out, out: look, screen: term.NewScreen(&out, look)}
		if code := p.run(t.Context(), args); code != 0 {
			t.Fatalf("%q: %d\n%s", args, code, out.String())
		}
		return out.String()
	}
	want := func(text string, settings any) {
		t.Helper()
		for _, v := range source.Flat(settings) {
			if v.Key != "name" && !strings.Contains(text, "\n  "+v.Key+" ") {
				t.Errorf("%s is not shown in\n%s", v.Key, text)
			}
		}
	}
	all := shown("config", "show")
	for _, s := range c.File.Sources {
		want(all, s)
	}
	want(all, c.File.Retention)
	// One source, whose copies lie where nobody has to be waited for.
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	one, _, _ := strings.Cut(string(text), "  - name: many")
	one = strings.Replace(one, "checks.yaml", filepath.Join(filepath.Dir(example), "checks.yaml"), 1) + "places:\n  - {name: near, directory: " + t.TempDir() + "}\n"
	own := filepath.Join(t.TempDir(), "cofre.yaml")
	if err := os.WriteFile(own, []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	environ = append(environ, "BACKUP_CONFIG="+own)
	want(shown("source", "show", "shop"), c.File.Sources[0])
	for _, x := range c.File.Places {
		want(all, x)
	}
	for _, x := range c.File.Channels {
		want(all, x)
	}
}
