package backup_test

import (
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/postgres/postgrestest"
)

// A backup over several connections and one by pg_dump hold the same, by what was counted of both, and restore the same; the record
// says which is which, and why.
func TestBothEngines(t *testing.T) {
	url := testenv.Postgres(t, 17).NewDatabase(t)
	testenv.LoadSQL(t, url, postgrestest.Nasty)
	w := open(t, "", url, "BACKUP_ENGINE=parallel", "BACKUP_JOBS=2")
	many := w.create(backup.Request{})
	few := w.create(backup.Request{Jobs: 1})
	if many.Engine != backup.EngineParallel || many.Jobs != 2 || few.Jobs != 1 || many.EngineReason != "" {
		t.Errorf("%+v, %+v", many, few)
	}
	one := open(t, w.dir, url, "BACKUP_ENGINE=pg_dump").create(backup.Request{})
	if one.Engine != backup.EnginePgDump || one.EngineReason == "" || one.Jobs != 1 {
		t.Errorf("%+v", one)
	}
	small := open(t, w.dir, url).create(backup.Request{})
	if small.EngineReason != "the database is small" {
		t.Errorf("%+v", small)
	}
	for _, b := range []backup.Backup{many, few, small} {
		d, err := w.Service.Diff(t.Context(), b.ID, one.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Equal() {
			t.Errorf("%s %s differs: %+v", b.Engine, b.EngineReason, d)
		}
	}
	for _, b := range []backup.Backup{many, few} {
		if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
			t.Errorf("%+v, %v", v, err)
		}
	}
	for _, jobs := range []int{1, 4} {
		to := testenv.Postgres(t, 17).NewDatabase(t)
		if _, err := w.Service.Restore(t.Context(), many.ID, backup.RestoreRequest{URL: to, Jobs: jobs}); err != nil {
			t.Fatal(err)
		}
		same(t, url, to)
	}
}

// A backup that storage, or a limit, ends in the middle ends at once, whoever reads the rows: nobody waits for what nobody takes.
func TestEndsInTheMiddle(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE t AS SELECT i, (SELECT string_agg(md5((i * k)::text), '') FROM generate_series(1, 300) k) AS v FROM generate_series(1, 3000) i")
	for _, engine := range []string{"parallel", "pg_dump"} {
		for _, format := range []string{backup.FormatCustom, backup.FormatPlain} {
			w := open(t, "", url, "BACKUP_ENGINE="+engine, "BACKUP_ENABLE_COMPRESSION=false", "BACKUP_MAX_SIZE_GB=0.001")
			_, err := w.Service.Create(t.Context(), backup.Request{Format: format}, nil)
			want(t, err, fault.DiskSpace, "")
			w.nothingLeft()
		}
	}
}
