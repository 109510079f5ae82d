package backup_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// later is a clock that is a minute ahead.
func later() time.Time { return time.Now().Add(time.Minute) }

// namesake makes a database of this name on another server.
func namesake(t *testing.T, name string) string {
	t.Helper()
	s := testenv.Postgres(t, 18)
	url := s.NewDatabase(t)
	s.Exec(t, "postgres", `ALTER DATABASE "`+url[strings.LastIndex(url, "/")+1:]+`" RENAME TO "`+name+`"`)
	t.Cleanup(func() { s.Exec(t, "postgres", `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`) })
	return s.URL(name)
}

// Two servers, one name of a database, one place: the second server is refused, or another source; nothing of either is
// removed or left out (F24).
func TestTwoServersOneName(t *testing.T) {
	first := testenv.Postgres(t, 17).NewDatabase(t)
	name := first[strings.LastIndex(first, "/")+1:]
	second := namesake(t, name)
	s := open(t, "", first)
	kept := s.create(backup.Request{})
	if kept.Source != name || kept.Server == nil || kept.Server.SystemIdentifier == "" || kept.Server.DatabaseOID == 0 || kept.Server.Host == "" {
		t.Fatalf("the record says %q %+v", kept.Source, kept.Server)
	}
	other := open(t, s.dir, second, "BACKUP_MAX_BACKUPS_TO_KEEP=3", "BACKUP_RETENTION_DAYS=0")
	_, err := other.Service.Create(t.Context(), backup.Request{}, nil)
	f := want(t, err, fault.Validation, fault.ServerChanged)
	if !strings.Contains(f.Message, kept.Server.SystemIdentifier) || !strings.Contains(f.Message, kept.Server.Host+":"+kept.Server.Port) || !strings.Contains(f.Message, testenv.Postgres(t, 18).Addr()) || !strings.Contains(f.Hint, "BACKUP_SOURCE") || !strings.Contains(f.Hint, "cofre source moved") {
		t.Errorf("it says %s; %s", f.Message, f.Hint)
	}
	if list, err := s.Service.List(t.Context(), backup.ListOptions{}); err != nil || list.Total != 1 {
		t.Errorf("there are %d records: %v", list.Total, err)
	}
	red := false
	for _, c := range other.Service.Doctor(t.Context()).Checks {
		red = red || c.Result == backup.CheckFailed && c.Error.Reason == fault.ServerChanged
	}
	if !red {
		t.Error("doctor does not fail on the second server")
	}
	named := open(t, s.dir, second, "BACKUP_SOURCE=the other", "BACKUP_MAX_BACKUPS_TO_KEEP=3", "BACKUP_RETENTION_DAYS=0")
	for range 4 {
		named.create(backup.Request{})
	}
	rep, err := named.Service.Cleanup(t.Context(), backup.CleanupOptions{})
	if err != nil || len(rep.Removed) != 1 || rep.Removed[0].Backup.Source != "the other" {
		t.Fatalf("removed are %+v: %v", rep.Removed, err)
	}
	zero := 0
	named.Service.Now = later // what was made within this second is not old yet
	rep, err = named.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &zero})
	if err != nil || len(rep.Kept) != 2 || rep.Kept[0].Backup.ID != kept.ID {
		t.Errorf("by age %+v stay: %v", rep.Kept, err)
	}
	// Saying so once is the way out.
	if _, err := other.Service.MoveSource(t.Context(), name, "", "ana"); err != nil {
		t.Fatal(err)
	}
	other.create(backup.Request{})
	_, err = s.Service.Create(t.Context(), backup.Request{}, nil)
	want(t, err, fault.Validation, fault.ServerChanged)
	_, err = s.Service.MoveSource(t.Context(), "nobody", "", "ana")
	want(t, err, fault.Validation, fault.NotFound)
}

// Of two servers that begin at the same moment one is the source, and the other is refused.
func TestTwoServersAtOnce(t *testing.T) {
	first := testenv.Postgres(t, 17).NewDatabase(t)
	name := first[strings.LastIndex(first, "/")+1:]
	second := namesake(t, name)
	one := open(t, "", first)
	two := open(t, one.dir, second)
	errs := make(chan error, 2)
	for _, w := range []*world{one, two} {
		all, err := w.Service.Sources(t.Context())
		if err != nil || len(all.Sources) != 1 {
			t.Fatalf("%+v: %v", all, err)
		}
		go func() { errs <- w.Service.AdmitSource(t.Context(), all.Sources[0]) }()
	}
	a, b := <-errs, <-errs
	if (a == nil) == (b == nil) || !fault.HasReason(errors.Join(a, b), fault.ServerChanged) {
		t.Errorf("%v and %v", a, b)
	}
}

// The same cluster at an address that was never seen: a standby is the same source, a promoted one or a clone is not.
func TestSameClusterElsewhere(t *testing.T) {
	server := testenv.PostgresWith(t, testenv.Options{Major: 18, Settings: []string{"wal_level = replica"}})
	url := server.URL("postgres")
	s := open(t, "", url)
	s.create(backup.Request{})
	proxy := testenv.Proxy(t, server.Addr())
	elsewhere := strings.Replace(url, server.Addr(), proxy.Addr(), 1)
	clone := open(t, s.dir, elsewhere)
	_, err := clone.Service.Create(t.Context(), backup.Request{}, nil)
	want(t, err, fault.Validation, fault.ServerChanged)
	// An address of the connection's own list is the same source.
	both := open(t, s.dir, strings.Replace(url, server.Addr(), server.Addr()+","+proxy.Addr(), 1))
	both.create(backup.Request{})
	clone.create(backup.Request{}) // it was seen now
	// And a standby is, whatever its address.
	fresh := open(t, "", url)
	fresh.create(backup.Request{})
	if err := server.Standby(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, fresh.dir, elsewhere).create(backup.Request{})
}

// A part never takes a whole one's place, and counts in a row of its own (F25).
func TestPartsCountApart(t *testing.T) {
	server := testenv.Postgres(t, 18)
	url := server.NewDatabase(t)
	server.Exec(t, url[strings.LastIndex(url, "/")+1:], "CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id; CREATE TABLE other (x int)")
	w := open(t, "", url, "BACKUP_RETENTION_DAYS=0", "BACKUP_MAX_BACKUPS_TO_KEEP=3")
	zero := 0
	full := w.create(backup.Request{})
	schema := w.create(backup.Request{Content: backup.ContentSchema})
	if rep, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &zero}); err != nil || len(rep.Removed) != 0 {
		t.Fatalf("removed are %+v: %v", rep.Removed, err)
	}
	orders := backup.Request{Selection: registry.Selection{Tables: []string{"orders"}}}
	second := w.create(backup.Request{})
	part := w.create(orders)
	w.create(backup.Request{Content: backup.ContentSchema})
	if rep, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{}); err != nil || len(rep.Removed) != 0 {
		t.Fatalf("with three of each kept, removed are %+v: %v", rep.Removed, err)
	}
	w.Service.Now = later
	rep, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &zero})
	if err != nil {
		t.Fatal(err)
	}
	var gone []string
	for _, it := range rep.Removed {
		gone = append(gone, it.Backup.ID)
	}
	if !slices.Equal(gone, []string{full.ID, schema.ID}) {
		t.Errorf("with nothing kept but the newest of each kind, removed are %v", gone)
	}
	if b, err := w.Service.Info(t.Context(), "latest"); err != nil || b.ID != second.ID {
		t.Errorf("the latest is %s: %v", b.ID, err)
	}
	if b, err := w.Service.Info(t.Context(), "latest:"+full.Source); err != nil || b.ID != second.ID {
		t.Errorf("the latest of its source is %s: %v", b.ID, err)
	}
	if backup.DescribePart(second) != "" || !strings.Contains(backup.DescribePart(part), "orders") {
		t.Errorf("parts are described as %q and %q", backup.DescribePart(second), backup.DescribePart(part))
	}
}

func TestReferences(t *testing.T) {
	w := open(t, "", testenv.Postgres(t, 18).NewDatabase(t))
	_, err := w.Service.Info(t.Context(), "latest")
	want(t, err, fault.Validation, fault.NotFound)
	part := w.create(backup.Request{Content: backup.ContentSchema})
	_, err = w.Service.Info(t.Context(), "latest")
	if f := want(t, err, fault.Validation, fault.NotFound); !strings.Contains(f.Hint, part.ID) {
		t.Errorf("it says %s", f.Hint)
	}
	a := w.create(backup.Request{Filename: "a"})
	for ref, id := range map[string]string{a.ID: a.ID, strings.ToLower(a.ID[:20]): a.ID, a.Filename: a.ID, a.Filepath: a.ID, "latest": a.ID} {
		if b, err := w.Service.Info(t.Context(), ref); err != nil || b.ID != id {
			t.Errorf("%q is %s: %v", ref, b.ID, err)
		}
	}
	for ref, reason := range map[string]fault.Reason{a.ID[:7]: fault.InvalidInput, "ZZZZZZZ": fault.NotFound, "latest:nobody": fault.NotFound, "ZZZZZZZZZ": fault.NotFound} {
		_, err := w.Service.Info(t.Context(), ref)
		want(t, err, fault.Validation, reason)
	}
	_, err = w.Service.Info(t.Context(), a.ID[:7])
	if f := fault.From(err); !strings.Contains(f.Hint, "Write 8 characters of it") {
		t.Errorf("it says %s", f.Hint)
	}
	w.create(backup.Request{Source: "second"})
	elsewhere := open(t, w.dir, "")
	_, err = elsewhere.Service.Info(t.Context(), "latest")
	if f := want(t, err, fault.Validation, fault.InvalidInput); !strings.Contains(f.Hint, "latest:second") {
		t.Errorf("it says %s", f.Hint)
	}
	// The beginning that two share is refused.
	common := 0
	for common < 26 && a.ID[common] == part.ID[common] {
		common++
	}
	if common >= 8 {
		_, err = w.Service.Info(t.Context(), a.ID[:common])
		want(t, err, fault.Validation, fault.InvalidInput)
	}
}

// A backup that was restored stays known as that when it is only read back later.
func TestStrongerProofStays(t *testing.T) {
	s := testenv.Postgres(t, 18)
	w := open(t, "", s.NewDatabase(t))
	b := w.create(backup.Request{})
	if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: s.NewDatabase(t)}); err != nil {
		t.Fatal(err)
	}
	v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Backup; got.Verification.Level != registry.LevelRestored || len(got.Proofs()) != 3 {
		t.Errorf("known are %+v", got.Proofs())
	}
}

// A restore into a database of the source's name elsewhere takes nothing from the source where it is; the first backup
// from there is the move.
func TestRestoreIsAnnounced(t *testing.T) {
	first := testenv.Postgres(t, 17).NewDatabase(t)
	name := first[strings.LastIndex(first, "/")+1:]
	second := namesake(t, name)
	w := open(t, "", first)
	b := w.create(backup.Request{})
	if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: second}); err != nil {
		t.Fatal(err)
	}
	w.create(backup.Request{})
	there := open(t, w.dir, second)
	there.create(backup.Request{})
	_, err := w.Service.Create(t.Context(), backup.Request{}, nil)
	want(t, err, fault.Validation, fault.ServerChanged)
	rec, err := w.Service.Registry.Source(t.Context(), name)
	if err != nil || len(rec.Moves) != 1 {
		t.Errorf("it moved %+v: %v", rec.Moves, err)
	}
}

// Whatever is drawn of sources, contents and selections: no cleanup takes a row's newest verified backup, so that the newest
// whole one of a source always stays, and a limit holds inside each row alone.
func TestRetentionOfRows(t *testing.T) {
	now := time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := backup.New(backup.Config{Now: func() time.Time { return now }, Limits: backup.Limits{RetentionDays: r.IntN(4), MaxBackups: r.IntN(4)}})
		x := &registry.Index{}
		for i := range 1 + r.IntN(60) {
			b := registry.Backup{
				ID: fmt.Sprintf("01M8J50JW661ZB0WQ8CT9P%04d", i), Database: string(rune('a' + r.IntN(2))), CreatedAt: now.Add(-time.Duration(r.IntN(240)) * time.Hour),
				Content: []string{"", "all", "schema", "data"}[r.IntN(4)], Status: []registry.Status{registry.Success, registry.Success, registry.Failed, registry.InProgress}[r.IntN(4)],
			}
			if r.IntN(2) == 0 {
				b.Source = string(rune('a' + r.IntN(3)))
			}
			if r.IntN(3) == 0 {
				b.Selection = &registry.Selection{Tables: []string{string(rune('x' + r.IntN(2)))}}
			}
			if b.Status == registry.Success && r.IntN(4) > 0 {
				b.Verification = &registry.Verification{OK: r.IntN(5) > 0, Level: registry.LevelStream}
			}
			x.Upsert(b)
		}
		fates := backup.Fates(w, x)
		newest, kept := map[registry.Row]*registry.Backup{}, map[registry.Row]int{}
		for i := range x.Backups {
			b := &x.Backups[i]
			if n := newest[b.Row()]; b.Verified() && (n == nil || b.CreatedAt.After(n.CreatedAt)) {
				newest[b.Row()] = b
			}
			if b.Status == registry.Success && !fates[b.ID].Remove {
				kept[b.Row()]++
			}
			if b.Status == registry.InProgress && fates[b.ID].Remove {
				t.Fatalf("seed %d: a running one is removed", seed)
			}
		}
		for row, b := range newest {
			if fates[b.ID].Remove {
				t.Fatalf("seed %d: the newest verified of %s is removed: %+v", seed, backup.DescribeRow(row), fates[b.ID].Reasons)
			}
		}
		for row, n := range kept {
			if most := w.Limits.MaxBackups; most > 0 && n > most+1 { // one may be protected besides
				t.Fatalf("seed %d: %d of %s stay, %d are allowed", seed, n, backup.DescribeRow(row), most)
			}
		}
	}
}
