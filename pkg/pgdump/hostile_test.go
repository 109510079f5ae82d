package pgdump_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// Whoever may write to the storage may put psql's commands into a script. None is run, in none of the ways to restore
// with psql, and the target is left as it was.
func TestCommandsInAScriptAreNotRun(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	data := string(source(t, 18, pgdump.Plain))
	key, _, ok := strings.Cut(data[strings.Index(data, `\restrict `)+len(`\restrict `):], "\n")
	if !ok {
		t.Fatal("pg_dump wrote no \\restrict")
	}
	without := strings.ReplaceAll(strings.ReplaceAll(data, `\restrict `+key+"\n", ""), `\unrestrict `+key+"\n", "")
	command := `\! touch ` + mark + "\n"
	const table, row = "CREATE TABLE public.customer", "COPY public.customer"
	scripts := map[string]string{
		"without its pair":               strings.Replace(without, table, command+table, 1),
		"in front":                       command + without,
		"after its own end":              strings.Replace(data, table, `\unrestrict `+key+"\n"+command+table, 1),
		"a pair of another key":          strings.Replace(without, table, "\\restrict a\n\\unrestrict a\n"+command+table, 1),
		"a second pair at the front":     strings.Replace(data, `\restrict `+key+"\n", `\restrict `+key+"\n\\restrict b\n\\unrestrict b\n"+command, 1),
		"behind the data":                strings.Replace(without, "\n\\.\n", "\n\\.\n"+command, 1),
		"behind the end":                 data + command,
		"between the end and the end":    strings.Replace(data, `\unrestrict `+key+"\n", `\unrestrict `+key+"\n"+command+`\unrestrict `+key+"\n", 1),
		"in a comment of a hostile name": strings.Replace(without, "-- Name: customer;", "-- Name: cust\n"+command+"--;", 1),
		"copy to a program":              strings.Replace(without, table, `\copy (SELECT 1) TO PROGRAM 'touch `+mark+"'\n"+table, 1),
		"output to a program":            strings.Replace(without, table, `SELECT 1 \g |touch `+mark+"\n"+table, 1),
		"a variable":                     strings.Replace(without, table, "\\set x `touch "+mark+"`\n"+table, 1),
		"another connection":             strings.Replace(without, table, "\\connect postgres\n"+table, 1),
		"an included file":               strings.Replace(without, row, "\\i /etc/passwd\n"+row, 1),
	}
	for _, major := range []int{15, 18} {
		s := testenv.Postgres(t, major)
		db := target(t, s.NewDatabase(t))
		for name, script := range scripts {
			if script == without || script == data {
				t.Fatalf("%s: the script was not changed", name)
			}
			report, err := client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: db, Format: pgdump.Plain}, strings.NewReader(script))
			t.Run(fmt.Sprint(name, major), func(t *testing.T) { wantState(t, db, report, err, true) })
			wantFault(t, err, fault.Validation, fault.StructureDamaged, "commands for psql")
			if _, err := os.Stat(mark); err == nil {
				t.Fatalf("%s: the command was run", name)
			}
		}
	}
	// An old pg_dump's script, without a pair, is restored all the same.
	db := target(t, testenv.Postgres(t, 18).NewDatabase(t))
	if report, err := client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: db, Format: pgdump.Plain}, strings.NewReader(without)); err != nil || report.Done["TABLE"] != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

// The definitions of an archive go through psql where the server is older than pg_restore.
func TestCommandsInAnArchiveAreNotRun(t *testing.T) {
	const room = "'0123456789012345678901234567890123456789012345678901234567890123456789'"
	dir, err := os.MkdirTemp("/tmp", "m")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	mark := filepath.Join(dir, "m")
	hostile := "'';\n\\! touch " + mark + "\nSELECT '"
	hostile += strings.Repeat("x", len(room)-len(hostile)-1) + "'"
	s := testenv.Postgres(t, 15)
	from := target(t, s.NewDatabase(t))
	testenv.LoadSQL(t, s.URL(from.Database()), "CREATE TABLE t (v text DEFAULT "+room+")")
	data, err := dump(t, client(t, 18), pgdump.DumpOptions{Target: from})
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(data, []byte(room), []byte(hostile), 1)
	if bytes.Equal(changed, data) {
		t.Fatal("the archive was not changed")
	}
	to := target(t, s.NewDatabase(t))
	report, err := client(t, 18).Restore(context.Background(), pgdump.RestoreOptions{Target: to}, bytes.NewReader(changed))
	if report.Method != "pg_restore | psql" {
		t.Errorf("restored by %s", report.Method)
	}
	wantState(t, to, report, err, true)
	wantFault(t, err, fault.Validation, fault.StructureDamaged, "commands for psql")
	if _, err := os.Stat(mark); err == nil {
		t.Error("the command was run")
	}
}

// A psql that knows no \restrict would run whatever stands in a script.
func TestOldPsqlIsRefused(t *testing.T) {
	dir := fakeVersion(t, "18.0")
	for name, script := range map[string]string{"knows none": "echo '  \\copyright'; exit 0", "fails": "exit 1", "hangs": "exec sleep 60"} {
		if err := os.WriteFile(filepath.Join(dir, "psql"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		c, err := pgdump.Find(context.Background(), pgdump.FindOptions{Path: dir})
		if err != nil {
			t.Fatal(err)
		}
		db := target(t, testenv.Postgres(t, 18).NewDatabase(t))
		_, err = c.Restore(context.Background(), pgdump.RestoreOptions{Target: db, Format: pgdump.Plain}, bytes.NewReader(source(t, 18, pgdump.Plain)))
		reason := fault.ClientMissing
		if name == "knows none" {
			reason = fault.ClientTooOld
		}
		wantFault(t, err, fault.Validation, reason, "psql")
		if empty, _, err := postgres.Empty(context.Background(), db); err != nil || !empty {
			t.Errorf("%s: something was restored, %v", name, err)
		}
	}
}

func TestHoles(t *testing.T) {
	for version, want := range map[string]string{
		"18.6": "", "17.12": "", "15.20": "", "18.4": "", "19beta1": "", "18.3": "CVE-2026-6477", "17.9": "CVE-2026-6477",
		"18.0": "CVE-2026-6477 CVE-2025-12818", "17.5": "CVE-2026-6477 CVE-2025-12818 CVE-2025-8714",
		"13.23": "CVE-2026-6477", "12.22": "CVE-2026-6477 CVE-2025-12818 CVE-2025-8714", "9.6.24": "CVE-2026-6477 CVE-2025-12818 CVE-2025-8714",
	} {
		c, err := pgdump.Find(context.Background(), pgdump.FindOptions{Path: fakeVersion(t, version)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range c.Holes() {
			got = append(got, h.CVE)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %q", version, got, want)
		}
	}
}
