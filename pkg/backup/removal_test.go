package backup_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// A removal whose process died is finished by the next cleanup, and stands in the audit trail under the name of who asked.
func TestFinishedRemovalIsAudited(t *testing.T) {
	w := open(t, "", "postgresql://user@127.0.0.1:1/loja")
	b := w.listed("old.dump")
	data, err := json.Marshal(registry.Intent{Version: 1, Kind: "remove", By: "local:ana", Backup: b, Admitted: true, LeaseMS: -60_000, Token: "x"})
	if err == nil {
		_, err = w.Store.Put(t.Context(), registry.RemovalKey(b.ID), data, storage.PutOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	rep, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{By: "local:rui"})
	if err != nil || len(rep.Leftovers.Removed) != 1 || len(rep.Leftovers.Problems) > 0 {
		t.Fatalf("%+v: %v", rep.Leftovers, err)
	}
	page, err := w.Audit.List(t.Context(), contract.ListAuditParams{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Records) != 1 || page.Records[0].Actor != "local:ana" || page.Records[0].Action != "delete" || page.Records[0].Resource != b.ID {
		t.Errorf("the trail holds %+v", page.Records)
	}
}

// listed puts a backup on record.
func (w *world) listed(name string) backup.Backup {
	w.t.Helper()
	b := drawn(rand.New(rand.NewPCG(2, 2)), 1)[0]
	b.Filename, b.Filepath = name, registry.FilesPrefix+name
	err := w.Service.Registry.Update(w.t.Context(), func(x *registry.Index) error {
		x.Upsert(b)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// Where the quota is full, whoever may remove backups has what is expired removed, and that stands in the audit trail under his
// name; whoever may not is refused, and nothing is touched.
func TestRoomForABackup(t *testing.T) {
	for _, may := range []bool{true, false} {
		w := open(t, "", "postgresql://user@127.0.0.1:1/loja", "BACKUP_MAX_STORAGE_SIZE_GB=0.000004") // 4,294 bytes
		var all []backup.Backup
		err := w.Service.Registry.Update(t.Context(), func(x *registry.Index) error {
			all = drawn(rand.New(rand.NewPCG(2, 2)), 2)
			for i, days := range []int{400, 1} {
				b := &all[i]
				b.Source, b.Database, b.Selection, b.Content, b.Labels = "loja", "loja", nil, "all", nil
				b.Status, b.Outcome, b.Error, b.Size, b.CreatedAt = registry.Success, registry.Succeeded, nil, 3000, time.Now().AddDate(0, 0, -days).UTC()
				b.Verification, b.Verifications = &registry.Verification{OK: true, Level: registry.LevelStream, At: b.CreatedAt}, nil
				x.Upsert(*b)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !may {
			w.Service.MakeRoom = nil
		}
		_, err = w.Service.Reserve(t.Context(), backup.Request{CreatedBy: "ana", Trigger: backup.TriggerAPI})
		page, aerr := w.Audit.List(t.Context(), contract.ListAuditParams{Limit: 10})
		if aerr != nil {
			t.Fatal(aerr)
		}
		_, gone := w.Service.Info(t.Context(), all[0].ID)
		if !may {
			want(t, err, fault.DiskSpace, fault.StorageFull)
			if len(page.Records) > 0 || gone != nil {
				t.Errorf("refused, and the trail holds %+v, the old one: %v", page.Records, gone)
			}
			continue
		}
		if err != nil || !fault.HasReason(gone, fault.NotFound) {
			t.Errorf("reserve: %v, the old one: %v", err, gone)
		}
		if len(page.Records) != 1 || page.Records[0].Actor != "ana" || page.Records[0].Action != "cleanup" || page.Records[0].Detail["removed"] != "1" || page.Records[0].Detail["because"] == "" {
			t.Errorf("the trail holds %+v", page.Records)
		}
	}
}
