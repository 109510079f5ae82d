package backup_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// While a scheduled backup is being made, the next one of its source is left out, whoever thinks of it; the same one delivered again is no other one. What
// somebody asks for, and other sources, are not held up; nor is anything for ever, or by a run that is dead.
func TestLongBackupHoldsUpTheNext(t *testing.T) {
	w := open(t, "", "postgres://nobody@127.0.0.1:1/none", "BACKUP_MAX_CONCURRENT=20")
	w.Service.Configured = source.List{Sources: []source.Settings{{Name: "a", Schedule: "0 * * * *"}, {Name: "b", Schedule: "0 * * * *"}}}
	now := time.Now().Truncate(time.Hour)
	w.Service.Now = func() time.Time { return now }
	reserve := func(name, trigger string, due time.Time) (backup.Backup, error) {
		return w.Service.Reserve(t.Context(), backup.Request{Source: name, Trigger: trigger, CreatedBy: backup.Scheduler, IdempotencyKey: backup.DueKey(due)})
	}
	first, err := reserve("a", backup.TriggerSchedule, now)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := reserve("a", backup.TriggerSchedule, now); err != nil || again.ID != first.ID {
		t.Errorf("delivered again: %+v, %v", again, err)
	}
	next := now.Add(time.Hour)
	now = next
	if _, err := reserve("a", backup.TriggerSchedule, next); !fault.HasReason(err, fault.Busy) {
		t.Errorf("beside it: %v", err)
	}
	if keys := w.keys(registry.IntentsPrefix); len(keys) != 1 {
		t.Errorf("left are %v", keys)
	}
	if _, err := reserve("b", backup.TriggerSchedule, next); err != nil {
		t.Errorf("of another source: %v", err)
	}
	if b, err := reserve("a", backup.TriggerAPI, next); err != nil {
		t.Errorf("that somebody asks for: %v", err)
	} else if _, err := w.Service.Withdraw(t.Context(), b.ID, errors.New("nobody starts it")); err != nil {
		t.Fatal(err)
	}
	due := func() (names []string) {
		t.Helper()
		sources, err := w.Service.Sources(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, failed, err := w.Service.Due(t.Context(), sources, time.Time{})
		if err != nil || len(failed) > 0 {
			t.Fatal(failed, err)
		}
		for _, d := range all {
			names = append(names, d.Source.Name)
		}
		return names
	}
	// It ends at half past, and the next one is that of the hour behind it.
	now = next.Add(30 * time.Minute)
	err = w.Service.Registry.Update(t.Context(), func(x *registry.Index) error {
		b := *x.Find(first.ID)
		b.Status, b.Duration = registry.Success, (90 * time.Minute).Milliseconds()
		x.Upsert(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if names := due(); slices.Contains(names, "a") {
		t.Errorf("what came while it was made is due: %v", names)
	}
	now = next.Add(time.Hour)
	if names := due(); !slices.Contains(names, "a") {
		t.Errorf("due are %v", names)
	}
	second, err := reserve("a", backup.TriggerSchedule, now)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	third, err := reserve("a", backup.TriggerSchedule, now)
	if err != nil || third.ID == second.ID {
		t.Errorf("beside one that has been in progress for a day: %+v, %v", third, err)
	}
	// Of one whose process died nobody has heard for longer than its lease: it is settled, and holds up nothing.
	configured := w.Service.Configured
	w = open(t, w.dir, w.url)
	w.Service.Registry, w.Service.Configured, w.Service.Now = w.later(), configured, func() time.Time { return now }
	now = now.Add(time.Hour)
	if b, err := reserve("a", backup.TriggerSchedule, now); err != nil || b.ID == third.ID {
		t.Errorf("beside one that is dead: %+v, %v", b, err)
	}
}
