package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/wording"
)

// helpOf is the help of a command as a pipe gets it.
func helpOf(t *testing.T, language string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	look := term.Look{Language: language}
	p := &program{version: "v0.0.0-test", stdout: &out, out: look, screen: term.NewScreen(&out, look)}
	if code := p.run(t.Context(), append(args, "--help")); code != exitOK {
		t.Fatalf("%v --help ends with %d: %s", args, code, out.String())
	}
	return out.String()
}

// TestHelp compares the help of every command with testdata/help; -update writes it anew.
func TestHelp(t *testing.T) {
	var names []string
	for _, c := range (&program{screen: term.NewScreen(os.Stderr, term.Look{})}).root().Commands() {
		if c.Name() != "completion" && c.Name() != "help" {
			names = append(names, c.Name())
			for _, sub := range c.Commands() {
				names = append(names, c.Name()+" "+sub.Name())
			}
		}
		if c.GroupID == "" {
			t.Errorf("%s stands in no group", c.Name())
		}
	}
	for _, name := range append(names, "cofre") {
		for language, says := range map[string][]string{
			wording.English:    {"Examples:\n", "Exit codes:\n", "--json", "130  stopped"},
			wording.Portuguese: {"Exemplos:\n", "Códigos de saída:\n", "--json", "130  interrompido"},
		} {
			t.Run(language+"/"+name, func(t *testing.T) { checkHelp(t, language, name, says) })
		}
	}
}

func checkHelp(t *testing.T, language, name string, says []string) {
	got := helpOf(t, language, slices.DeleteFunc(strings.Fields(name), func(s string) bool { return s == "cofre" })...)
	for _, want := range says {
		if !strings.Contains(got, want) {
			t.Errorf("the help does not say %q", want)
		}
	}
	for _, line := range strings.Split(got, "\n") {
		if len([]rune(line)) > 110 {
			t.Errorf("longer than 110 columns: %s", line)
		}
	}
	folder := filepath.Join("testdata", "help")
	if language != wording.English {
		folder = filepath.Join(folder, language)
	}
	golden := filepath.Join(folder, strings.ReplaceAll(name, " ", "_")+".golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v; run: go test ./pkg/cli -run TestHelp -update", err)
	}
	if got != string(want) {
		t.Errorf("the help has changed; look at it and run: go test ./pkg/cli -run TestHelp -update\n%s", got)
	}
}

// TestHelpIsSaid: all of the help has words in Portuguese, so that none of it is half in one language.
func TestHelpIsSaid(t *testing.T) {
	p := &program{screen: term.NewScreen(os.Stderr, term.Look{})}
	known := func(text string) {
		if text = strings.TrimSpace(text); !wording.Known(wording.Portuguese, text) {
			t.Errorf("pkg/wording has no words for %q", text)
		}
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		known(c.Short)
		if c.Name() != "completion" && !(c.HasParent() && c.Parent().Name() == "completion") {
			known(c.Long)
		}
		for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			set.VisitAll(func(f *pflag.Flag) { known(f.Usage) })
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(p.root())
	for _, e := range exitCodes {
		known(e.meaning)
	}
}

// TestExamplesParse guards examples against options that do not exist.
func TestExamplesParse(t *testing.T) {
	p := &program{screen: term.NewScreen(os.Stderr, term.Look{})}
	commands := p.root().Commands()
	for _, c := range commands {
		commands = append(commands, c.Commands()...)
	}
	for _, c := range commands {
		for _, line := range strings.Split(c.Example, "\n") {
			_, call, ok := strings.Cut(line, c.CommandPath())
			if !ok {
				continue
			}
			call, _, _ = strings.Cut(call, "|")
			call, _, _ = strings.Cut(call, "   ") // what follows is an explanation
			root := p.root()
			found, _, err := root.Find(strings.Fields(c.CommandPath() + " " + call)[1:])
			if err != nil {
				t.Fatal(err)
			}
			found.InheritedFlags() // merges them in
			var flags []string
			for _, word := range strings.Fields(call) {
				if strings.HasPrefix(word, "-") {
					flags = append(flags, word)
				}
			}
			for _, f := range flags {
				f = strings.Trim(f, `")`)
				if !knownFlag(found, f) {
					t.Errorf("%s: unknown option %s", strings.TrimSpace(line), f)
				}
			}
		}
	}
}

func knownFlag(c *cobra.Command, f string) bool {
	if name, ok := strings.CutPrefix(f, "--"); ok {
		name, _, _ = strings.Cut(name, "=")
		return c.Flags().Lookup(name) != nil
	}
	return c.Flags().ShorthandLookup(strings.TrimPrefix(f, "-")) != nil
}

// TestExitCodes guards the mapping of the error codes: every one of them, and those reasons that make a difference.
func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		code   fault.Code
		reason fault.Reason
		want   int
	}{
		{fault.Internal, "", 1},
		{"SomethingElse", "", 1},
		{fault.Validation, fault.InvalidInput, 2},
		{fault.Validation, fault.NotEmpty, 2},
		{fault.BackupCreation, fault.RestoredInPart, 11},
		{fault.Validation, fault.LimitReached, 2},
		{fault.DatabaseConnection, fault.LoginFailed, 3},
		{fault.DatabaseConnection, fault.NotFound, 3},
		{fault.BackupCreation, fault.ExitStatus, 4},
		{fault.FileSystem, fault.NotFound, 5},
		{fault.FileSystem, fault.BucketMissing, 5},
		{fault.Validation, fault.ChecksumMismatch, 6},
		{fault.Validation, fault.SizeMismatch, 6},
		{fault.Validation, fault.StructureDamaged, 6},
		{fault.Validation, fault.ObjectMissing, 6},
		{fault.Validation, fault.TagsMismatch, 6},
		{fault.Permission, fault.AccessDenied, 7},
		{fault.DiskSpace, fault.StorageFull, 8},
		{fault.Validation, fault.NotFound, 9},
		{fault.Canceled, "", 130},
	} {
		if got := exitCode(test.code, test.reason); got != test.want {
			t.Errorf("%s, %s: exit code %d, want %d", test.code, test.reason, got, test.want)
		}
	}
}
