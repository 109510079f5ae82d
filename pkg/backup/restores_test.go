package backup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// withTargets is the environment of a file that names the target staging, which takes everything, and fresh, which takes new databases;
// both are the server of a URL.
func withTargets(t testing.TB, url string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cofre.yaml")
	const text = "targets:\n  - name: staging\n    connection: {env: STAGING_URL}\n    allow: [new, replace, part]\n  - name: fresh\n    connection: {env: STAGING_URL}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"BACKUP_CONFIG=" + file, "STAGING_URL=" + url}
}

// newName is a name for a database that is not there.
func newName(t testing.TB) string {
	return strings.ToLower(fmt.Sprintf("%.20s_%d", t.Name(), time.Now().UnixNano()))
}

// at is the URL of another database of a URL's server.
func at(url, database string) string { return url[:strings.LastIndex(url, "/")+1] + database }

func (w *world) startRestore(o backup.RestoreOrder) registry.Restore {
	w.t.Helper()
	x, err := w.Service.StartRestore(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

// A restore into a new database of a target, and one that replaces what is there, are what the source was; each is on record.
func TestRestoreAsWork(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	w := open(t, "", url, withTargets(t, url)...)
	other := open(t, w.dir, url)
	b := w.create(backup.Request{})
	name := newName(t)
	x := w.startRestore(backup.RestoreOrder{Backup: "latest", Target: "fresh", Database: name, By: "ana"})
	if x.State != registry.RestoreReserved || x.Backup != b.ID || x.Total != b.Size {
		t.Errorf("%+v", x)
	}
	x, err := w.Service.RunRestore(t.Context(), x.ID)
	if err != nil || x.State != registry.RestoreSucceeded || x.Restored == nil || !strings.HasPrefix(x.Restored.Tool, "pg_restore") || x.Read == 0 || x.HalfFilled || x.By != "ana" {
		t.Fatalf("%v: %+v", err, x)
	}
	same(t, url, at(url, name))
	_, err = other.Service.RunRestore(t.Context(), x.ID)
	want(t, err, fault.Validation, fault.AlreadyExists)

	again := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name})
	failed, err := w.Service.RunRestore(t.Context(), again.ID)
	want(t, err, fault.Validation, fault.AlreadyExists)
	if failed.State != registry.RestoreFailed || failed.Error.Reason != fault.AlreadyExists || failed.HalfFilled || failed.Restored != nil {
		t.Errorf("%+v", failed)
	}
	testenv.LoadSQL(t, at(url, name), "DELETE FROM sales.invoice")
	replaced := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name, Mode: registry.RestoreReplace, Confirm: name})
	if x, err := w.Service.RunRestore(t.Context(), replaced.ID); err != nil || x.State != registry.RestoreSucceeded {
		t.Fatalf("%v: %+v", err, x)
	}
	same(t, url, at(url, name))
	none := newName(t)
	missing := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: none, Mode: registry.RestoreReplace, Confirm: none})
	_, err = w.Service.RunRestore(t.Context(), missing.ID)
	want(t, err, fault.DatabaseConnection, fault.DatabaseMissing)

	list, more, err := other.Service.ListRestores(t.Context(), "", 10)
	if err != nil || more || len(list) != 4 || list[0].ID != missing.ID || list[3].ID != x.ID {
		t.Errorf("%+v, %v, %v", list, more, err)
	}
	_, _, err = other.Service.ListRestores(t.Context(), "x", 10)
	want(t, err, fault.Validation, fault.InvalidInput)
	days := 0
	if _, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &days}); err != nil {
		t.Fatal(err)
	}
	if list, _, err = other.Service.ListRestores(t.Context(), "", 10); err != nil || len(list) != 0 {
		t.Errorf("after a cleanup of everything: %+v, %v", list, err)
	}
}

// Whatever an order says, it leads to a target of the file, and to no database of PostgreSQL's own; nothing of it is on record.
func TestRestoreOrdersRefused(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	w := open(t, "", url, withTargets(t, url)...)
	b, script := w.create(backup.Request{}), w.create(backup.Request{Format: backup.FormatPlain})
	good := backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: "shop_restored"}
	for what, c := range map[string]struct {
		change func(o *backup.RestoreOrder)
		code   fault.Code
		reason fault.Reason
	}{
		"no target":           {func(o *backup.RestoreOrder) { o.Target = "" }, fault.Validation, fault.InvalidInput},
		"another target":      {func(o *backup.RestoreOrder) { o.Target = "production" }, fault.Validation, fault.InvalidInput},
		"in other letters":    {func(o *backup.RestoreOrder) { o.Target = "Staging" }, fault.Validation, fault.InvalidInput},
		"a connection":        {func(o *backup.RestoreOrder) { o.Target = url }, fault.Validation, fault.InvalidInput},
		"no database":         {func(o *backup.RestoreOrder) { o.Database = "" }, fault.Validation, fault.InvalidInput},
		"a URL as a database": {func(o *backup.RestoreOrder) { o.Database = "postgres://elsewhere/shop" }, fault.Validation, fault.InvalidInput},
		"conninfo":            {func(o *backup.RestoreOrder) { o.Database = "host=elsewhere" }, fault.Validation, fault.InvalidInput},
		"an option":           {func(o *backup.RestoreOrder) { o.Database = "-d" }, fault.Validation, fault.InvalidInput},
		"a zero":              {func(o *backup.RestoreOrder) { o.Database = "a\x00b" }, fault.Validation, fault.InvalidInput},
		"no UTF-8":            {func(o *backup.RestoreOrder) { o.Database = "a\xff" }, fault.Validation, fault.InvalidInput},
		"too long":            {func(o *backup.RestoreOrder) { o.Database = strings.Repeat("é", 32) }, fault.Validation, fault.InvalidInput},
		"postgres":            {func(o *backup.RestoreOrder) { o.Database = "postgres" }, fault.Validation, fault.InvalidInput},
		"template0":           {func(o *backup.RestoreOrder) { o.Database = "template0" }, fault.Validation, fault.InvalidInput},
		"template1":           {func(o *backup.RestoreOrder) { o.Database = "Template1" }, fault.Validation, fault.InvalidInput},
		"a script, no owners": {func(o *backup.RestoreOrder) { o.Backup, o.NoOwner, o.Globals = script.ID, true, true }, fault.Validation, fault.InvalidInput},
		"no such mode":        {func(o *backup.RestoreOrder) { o.Mode = "drop" }, fault.Validation, fault.InvalidInput},
		"not confirmed":       {func(o *backup.RestoreOrder) { o.Mode = registry.RestoreReplace }, fault.Validation, fault.InvalidInput},
		"confirmed another": {func(o *backup.RestoreOrder) { o.Mode, o.Confirm = registry.RestoreReplace, "shop" },
			fault.Validation, fault.InvalidInput},
		"not allowed there": {func(o *backup.RestoreOrder) {
			o.Target, o.Mode, o.Confirm = "fresh", registry.RestoreReplace, "shop_restored"
		}, fault.Validation, fault.InvalidInput},
		"a part, and which is not said": {func(o *backup.RestoreOrder) { o.Mode = registry.RestorePart }, fault.Validation, fault.InvalidInput},
		"a part, not allowed there": {func(o *backup.RestoreOrder) {
			o.Target, o.Mode, o.Part = "fresh", registry.RestorePart, backup.Part{Tables: []string{"invoice"}}
		}, fault.Validation, fault.InvalidInput},
		"a part that replaces": {func(o *backup.RestoreOrder) {
			o.Mode, o.Confirm, o.Part = registry.RestoreReplace, "shop_restored", backup.Part{Tables: []string{"invoice"}}
		}, fault.Validation, fault.InvalidInput},
		"another name in a new database": {func(o *backup.RestoreOrder) {
			o.Part = backup.Part{Tables: []string{"invoice"}, As: "sales.rescued"}
		}, fault.Validation, fault.InvalidInput},
		"rows alone into a new database": {func(o *backup.RestoreOrder) { o.Part = backup.Part{DataOnly: true} }, fault.Validation, fault.InvalidInput},
		"another name for two": {func(o *backup.RestoreOrder) {
			o.Mode, o.Part = registry.RestorePart, backup.Part{Tables: []string{"invoice", "customer"}, As: "sales.rescued"}
		}, fault.Validation, fault.InvalidInput},
		"no name": {func(o *backup.RestoreOrder) {
			o.Mode, o.Part = registry.RestorePart, backup.Part{Tables: []string{"invoice"}, As: "a.b.c"}
		}, fault.Validation, fault.InvalidInput},
		"no pattern":       {func(o *backup.RestoreOrder) { o.Part = backup.Part{Tables: []string{"a.b.c"}} }, fault.Validation, fault.InvalidInput},
		"an empty pattern": {func(o *backup.RestoreOrder) { o.Part = backup.Part{Schemas: []string{""}} }, fault.Validation, fault.InvalidInput},
		"too many patterns": {func(o *backup.RestoreOrder) {
			o.Part = backup.Part{ExcludeTables: slices.Repeat([]string{"invoice"}, 600)}
		}, fault.Validation, fault.InvalidInput},
		"too long patterns": {func(o *backup.RestoreOrder) {
			o.Part = backup.Part{ExcludeTables: slices.Repeat([]string{strings.Repeat("x", 300)}, 20)}
		}, fault.Validation, fault.InvalidInput},
		"both contents": {func(o *backup.RestoreOrder) {
			o.Mode, o.Part = registry.RestorePart, backup.Part{DataOnly: true, SchemaOnly: true}
		}, fault.Validation, fault.InvalidInput},
		"no such backup": {func(o *backup.RestoreOrder) { o.Backup = "01JZ8Q4M9T4Y3V6K2W1X0N5BCD" }, fault.Validation, fault.NotFound},
	} {
		o := good
		c.change(&o)
		if _, err := w.Service.StartRestore(t.Context(), o); !fault.HasReason(err, c.reason) || !fault.HasCode(err, c.code) {
			t.Errorf("%s: %v", what, err)
		} else if f := fault.From(err); f.Hint == "" || strings.Contains(f.Message+f.Hint, "postgres:") || strings.Contains(f.Message+f.Hint, "elsewhere") {
			t.Errorf("%s: %+v", what, f)
		}
	}
	if left := w.keys(registry.RestoresPrefix); len(left) > 0 {
		t.Errorf("on record: %v", left)
	}
	// What is reserved leads nowhere either, once the file does not name its target any more.
	x := w.startRestore(good)
	x, err := open(t, w.dir, url).Service.RunRestore(t.Context(), x.ID)
	want(t, err, fault.Validation, fault.InvalidInput)
	if x.State != registry.RestoreFailed || x.HalfFilled {
		t.Errorf("%+v", x)
	}
}

// What may be done at a target is looked at again when a restore begins: its record may have been changed meanwhile. Into one database
// one restore goes on at a time.
func TestRestoreRecordIsNotTrusted(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	w := open(t, "", url, withTargets(t, url)...)
	b := w.create(backup.Request{})
	before := fingerprint(t, url)
	source := url[strings.LastIndex(url, "/")+1:]
	for what, forged := range map[string]string{
		"a mode that is not allowed": `"mode": "replace"`, "a part": `"part": {"tables": ["invoice"], "as": "x.y"}, "mode": "new"`, "the server's own database": `"database": "postgres"`, "another target": `"target": "nowhere"`,
	} {
		name := newName(t)
		if what == "a mode that is not allowed" {
			name = source
		}
		order := backup.RestoreOrder{Backup: b.ID, Target: "fresh", Database: name}
		x := w.startRestore(order)
		_, err := w.Service.StartRestore(t.Context(), order)
		want(t, err, fault.Validation, fault.Busy)
		data, _, err := w.Store.Get(t.Context(), registry.RestoreKey(x.ID))
		if err != nil {
			t.Fatal(err)
		}
		key, _, _ := strings.Cut(forged, ":")
		if what == "a part" {
			key = `"mode"`
		}
		start := strings.Index(string(data), key+":")
		if start < 0 {
			t.Fatalf("%s: no %s in %s", what, key, data)
		}
		end := start + strings.IndexAny(string(data[start:]), ",\n")
		if _, err := w.Store.Put(t.Context(), registry.RestoreKey(x.ID), []byte(string(data[:start])+forged+string(data[end:])), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := w.Service.RunRestore(t.Context(), x.ID)
		if f := want(t, err, fault.Validation, fault.InvalidInput); got.State != registry.RestoreFailed || got.HalfFilled {
			t.Errorf("%s: %+v, %v", what, got, f)
		}
	}
	if after := fingerprint(t, url); !reflect.DeepEqual(after, before) {
		t.Error("the database was changed")
	}
}

// Whoever knows what was asked for does nothing else, although it is allowed: somebody wrote another database, another mode, another backup or
// another user into the record while it waited.
func TestRestoreIsWhatWasAskedFor(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	before := fingerprint(t, url)
	w := open(t, "", url, withTargets(t, url)...)
	b, other := w.create(backup.Request{}), w.create(backup.Request{})
	order := backup.RestoreOrder{Backup: b.ID, Target: "staging", By: "anna"}
	for what, change := range map[string]func(x *registry.Restore){
		"another backup":   func(x *registry.Restore) { x.Backup = other.ID },
		"another database": func(x *registry.Restore) { x.Database = newName(t) },
		"another mode": func(x *registry.Restore) {
			x.Mode, x.Database = registry.RestoreReplace, url[strings.LastIndex(url, "/")+1:]
		},
		"another user": func(x *registry.Restore) { x.By = "ben" },
		"a part":       func(x *registry.Restore) { x.Part = &registry.ChosenPart{Tables: []string{"items"}} },
	} {
		order.Database = newName(t)
		asked := w.startRestore(order)
		x := asked
		change(&x)
		data, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Store.Put(t.Context(), registry.RestoreKey(x.ID), data, storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := w.Service.RunRestoreAsked(t.Context(), asked)
		if want(t, err, fault.Validation, fault.InvalidInput); got.State != registry.RestoreFailed || got.HalfFilled {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if after := fingerprint(t, url); !reflect.DeepEqual(after, before) {
		t.Error("the database was changed")
	}
	order.Database = newName(t)
	if x, err := w.Service.RunRestoreAsked(t.Context(), w.startRestore(order)); err != nil || x.State != registry.RestoreSucceeded {
		t.Errorf("as it was asked for: %+v, %v", x, err)
	}
}

// Of two that were asked for at the same moment, the one that comes too late says that the other one goes on, not that its database may be dropped.
func TestRestoreBesideAnother(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	w := open(t, "", url, withTargets(t, url)...)
	b := w.create(backup.Request{})
	first := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: newName(t)})
	second := first
	second.ID = b.ID
	second, err := w.Service.Registry.ReserveRestore(t.Context(), second, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	testenv.LoadSQL(t, url, "CREATE DATABASE "+first.Database)
	_, err = w.Service.RunRestore(t.Context(), second.ID)
	if f := want(t, err, fault.Validation, fault.Busy); !strings.Contains(f.Message, first.ID) {
		t.Error(f)
	}
	if _, err := w.Service.CancelRestore(t.Context(), first.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	second.ID = w.create(backup.Request{}).ID
	if _, err := w.Service.Registry.ReserveRestore(t.Context(), second, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err = w.Service.RunRestore(t.Context(), second.ID)
	want(t, err, fault.Validation, fault.AlreadyExists)
}

// What a target refuses is on record without the password that it was given, and nothing of the connection but what PostgreSQL's own
// messages say.
func TestRestoreSecretsStaySecret(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	start, end := strings.Index(url, "://")+3, strings.LastIndex(url, "@")
	const hidden = "hidden-in-the-target"
	wrong := url[:start] + "postgres:" + hidden + url[end:]
	w := open(t, "", url, withTargets(t, wrong)...)
	b := w.create(backup.Request{})
	x := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: newName(t)})
	x, err := w.Service.RunRestore(t.Context(), x.ID)
	f := want(t, err, fault.DatabaseConnection, fault.LoginFailed)
	data, _, gerr := w.Store.Get(t.Context(), registry.RestoreKey(x.ID))
	if gerr != nil || x.State != registry.RestoreFailed || x.HalfFilled {
		t.Errorf("%v: %+v", gerr, x)
	}
	for what, text := range map[string]string{"the record": string(data), "the error": f.Error() + f.Hint + fault.Whole(err)} {
		if strings.Contains(text, hidden) || strings.Contains(text, "postgres://") {
			t.Errorf("%s tells the target's connection: %s", what, text)
		}
	}
}

// slowTarget is a backup of a shop, and a target that takes many seconds to fill.
func slowTarget(t *testing.T) (w *world, b backup.Backup, env []string) {
	t.Helper()
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := newShop(t, testenv.NewestMajor)
	proxy := testenv.Proxy(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
	proxy.Throttle(testenv.ToServer, 200<<10)
	env = withTargets(t, server.URLThrough(proxy.Addr(), "postgres"))
	w = open(t, "", url, env...)
	return w, w.create(backup.Request{}), env
}

// filling waits until a restore has begun to fill its database.
func (w *world) filling(id string) registry.Restore {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		x, err := w.Service.RestoreStatus(w.t.Context(), id)
		switch {
		case err != nil || !x.Live() || time.Now().After(deadline):
			w.t.Fatalf("it does not fill its database: %+v, %v", x, err)
		case x.Read > 0 && x.Phase != registry.RestoreChecking:
			return x
		}
	}
}

// A restore that is under way stops within seconds of a cancellation from elsewhere, and names the database that is half filled.
func TestRestoreCanceledElsewhere(t *testing.T) {
	w, b, _ := slowTarget(t)
	other := open(t, w.dir, w.url)
	name := newName(t)
	x := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name})
	done := make(chan error, 1)
	go func() {
		_, err := w.Service.RunRestore(t.Context(), x.ID)
		done <- err
	}()
	other.filling(x.ID)
	if _, err := other.Service.CancelRestore(t.Context(), x.ID, "ben"); err != nil {
		t.Fatal(err)
	}
	canceled(t, done)
	got, err := other.Service.RestoreStatus(t.Context(), x.ID)
	if err != nil || got.State != registry.RestoreCanceled || !got.HalfFilled || !strings.Contains(got.Error.Message, `canceled by ben; the database "`+name+`" of target staging may be half filled`) {
		t.Errorf("%v: %+v (%+v)", err, got, got.Error)
	}
	_, err = other.Service.CancelRestore(t.Context(), x.ID, "ben")
	want(t, err, fault.Validation, fault.Busy)

	// One that waits ends at once; one whose process is told to stop is interrupted.
	x = w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: newName(t)})
	if got, err := other.Service.CancelRestore(t.Context(), x.ID, "ben"); err != nil || got.State != registry.RestoreCanceled || got.HalfFilled {
		t.Errorf("%v: %+v", err, got)
	}
	x = w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: newName(t)})
	ctx, stop := context.WithCancelCause(t.Context())
	go func() {
		_, err := w.Service.RunRestore(ctx, x.ID)
		done <- err
	}()
	other.filling(x.ID)
	stop(fault.New(fault.Canceled, "", "Ask again.", "the server was stopped"))
	want(t, <-done, fault.Canceled, "")
	if got, err := other.Service.RestoreStatus(t.Context(), x.ID); err != nil || got.State != registry.RestoreInterrupted || !got.HalfFilled || !strings.HasPrefix(got.Error.Message, "the server was stopped; the database") {
		t.Errorf("%v: %+v (%+v)", err, got, got.Error)
	}
	if left := w.keys(registry.RestoresPrefix); len(left) != 3 {
		t.Errorf("on record: %v", left)
	}
}

// restoreChild is this test binary as a process of its own that makes a restore.
func restoreChild() int {
	c, err := app.Load(os.Environ())
	if err == nil {
		var a *app.App
		if a, err = app.Open(context.Background(), c, app.Options{}); err == nil {
			_, err = a.Service.RunRestore(context.Background(), os.Getenv("COFRE_TEST_RESTORE"))
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// A restore whose process is killed is interrupted, and names the database that is half filled; the next one goes elsewhere.
func TestRestoreKilled(t *testing.T) {
	w, b, env := slowTarget(t)
	name := newName(t)
	x := w.startRestore(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name})
	kill := w.startElsewhere(append(env, "COFRE_TEST_RESTORE="+x.ID)...)
	w.filling(x.ID)
	kill()
	got, err := w.Service.RestoreStatus(t.Context(), x.ID)
	if err != nil || got.State != registry.RestoreInterrupted || !got.HalfFilled || got.Error.Reason != fault.RunLost || !strings.Contains(got.Error.Message, `"`+name+`" of target staging`) {
		t.Errorf("%v: %+v (%+v)", err, got, got.Error)
	}
	if _, err := w.Service.RunRestore(t.Context(), x.ID); !fault.HasReason(err, fault.AlreadyExists) {
		t.Error(err)
	}
}

// canceled waits until a run that was canceled has ended, and looks at what it says.
func canceled(t *testing.T, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		want(t, err, fault.Canceled, fault.CanceledByUser)
	case <-time.After(time.Minute):
		t.Fatal("it does not stop")
	}
}
