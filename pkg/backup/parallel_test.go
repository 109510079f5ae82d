package backup_test

import (
	"bytes"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// A restore that reads tables by parts never sees the object's SHA-256: the manifest's checksum of each table's data
// takes its place. The data is stored uncompressed here, so that nothing but that checksum can notice.
func TestParallelRestoreNoticesAFlippedBit(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	b := w.create(backup.Request{Compression: "none"})
	layout, err := w.Service.Registry.Layout(t.Context(), b.ID)
	if err != nil || layout == nil || len(layout.Blocks) < 2 {
		t.Fatalf("layout %+v, %v", layout, err)
	}
	data := w.object(b)
	block, err := registry.ParseBlock(layout.Blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	// A letter of some customer's or invoice's text: another letter is as good a text.
	at := block.Offset + block.Length/2
	for ; data[at] < 'a' || data[at] > 'e'; at++ {
	}
	data[at]++
	if _, err := w.Store.Put(t.Context(), b.Filepath, data, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, jobs := range map[string]int{"in parallel": 2, "in one stream": 1} {
		t.Run(name, func(t *testing.T) {
			target := testenv.Postgres(t, 18).NewDatabase(t)
			_, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target, Jobs: jobs})
			want(t, err, fault.Validation, fault.ChecksumMismatch)
		})
	}
}

// A table of contents that is not the one that was stored restores nothing, also where it looks whole: a smaller number of
// entries ends it early.
func TestParallelRestoreNoticesAnotherHead(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	b := w.create(backup.Request{Compression: "none"})
	data := w.object(b)
	for name, change := range map[string]func(d []byte){
		"a letter": func(d []byte) { d[bytes.Index(d, []byte("CREATE TABLE "))+8]++ },
		"fewer entries": func(d []byte) { // behind the header's last string, the version of pg_dump
			version := bytes.LastIndex(d[:400], []byte("18."))
			version += bytes.IndexByte(d[version:], ')') + 1
			d[version+1]--
		},
	} {
		changed := bytes.Clone(data)
		change(changed)
		if _, err := w.Store.Put(t.Context(), b.Filepath, changed, storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		target := testenv.Postgres(t, 18).NewDatabase(t)
		_, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target, Jobs: 2})
		f := want(t, err, fault.Validation, "")
		if f.Reason != fault.ChecksumMismatch && f.Reason != fault.StructureDamaged {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target, Jobs: 1}); err == nil {
			t.Errorf("%s: restored in one stream", name)
		}
	}
}
