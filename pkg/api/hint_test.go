package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/wording"
)

// Options of the command line mean nothing in a browser.
func TestHintsNameNoOptions(t *testing.T) {
	for hint, want := range map[string]string{
		"See its messages; run again with --verbose for all of them.":                               "See its messages.",
		"Run it again with --verbose.":                                                              "",
		"Put the directory into its own field (--output).":                                          "Put the directory into its own field.",
		"Create them (CREATE ROLE ...). Or leave it out: --no-owner.":                               "Create them (CREATE ROLE ...). Or leave it out.",
		"If it is another database, give it another name (BACKUP_SOURCE, or --source). Or move it.": "If it is another database, give it another name. Or move it.",
		"Start the server -- then try again.":                                                       "Start the server -- then try again.",
		"For example: cofre restore ID --to URL":                                                    "",
		"":                                                                                          "",
		"Follow it with: cofre status 01ARZ3NDEKTSV4RRFFQ69G5FAV":                                   "Follow it.",
		"Try again in a few minutes. If that process has died, run cofre cleanup.":                  "Try again in a few minutes. If that process has died, run a cleanup.",
		"Try again in a few minutes, or run: cofre cleanup":                                         "Try again in a few minutes, or run a cleanup.",
		"Remove backups (cofre cleanup, cofre delete) or raise BACKUP_MAX_STORAGE_SIZE_GB.":         "Remove backups or raise BACKUP_MAX_STORAGE_SIZE_GB.",
		"Free space there, or remove old backups with `cofre cleanup`.":                             "Free space there, or remove old backups with a cleanup.",
		"Say so once: cofre source moved \"a b\".":                                                  "Say so once: cofre source moved \"a b\", on the command line.",
		"Say so once: cofre source moved shop/eu-1.":                                                "Say so once: cofre source moved shop/eu-1, on the command line.",
		"Give --tls-cert and --tls-key; or listen on 127.0.0.1.":                                    "Listen on 127.0.0.1.",
		"Report it to the makers of cofre with the messages.":                                       "Report it to the makers of cofre with the messages.",
	} {
		if got := hintOf(hint); got != want {
			t.Errorf("%q\nbecomes %q\nwant    %q", hint, got, want)
		}
	}
	const cli = "See its messages; run again with --verbose for all of them."
	f := fault.New(fault.BackupCreation, fault.ExitStatus, cli, "pg_dump failed")
	record := registry.Error{Code: f.Code, Reason: f.Reason, Message: f.Message, Hint: cli}
	if w := wordings("there is no second location \"x\"", hintOf("List the backups there are with: cofre list")); len(w) != 1 || w[0].Language != "pt-BR" || w[0].Text != "não há segundo local \"x\"" || w[0].Hint != "Liste os backups." {
		t.Errorf("in other languages: %+v", w)
	}
	if w := wordings("FATAL: of the server", ""); w != nil {
		t.Errorf("in other languages: %+v", w)
	}
	doc := problem{fault: f}.answer(nil, "1", slog.New(slog.DiscardHandler))
	for door, hint := range map[string]string{
		"a record": backupError(record).Hint, "a finding": finding(overview.Finding{Hint: cli, Error: &record}).Hint, "a check": failing("database", f).Hint,
		"an answer": doc.problem.Hint,
	} {
		if door != "an answer" && strings.Contains(hint, "--") {
			t.Errorf("%s says %q", door, hint)
		}
	}
}

// TestTextsNameNoCommands goes through every text in the sources that names a command and may reach a screen, and holds what is made of
// it against testdata/hints.txt, where people can read it. go test -run TestTextsNameNoCommands -update writes that anew.
func TestTextsNameNoCommands(t *testing.T) {
	var got strings.Builder
	for _, text := range textsWithCommands(t) {
		shown := hintOf(text)
		fmt.Fprintf(&got, "%s\n    %s\n", text, shown)
		if _, others := wording.Commands(shown); len(others) > 0 {
			t.Errorf("%q\nbecomes %q", text, shown)
		}
		if strings.ContainsAny(shown, "`") || strings.Contains(shown, " .") || regexp.MustCompile(`(\b(with|by|run|at|or|from)|:)\.?$`).MatchString(shown) {
			t.Errorf("%q\nbecomes %q, which is no sentence", text, shown)
		}
	}
	const file = "testdata/hints.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got.String() {
		t.Errorf("%v; the texts are\n%s\nlook at them, then run this test with -update", err, got.String())
	}
}

var update = flag.Bool("update", false, "write testdata/hints.txt anew")

// textsWithCommands returns the texts in the sources of all packages but those of the command line which name one of its commands,
// sorted. What is put together with something else has an id in its place.
func textsWithCommands(t *testing.T) []string {
	t.Helper()
	var texts []string
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (path == "../cli" || path == "../demo" || path == "../wording" || e.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			expr, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := textOf(expr)
			if !ok {
				return true
			}
			if only, others := wording.Commands(text); len(only)+len(others) > 0 && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
			return false
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 30 {
		t.Errorf("only %d texts were found", len(texts))
	}
	slices.Sort(texts)
	return texts
}

// textOf returns a text, or one put together with +.
func textOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := textOf(e.X)
		right, too := textOf(e.Y)
		const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
		switch {
		case e.Op != token.ADD, !ok && !too:
			return "", false
		case !ok:
			left = id
		case !too:
			right = id
		}
		return left + right, true
	}
	return "", false
}

// FuzzColumns: whatever is asked for as columns, it is a list or refused.
func FuzzColumns(f *testing.F) {
	for _, s := range []string{"", "id,name", `id,"a, b"`, `"`, "\n", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		names, err := columnList(s)
		if err != nil && !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%q: %v", s, err)
		}
		if err == nil && s != "" && len(names) > len(s)+1 {
			t.Errorf("%q are %d columns", s, len(names))
		}
	})
}

// FuzzSourceSettings: whatever is sent as settings, it is refused, or read as what is written is read again.
func FuzzSourceSettings(f *testing.F) {
	f.Add([]byte(`{"name":"shop","schedule":"0 3 * * *","tags":{"team":"a"},"retention":{"days":30},"copies":[]}`))
	f.Add([]byte(`{"name":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		of, err := sourceSettings(data)
		if err != nil {
			return
		}
		written, err := json.Marshal(of)
		if err != nil {
			t.Fatalf("%q cannot be written: %v", data, err)
		}
		again, err := sourceSettings(written)
		if err != nil {
			t.Fatalf("%q is written as %s, which cannot be read: %v", data, written, err)
		}
		if twice, err := json.Marshal(again); err != nil || string(twice) != string(written) {
			t.Errorf("%q is written as %s, and then as %s, %v", data, written, twice, err)
		}
	})
}

// FuzzHint: whatever a hint says, what is made of it names no option and no command that has another name here.
func FuzzHint(f *testing.F) {
	f.Add("Follow it with: cofre status 01ARZ3NDEKTSV4RRFFQ69G5FAV; or `cofre cleanup` (cofre list, cofre restore) --x")
	f.Fuzz(func(t *testing.T, s string) {
		got := hintOf(s)
		if len(got) > 4*len(s)+64 {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}

func TestHealthOfNoSource(t *testing.T) {
	a := &API{Config: Config{Service: &backup.Service{}}}
	if check := a.checkSources(t.Context(), overview.Overview{}, nil); check.Result != contract.HealthCheckResultWarning || check.Detail != "no source yet" {
		t.Errorf("where nothing is backed up: %+v", check)
	}
}

// Of several sources the worst comes first, gives the check its result, and is named.
func TestFindingsOf(t *testing.T) {
	refused := fault.New(fault.DatabaseConnection, fault.PortRefused, "Start it.", "connection refused")
	down, target := backup.Failing("database of source shop", refused), backup.Check{Name: "target staging", Result: backup.CheckWarning, Detail: "it is a superuser", Hint: "Name another role."}
	down.Source = "shop"
	check := contract.HealthCheck{Result: contract.HealthCheckResultOk}
	findings := findingsOf([]backup.Check{{Name: "database of source books", Source: "books", Result: backup.CheckOK, Detail: "can be read"}, target, down}, &check)
	if got, want := joined(findings), "shop: connection refused; target staging: it is a superuser; books: can be read"; got != want {
		t.Errorf("found %q, not %q", got, want)
	}
	if check.Result != contract.HealthCheckResultFailed || check.Source != "shop" || check.Hint != "Start it." || check.Reason != "port_refused" {
		t.Errorf("the check is %+v", check)
	}
	many := findingsOf(slices.Repeat([]backup.Check{target}, maxFindings+3), &check)
	if len(many) != maxFindings+1 || many[maxFindings].Text != "and 3 more" {
		t.Errorf("of too many %d are left, the last %+v", len(many), many[len(many)-1])
	}
}
