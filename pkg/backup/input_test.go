package backup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// F17, I9: bad names, directories and options are refused before anything is written.
func TestBadInputIsRefused(t *testing.T) {
	w := open(t, "", "postgresql://nobody@127.0.0.1:1/none", "BACKUP_ALLOWED_DIRECTORIES=nightly,a/b")
	yes := true
	long := strings.Repeat("x", 1000)
	bad := map[string]backup.Request{
		"dots":                 {Filename: ".."},
		"path in name":         {Filename: "../../etc/passwd"},
		"slash in name":        {Filename: "a/b"},
		"control in name":      {Filename: "a\nb"},
		"nul":                  {Filename: "a\x00b"},
		"right-to-left":        {Filename: "a\u202eb"},
		"long name":            {Filename: long},
		"option-like":          {Filename: "--help"},
		"hidden":               {Filename: ".bashrc"},
		"not utf-8":            {Filename: "a\xff"},
		"backslash":            {Filename: `a\b`},
		"dots directory":       {Directory: "nightly/../.."},
		"absolute":             {Directory: "/etc"},
		"windows":              {Directory: `c:\x`},
		"long directory":       {Directory: long},
		"control directory":    {Directory: "a\tb"},
		"not allowed":          {Directory: "elsewhere"},
		"content":              {Content: "some", Directory: "nightly"},
		"format":               {Format: "tar", Directory: "nightly"},
		"compression":          {Compression: "rar", Directory: "nightly"},
		"level":                {Compression: "zstd:99", Directory: "nightly"},
		"level of none":        {Compression: "none:1", Directory: "nightly"},
		"level is text":        {Compression: "gzip:fast", Directory: "nightly"},
		"sql with lz4":         {Format: "plain", Compression: "lz4", Directory: "nightly"},
		"extension and format": {Filename: "x.sql", Format: "custom", Directory: "nightly"},
		"extension and gzip":   {Filename: "x.sql.zst", Compression: "gzip", Directory: "nightly"},
		"no recipients":        {Encrypt: &yes, Directory: "nightly"},
		"empty table":          {Selection: registry.Selection{Tables: []string{""}}, Directory: "nightly"},
		"control in table":     {Selection: registry.Selection{Tables: []string{"a\nb"}}, Directory: "nightly"},
		"long selection":       {Selection: registry.Selection{Tables: slices.Repeat([]string{long[:290]}, 15)}, Directory: "nightly"},
		"label":                {Labels: map[string]string{"": "x"}, Directory: "nightly"},
		"label control":        {Labels: map[string]string{"a": "\x1b[31m"}, Directory: "nightly"},
		"creator":              {CreatedBy: "a\r\nb", Directory: "nightly"},
		"database":             {Database: "a\nb", Directory: "nightly"},
	}
	for name, req := range bad {
		t.Run(name, func(t *testing.T) {
			_, err := w.Service.Reserve(t.Context(), req)
			want(t, err, fault.Validation, fault.InvalidInput)
		})
	}
	if left := w.keys(""); len(left) > 0 {
		t.Errorf("something was written: %v", left)
	}
}

func TestNames(t *testing.T) {
	w := open(t, "", "postgresql://nobody@127.0.0.1:1/none", "BACKUP_MAX_CONCURRENT=100")
	for _, tc := range []struct {
		req  backup.Request
		want string
	}{
		{backup.Request{Filename: "a"}, "files/a.dump"},
		{backup.Request{Filename: "b.dump"}, "files/b.dump"},
		{backup.Request{Filename: "c", Directory: "x/y/"}, "files/x/y/c.dump"},
		{backup.Request{Filename: "d", Format: "plain"}, "files/d.sql.gz"},
		{backup.Request{Filename: "e", Format: "plain", Compression: "none"}, "files/e.sql"},
		{backup.Request{Filename: "f.sql"}, "files/f.sql"},
		{backup.Request{Filename: "g.SQL.GZ"}, "files/g.SQL.GZ"},
		{backup.Request{Filename: "h.sql.zst"}, "files/h.sql.zst"},
		{backup.Request{Filename: "v1.2"}, "files/v1.2.dump"},
	} {
		b, err := w.Service.Reserve(t.Context(), tc.req)
		if err != nil || b.Filepath != tc.want {
			t.Errorf("%+v is stored as %s, want %s (%v)", tc.req, b.Filepath, tc.want, err)
		}
	}
	if _, err := w.Service.Reserve(t.Context(), backup.Request{Filename: "a"}); !fault.HasReason(err, fault.AlreadyExists) {
		t.Errorf("another backup's name: %v", err)
	}
	seen := map[string]bool{}
	for range 3 { // within one second
		b, err := w.Service.Reserve(t.Context(), backup.Request{})
		if err != nil || seen[b.Filepath] || !strings.HasPrefix(b.Filepath, "files/backup_2") || !strings.HasSuffix(b.Filepath, ".dump") {
			t.Errorf("named %s, %v", b.Filepath, err)
		}
		seen[b.Filepath] = true
	}
}

// An object that no backup knows is never written over: who chose its name is told, a name that nobody chose gives way.
func TestOccupiedName(t *testing.T) {
	w := open(t, "", "postgresql://a:b@127.0.0.1:1/x", "BACKUP_MAX_CONCURRENT=10")
	at := time.Now()
	w.Service.Now = func() time.Time { return at }
	name := at.UTC().Format("backup_2006-01-02_15-04-05")
	if _, err := w.Store.Put(t.Context(), "files/"+name+".dump", []byte("kept"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Service.Reserve(t.Context(), backup.Request{Filename: name})
	if !fault.HasReason(err, fault.AlreadyExists) || !strings.Contains(err.Error(), name) {
		t.Errorf("its name was chosen: %v", err)
	}
	first, err := w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil || !strings.HasPrefix(first.Filename, name+"_") {
		t.Errorf("named %s, %v", first.Filename, err)
	}
	list, err := w.Service.List(t.Context(), backup.ListOptions{})
	if err != nil || len(list.Backups) != 1 || list.Backups[0].Filepath != first.Filepath {
		t.Errorf("reserved: %+v, %v", list.Backups, err)
	}
}

// F14, F15: the right code, and which of the things behind it, with a failed record and no dump.
func TestDatabaseRefuses(t *testing.T) {
	server := testenv.Postgres(t, 18)
	url := server.NewDatabase(t)
	name := url[strings.LastIndex(url, "/")+1:]
	testenv.LoadSQL(t, url, "CREATE TABLE secret (x int); CREATE TABLE open_table (x int)")
	role, password := server.NewRole(t, "")
	for what, tc := range map[string]struct {
		url    string
		env    string
		code   fault.Code
		reason fault.Reason
	}{
		"host":       {"postgresql://a:b@no-such-host.invalid/x", "", fault.DatabaseConnection, fault.HostUnknown},
		"port":       {"postgresql://a:b@127.0.0.1:1/x", "", fault.DatabaseConnection, fault.PortRefused},
		"password":   {strings.Replace(url, "@", "x@", 1), "", fault.DatabaseConnection, fault.LoginFailed},
		"database":   {url + "_missing", "", fault.DatabaseConnection, fault.DatabaseMissing},
		"tls":        {url + "?sslmode=require", "", fault.DatabaseConnection, fault.TLSRefused},
		"rights":     {fmt.Sprintf("postgresql://%s:%s@127.0.0.1:%d/%s", role, password, server.Port, name), "", fault.Permission, fault.MissingPrivilege},
		"pg_dump 15": {url, "PGDUMP_PATH=" + testenv.ClientBin(15) + "/pg_dump", fault.BackupCreation, fault.ClientTooOld},
		"no pg_dump": {url, "PGDUMP_PATH=/nonexistent/pg_dump", fault.Validation, fault.InvalidInput},
	} {
		t.Run(what, func(t *testing.T) {
			env := []string{}
			if tc.env != "" {
				env = append(env, tc.env)
			}
			w := open(t, "", tc.url, env...)
			b, err := w.Service.Create(t.Context(), backup.Request{}, nil)
			f := want(t, err, tc.code, tc.reason)
			if what == "pg_dump 15" && (!strings.Contains(f.Message, "18") || !strings.Contains(f.Message, "15")) {
				t.Errorf("the message names not both versions: %s", f.Message)
			}
			if b.Status != registry.Failed || b.Error.Reason != tc.reason || b.Database == "" {
				t.Errorf("record: %+v", b)
			}
			w.nothingLeft()
		})
	}
}

// Limits hold, say so, and let work go on when there is room again.
func TestLimits(t *testing.T) {
	url := newShop(t, 18)
	w := open(t, "", url, "BACKUP_MAX_CONCURRENT=2")
	var held []backup.Backup
	for range 2 {
		b, err := w.Service.Reserve(t.Context(), backup.Request{})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, b)
	}
	_, err := w.Service.Reserve(t.Context(), backup.Request{})
	want(t, err, fault.Validation, fault.LimitReached)
	if n := len(w.keys(registry.IntentsPrefix)); n != 2 {
		t.Errorf("the refused one left an intent: %d", n)
	}
	if _, err := w.Service.Run(t.Context(), held[0].ID, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Service.Reserve(t.Context(), backup.Request{}); err != nil {
		t.Errorf("there is room again: %v", err)
	}

	small := open(t, "", url, "BACKUP_MAX_SIZE_GB=0.00001")
	b, err := small.Service.Create(t.Context(), backup.Request{}, nil)
	want(t, err, fault.DiskSpace, fault.StorageFull)
	if b.Status != registry.Failed {
		t.Errorf("record: %+v", b)
	}
	small.nothingLeft()

	full := open(t, "", url, "BACKUP_MAX_STORAGE_SIZE_GB=0.000001")
	full.create(backup.Request{})
	_, err = full.Service.Create(t.Context(), backup.Request{}, nil)
	want(t, err, fault.DiskSpace, fault.StorageFull)
	if n := len(full.keys(registry.FilesPrefix)); n != 1 {
		t.Errorf("making room removed the only good backup: %d objects", n)
	}
}

// Paging neither skips nor repeats while new backups arrive.
func TestListPages(t *testing.T) {
	w := open(t, "", "postgresql://nobody@127.0.0.1:1/none", "BACKUP_MAX_CONCURRENT=1000")
	for i := range 25 {
		if _, err := w.Service.Reserve(t.Context(), backup.Request{Filename: fmt.Sprintf("b%02d", i), Labels: map[string]string{"odd": fmt.Sprint(i%2 == 1)}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // ids sort by the millisecond
	}
	var got []string
	cursor := ""
	for {
		page, err := w.Service.List(t.Context(), backup.ListOptions{Limit: 7, Cursor: cursor, Labels: []string{"odd=false"}})
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != 13 && len(got) == 0 {
			t.Errorf("total %d", page.Total)
		}
		for _, b := range page.Backups {
			got = append(got, b.Filename)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
		if _, err := w.Service.Reserve(t.Context(), backup.Request{Labels: map[string]string{"odd": "false"}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 13 || got[0] != "b24.dump" || got[12] != "b00.dump" {
		t.Errorf("pages gave %v", got)
	}
	// Of several labels a backup has to have all.
	for label, want := range map[string]int{"odd": 1, "odd=false": 1, "odd=true": 0, "even": 0} {
		b, err := w.Service.Reserve(t.Context(), backup.Request{Labels: map[string]string{"odd": "false", "night": label}})
		if err != nil {
			t.Fatal(err)
		}
		if page, err := w.Service.List(t.Context(), backup.ListOptions{Labels: []string{label, "night=" + label}}); err != nil || page.Total != want || want > 0 && page.Backups[0].ID != b.ID {
			t.Errorf("%s: %d, %v", label, page.Total, err)
		}
	}
	for _, o := range []backup.ListOptions{{Cursor: "garbage"}, {Cursor: "MTouLi4"}, {Status: "great"}, {Limit: -1}} {
		_, err := w.Service.List(t.Context(), o)
		want(t, err, fault.Validation, fault.InvalidInput)
	}
}

func TestUnknownBackups(t *testing.T) {
	w := open(t, "", "postgresql://nobody@127.0.0.1:1/none")
	for _, ref := range []string{"01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "../registry.json", "registry.json", "'; DROP TABLE x; --", "<script>", strings.Repeat("A", 100000), "\x00"} {
		_, err := w.Service.Info(t.Context(), ref)
		want(t, err, fault.Validation, fault.NotFound)
		_, err = w.Service.Validate(t.Context(), ref, backup.ValidateOptions{})
		want(t, err, fault.Validation, fault.NotFound)
		_, err = w.Service.Delete(t.Context(), ref, "ana")
		want(t, err, fault.Validation, fault.NotFound)
	}
}

// F22: a target that is not empty is refused, and untouched.
func TestRestoreRefusesFullTarget(t *testing.T) {
	url := newShop(t, 18)
	w := open(t, "", url)
	b := w.create(backup.Request{})
	target := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, target, "CREATE TABLE precious (x int); INSERT INTO precious VALUES (42)")
	before := fingerprint(t, target)
	_, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target})
	f := want(t, err, fault.Validation, fault.NotEmpty)
	if !strings.Contains(f.Message, "1 table") {
		t.Errorf("it does not say what is there: %s", f.Message)
	}
	if after := fingerprint(t, target); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the target was touched")
	}
	_, err = w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target + "_missing"})
	want(t, err, fault.DatabaseConnection, fault.DatabaseMissing)
	if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target, Clean: true}); err != nil {
		t.Fatalf("with clean: %v", err)
	}
	// and again over what it restored itself
	if _, err := w.Service.Restore(t.Context(), b.ID, backup.RestoreRequest{URL: target, Clean: true}); err != nil {
		t.Fatalf("a second time: %v", err)
	}
	testenv.LoadSQL(t, target, "DROP TABLE precious")
	same(t, url, target)
}

// While a warning asks to look whether data was lost, a cleanup does not remove the backup that it may be in.
func TestCleanupAfterALoss(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, "CREATE TABLE t AS SELECT md5(random()::text) FROM generate_series(1, 3000)")
	w := open(t, "", url)
	oldest, larger := w.create(backup.Request{}), w.create(backup.Request{})
	testenv.LoadSQL(t, url, "TRUNCATE t")
	small := w.create(backup.Request{})
	zero := 0
	kept := func(later time.Duration) (ids []string) {
		w.Service.Now = func() time.Time { return time.Now().Add(later) }
		defer func() { w.Service.Now = time.Now }()
		rep, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &zero})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range rep.Kept {
			ids = append(ids, it.Backup.ID)
		}
		return ids
	}
	soon, after := 2*time.Second, 31*24*time.Hour // ages are whole seconds; a loss is remembered for 30 days
	if got := kept(soon); !slices.Contains(got, larger.ID) || !slices.Contains(got, small.ID) || slices.Contains(got, oldest.ID) {
		t.Errorf("%q are kept of %s, %s, %s", got, oldest.ID, larger.ID, small.ID)
	}
	if o, err := w.Service.Overview(t.Context(), nil); err != nil || o.Sources[0].Shrunk == nil {
		t.Errorf("it is not told any more: %v", err)
	}
	next := w.create(backup.Request{}) // as large as the one before: it warns of nothing, and the loss is as it was
	if got := kept(soon); !slices.Contains(got, larger.ID) || !slices.Contains(got, small.ID) || !slices.Contains(got, next.ID) {
		t.Errorf("%q are kept of %s, %s, %s", got, larger.ID, small.ID, next.ID)
	}
	if got := kept(after); len(got) != 1 || got[0] != next.ID {
		t.Errorf("%q are kept, want %s", got, next.ID)
	}
}

// Removal and retention: the newest good backup of a database stays, a dry run tells exactly what a real one does.
func TestCleanup(t *testing.T) {
	w := open(t, "", newShop(t, 18))
	old := w.create(backup.Request{})
	newest := w.create(backup.Request{})
	w.Service.Now = func() time.Time { return time.Now().AddDate(0, 0, 40) }
	days := 30
	dry, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &days, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(dry.Removed) != 1 || dry.Removed[0].Backup.ID != old.ID || len(dry.Removed[0].Reasons) == 0 || dry.FreedBytes != old.Size {
		t.Fatalf("dry run: %+v", dry)
	}
	if n := len(w.keys(registry.FilesPrefix)); n != 2 {
		t.Fatalf("the dry run removed something: %d objects", n)
	}
	rep, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &days})
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Removed) != 1 || rep.Removed[0].Backup.ID != old.ID || len(rep.Kept) != 1 || rep.Kept[0].Backup.ID != newest.ID || len(rep.Kept[0].Reasons) == 0 {
		t.Fatalf("cleanup: %+v", rep)
	}
	if _, err := w.Service.Info(t.Context(), old.ID); !fault.HasReason(err, fault.NotFound) {
		t.Errorf("it is still listed: %v", err)
	}
	w.nothingLeft()
	if v, err := w.Service.Validate(t.Context(), newest.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
		t.Errorf("the kept one: %+v %v", v.Problems, err)
	}
	negative, one, none, year := -1, 1, 0, 365
	for _, o := range []backup.CleanupOptions{{Days: &negative}, {MaxBackups: &negative}} {
		_, err = w.Service.Cleanup(t.Context(), o)
		want(t, err, fault.Validation, fault.InvalidInput)
	}
	// A number of backups instead of the setting, also for a look at what it would do.
	next := w.create(backup.Request{})
	for _, c := range []struct {
		o    backup.CleanupOptions
		goes int
	}{
		{backup.CleanupOptions{Days: &year, DryRun: true}, 0}, {backup.CleanupOptions{Days: &year, MaxBackups: &none, DryRun: true}, 0},
		{backup.CleanupOptions{Days: &year, MaxBackups: &one, DryRun: true}, 1}, {backup.CleanupOptions{Days: &year, MaxBackups: &one}, 1},
	} {
		rep, err := w.Service.Cleanup(t.Context(), c.o)
		if err != nil || len(rep.Removed) != c.goes || c.goes > 0 && rep.Removed[0].Backup.ID != newest.ID {
			t.Errorf("%+v: %+v %v", c.o, rep, err)
		}
	}
	if _, err := w.Service.Info(t.Context(), next.ID); err != nil {
		t.Error(err)
	}
}

// Counters of users who have asked for nothing for a day go with a cleanup, and not with a dry run.
func TestCleanupForgetsIdleUsers(t *testing.T) {
	w := open(t, "", "postgres://nobody@127.0.0.1:1/none")
	if err := registry.NewAllowance(w.Store, 60, nil).Allow(t.Context(), "ana"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ahead time.Duration
		dry   bool
		left  int
	}{{0, false, 1}, {25 * time.Hour, true, 1}, {25 * time.Hour, false, 0}} {
		w.Service.Registry = registry.New(w.Store, registry.Options{Ahead: c.ahead})
		if _, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{DryRun: c.dry}); err != nil {
			t.Fatal(err)
		}
		if keys := w.keys("limits/"); len(keys) != c.left {
			t.Errorf("%v later, dry run %v: left %v", c.ahead, c.dry, keys)
		}
	}
}

// A clock that is far from the storage's decides nothing: all would be old, and every pin would have ended.
func TestCleanupAndAWrongClock(t *testing.T) {
	w := open(t, "", "postgres://nobody@127.0.0.1:1/none")
	for _, ahead := range []time.Duration{-72 * time.Hour, 72 * time.Hour} {
		w.Service.Registry = registry.New(w.Store, registry.Options{Ahead: ahead})
		if rep, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{}); err == nil || !strings.Contains(err.Error(), map[bool]string{true: "is 72 h 00 min ahead of", false: "is 72 h 00 min behind"}[ahead < 0]) || !strings.Contains(err.Error(), "this machine's clock") {
			t.Errorf("%v: %+v %v", ahead, rep, err)
		}
		if _, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{DryRun: true}); err != nil {
			t.Errorf("%v: %v", ahead, err)
		}
	}
}

// F12: two cleanups and a backup at the same time.
func TestCleanupsAtOnce(t *testing.T) {
	w := open(t, "", newShop(t, 18), "BACKUP_MAX_CONCURRENT=10")
	for range 3 {
		w.create(backup.Request{})
	}
	w.Service.Now = func() time.Time { return time.Now().AddDate(0, 0, 40) }
	days := 30
	errs := make(chan error, 3)
	for range 2 {
		go func() {
			_, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &days})
			errs <- err
		}()
	}
	go func() {
		_, err := open(t, w.dir, w.url).Service.Create(t.Context(), backup.Request{}, nil)
		errs <- err
	}()
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	list, err := w.Service.List(t.Context(), backup.ListOptions{Status: registry.Success})
	if err != nil || list.Total < 1 || list.Total > 2 {
		t.Fatalf("%d are left: %v", list.Total, err)
	}
	for _, b := range list.Backups {
		if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
			t.Errorf("%s: %+v %v", b.ID, v.Problems, err)
		}
	}
}
