package backup_test

import (
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// A restore that left something out is recorded as that.
func TestRestoreInPartIsRecorded(t *testing.T) {
	url := newShop(t, 18)
	testenv.LoadSQL(t, url, "CREATE TABLE noted (id int); COMMENT ON TABLE noted IS 'left out'")
	w := open(t, "", url)
	b := w.create(backup.Request{})
	r, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{
		URL: testenv.Postgres(t, 18).NewDatabase(t), Adaptation: backup.Adaptation{SkipKinds: []string{"COMMENT"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Backup.Verification.Level != registry.LevelRestoredInPart || len(r.Target.LeftOut) != 1 || r.Target.LeftOut[0].Entry != "COMMENT ON TABLE noted" {
		t.Errorf("%+v, %+v", r.Backup.Verification, r.Target.LeftOut)
	}
}
