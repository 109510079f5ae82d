package backup_test

import (
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// said is the run's log as it is told of a backup.
func (w *world) said(id string) string {
	w.t.Helper()
	_, lines, err := w.Service.RunLog(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, l := range lines {
		all = append(all, l.Text)
	}
	return strings.Join(all, "\n")
}

// Of a run that is killed the log is there up to a few seconds before, while it goes on and afterwards, and goes with the record.
func TestRunLogOfAKilledRun(t *testing.T) {
	w, _ := throttled(t)
	kill := w.startElsewhere("COFRE_TEST_CREATE=1")
	begun := func(text string) bool {
		return strings.Contains(text, "begins (") && strings.Contains(text, "connected to ")
	}
	id, running := "", ""
	for deadline := time.Now().Add(time.Minute); !begun(running); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is all that is there of it", running)
		}
		if keys := w.keys(registry.LogsPrefix); len(keys) == 1 {
			id = strings.TrimSuffix(strings.TrimPrefix(keys[0], registry.LogsPrefix), ".txt")
			running = w.said(id)
		}
	}
	kill()
	if _, err := w.later().Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := w.Service.Info(t.Context(), id)
	if err != nil || b.Outcome != registry.Interrupted || b.Error.Reason != fault.RunLost {
		t.Fatalf("%+v, %v", b, err)
	}
	if text := w.said(id); !strings.HasPrefix(text, running) || strings.Contains(text, "\ndone") {
		t.Errorf("it said\n%s\nbefore, and now\n%s", running, text)
	}
	if _, err := w.Service.Delete(t.Context(), id, "ana"); err != nil {
		t.Fatal(err)
	}
	if left := w.keys(registry.LogsPrefix); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

// A run's log is kept as long as the backup's record, of success and of failure, and holds no password.
func TestRunLogIsKept(t *testing.T) {
	w := open(t, "", testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t))
	good := w.create(backup.Request{})
	text := w.said
	for _, part := range []string{"begins (", "connected to ", "reading ", "stored and checked: ", good.Checksum, "contains ", "done"} {
		if !strings.Contains(text(good.ID), part) {
			t.Errorf("%q is not in\n%s", part, text(good.ID))
		}
	}
	broken := open(t, w.dir, w.url, "PGDUMP_PATH="+pgDumpWrapper(t, `echo "pg_dump: error: the last words" >&2; exit 1`))
	failed, err := broken.Service.Create(t.Context(), backup.Request{}, nil)
	if err == nil || failed.ID == "" {
		t.Fatalf("%+v, %v", failed, err)
	}
	if said := text(failed.ID); !strings.Contains(said, "failed") || !strings.Contains(said, "BackupCreationError: ") || !strings.Contains(said, "pg_dump: error: the last words") {
		t.Error(said)
	}
	for _, key := range w.keys(registry.LogsPrefix) {
		if strings.Contains(string(w.bytesAt(key)), "postgres://") || strings.Contains(string(w.bytesAt(key)), "password=") {
			t.Errorf("%s holds a connection", key)
		}
	}
	// What lies there may be anybody's: it is text, bounded, of lines that say something.
	kept := w.bytesAt(registry.LogKey(failed.ID))
	hostile := "2026-11-25T10:00:00.000Z \x1b[2J\xffred\u009b\x00\n9999999-99-99T00:00:00.000Z odd\n" + strings.Repeat("\n", 20_000) + strings.Repeat("x\n", 1<<20)
	w.put(registry.LogKey(failed.ID), []byte(hostile))
	_, lines, err := w.Service.RunLog(t.Context(), failed.ID)
	if err != nil || len(lines) != 5001 || lines[0].Text != "[2Jred" || lines[0].At.IsZero() || !lines[1].At.IsZero() || lines[2].Text != "x" || lines[5000].Text != "…" {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	w.put(registry.LogKey(failed.ID), kept)
	if _, err := w.Service.Delete(t.Context(), failed.ID, "ana"); err != nil {
		t.Fatal(err)
	}
	if left := w.keys(registry.LogsPrefix); len(left) != 1 || left[0] != registry.LogKey(good.ID) {
		t.Errorf("%v is left", left)
	}
}
