package backup_test

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// run makes a reserved restore that is to succeed.
func (w *world) run(x registry.Restore) registry.Restore {
	w.t.Helper()
	got, err := w.Service.RunRestore(w.t.Context(), x.ID)
	if err != nil || got.State != registry.RestoreSucceeded || got.HalfFilled {
		w.t.Fatalf("%v: %+v (%+v)", err, got, got.Error)
	}
	return got
}

// A part by request comes beside what is there, all of it or nothing, and makes a database of its own; a table may get another name.
func TestRestoreOrderedPart(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := newShop(t, testenv.NewestMajor)
	w := open(t, "", url, withTargets(t, url)...)
	b := w.create(backup.Request{})
	to := server.NewDatabase(t)
	name := to[strings.LastIndex(to, "/")+1:]
	order := backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name, Mode: registry.RestorePart, Part: backup.Part{Tables: []string{"sales.customer"}}}
	x := w.startRestore(order)
	_, err := w.Service.RunRestore(t.Context(), x.ID) // there is no schema for it
	want(t, err, fault.Validation, "")
	order.Part.WithDependencies = true
	x = w.run(w.startRestore(order))
	if x.Part == nil || !slices.Equal(x.Part.Tables, []string{"sales.customer"}) || !x.Part.WithDependencies || x.Read == 0 {
		t.Errorf("%+v", x)
	}
	if got := copied(t, to, "sales.customer"); got != copied(t, url, "sales.customer") {
		t.Error("the rows are others")
	}
	before := fingerprint(t, to)
	x = w.startRestore(order) // what is there is in the way
	got, err := w.Service.RunRestore(t.Context(), x.ID)
	if f := want(t, err, fault.Validation, ""); got.State != registry.RestoreFailed || got.HalfFilled || !strings.Contains(f.Message, "sales.customer") {
		t.Errorf("%v: %+v", err, got)
	}
	if after := fingerprint(t, to); !reflect.DeepEqual(after, before) {
		t.Error("the database was changed")
	}
	order.Part = backup.Part{Tables: []string{"sales.customer"}, As: "sales.customer_rescued"}
	w.run(w.startRestore(order))
	if got := copied(t, to, "sales.customer_rescued"); got != copied(t, url, "sales.customer") {
		t.Error("the rows under another name are others")
	}
	testenv.LoadSQL(t, to, "DELETE FROM sales.customer")
	order.Part = backup.Part{Tables: []string{"sales.customer"}, DataOnly: true}
	w.run(w.startRestore(order))

	fresh := backup.RestoreOrder{Backup: b.ID, Target: "fresh", Database: newName(t), Part: backup.Part{Schemas: []string{"sales"}, ExcludeTables: []string{"sales.invoice", "sales.total"}}}
	w.run(w.startRestore(fresh))
	if got := answers(t, at(url, fresh.Database), "SELECT count(*) FROM sales.customer; SELECT count(*) FROM pg_tables WHERE schemaname = 'sales'"); strings.Join(got, " ") != "2000 1" {
		t.Errorf("%q", got)
	}
	fresh = backup.RestoreOrder{Backup: b.ID, Target: "fresh", Database: newName(t), Part: backup.Part{Tables: []string{"none"}}}
	x = w.startRestore(fresh)
	got, err = w.Service.RunRestore(t.Context(), x.ID)
	if want(t, err, fault.Validation, fault.NotFound); got.HalfFilled {
		t.Errorf("%+v", got)
	}
}

// A plan of an order says what is in the way, and what would be done; nothing is on record, and nothing is touched.
func TestPlanOfAnOrder(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	w := open(t, "", url, withTargets(t, url)...)
	b := w.create(backup.Request{})
	before := fingerprint(t, url)
	source := url[strings.LastIndex(url, "/")+1:]
	name := newName(t)
	order := backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: name}
	plan := func(o backup.RestoreOrder) backup.Plan {
		t.Helper()
		p, err := w.Service.PlanRestore(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := plan(order); len(p.Problems) > 0 || p.Exists || p.Makes["TABLE"] != 2 || p.Backup.ID != b.ID || p.Read <= 0 || p.Read > b.Size {
		t.Errorf("%+v", p)
	}
	if p := plan(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: source}); len(p.Problems) != 1 || p.Problems[0].Reason != fault.AlreadyExists || !p.Exists {
		t.Errorf("%+v", p)
	}
	if p := plan(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: source, Mode: registry.RestoreReplace}); len(p.Problems) > 0 || p.Content == "" {
		t.Errorf("unconfirmed, as it only looks: %+v", p)
	}
	if p := plan(backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: source, Mode: registry.RestorePart, Part: backup.Part{Tables: []string{"invoice"}}}); len(p.Problems) == 0 || p.Part != "table invoice" || p.Read >= b.Size {
		t.Errorf("what is there is in the way: %+v", p)
	}
	for _, wrong := range []backup.RestoreOrder{
		{Backup: b.ID, Target: "nowhere", Database: name}, {Backup: b.ID, Target: "staging", Database: "postgres"}, {Backup: b.ID, Target: "fresh", Database: name, Mode: registry.RestoreReplace},
	} {
		_, err := w.Service.PlanRestore(t.Context(), wrong)
		want(t, err, fault.Validation, fault.InvalidInput)
	}
	if left := w.keys(registry.RestoresPrefix); len(left) > 0 {
		t.Errorf("on record: %v", left)
	}
	w.startRestore(order)
	if p := plan(order); len(p.Problems) != 1 || p.Problems[0].Reason != fault.Busy || len(p.Refused) != 1 {
		t.Errorf("while another one goes on: %+v", p)
	}
	if after := fingerprint(t, url); !reflect.DeepEqual(after, before) {
		t.Error("the database was changed")
	}
	if got := answers(t, url, "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); got[0] != "0" {
		t.Error("a plan made a database")
	}
}

// Roles that lack are made by request, and are on record, also where the restore fails then.
func TestRestoreOrderWithGlobals(t *testing.T) {
	from, to := testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor}), testenv.PostgresWith(t, testenv.Options{Major: testenv.NewestMajor})
	yes := true
	w := open(t, "", company(t, from), withTargets(t, to.URL("postgres"))...)
	b := w.create(backup.Request{Globals: &yes})
	order := backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: "company", Globals: true}
	plan, err := w.Service.PlanRestore(t.Context(), order)
	if err != nil || plan.Globals == nil || len(plan.Globals.Roles) != 3 || len(plan.Problems) > 0 {
		t.Fatalf("%v: %+v", err, plan)
	}
	to.Exec(t, "postgres", "CREATE DATABASE company")
	x := w.startRestore(order)
	x, err = w.Service.RunRestore(t.Context(), x.ID)
	want(t, err, fault.Validation, fault.AlreadyExists)
	if x.GlobalsMade == nil || len(x.GlobalsMade.Roles) != 3 || x.HalfFilled {
		t.Errorf("%+v", x)
	}
	to.Exec(t, "postgres", "DROP DATABASE company")
	if x = w.run(w.startRestore(order)); x.GlobalsMade == nil || len(x.GlobalsMade.Roles) != 0 || x.GlobalsMade.There < 3 {
		t.Errorf("%+v", x.GlobalsMade)
	}
	if got := answers(t, to.URL("company"), "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'"); got[0] != "keeper" {
		t.Errorf("%q", got)
	}
}

// A request with an idempotency key makes one restore, however often and from wherever it is sent; another request with it is refused.
func TestRestoreIdempotencyKey(t *testing.T) {
	url := newShop(t, testenv.NewestMajor)
	env := withTargets(t, url)
	w := open(t, "", url, env...)
	b := w.create(backup.Request{})
	order := backup.RestoreOrder{Backup: b.ID, Target: "staging", Database: newName(t), By: "ana", IdempotencyKey: "release 7"}
	services := []*backup.Service{w.Service, open(t, w.dir, url, env...).Service, open(t, w.dir, url, env...).Service}
	var mu sync.Mutex
	made := map[string]int{}
	var all sync.WaitGroup
	for range 3 {
		for _, s := range services {
			all.Go(func() {
				x, err := s.StartRestore(t.Context(), order)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				made[x.ID]++
			})
		}
	}
	all.Wait()
	x := w.startRestore(order)
	if made[x.ID]++; len(made) != 1 {
		t.Fatalf("%v", made)
	}
	if list, _, err := w.Service.ListRestores(t.Context(), "", 10); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	w.run(x)
	if again := w.startRestore(order); again.ID != x.ID || again.State != registry.RestoreSucceeded {
		t.Errorf("%+v", again)
	}
	for what, change := range map[string]func(o *backup.RestoreOrder){
		"another database": func(o *backup.RestoreOrder) { o.Database += "_2" }, "another mode": func(o *backup.RestoreOrder) { o.Mode, o.Confirm = registry.RestoreReplace, o.Database },
		"a part": func(o *backup.RestoreOrder) { o.Part = backup.Part{Tables: []string{"invoice"}} }, "no owners": func(o *backup.RestoreOrder) { o.NoOwner = true },
		"with globals": func(o *backup.RestoreOrder) { o.Globals = true },
	} {
		o := order
		change(&o)
		if _, err := w.Service.StartRestore(t.Context(), o); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), x.ID) {
			t.Errorf("%s: %v", what, err)
		}
	}
	other := order
	other.By, other.Database = "ben", newName(t)
	if y := w.startRestore(other); y.ID == x.ID {
		t.Error("keys of two users are one")
	} else if _, err := w.Service.WithdrawRestore(t.Context(), y.ID, fault.New(fault.Canceled, "", "Ask again.", "the server is being stopped")); err != nil {
		t.Fatal(err)
	} else if again := w.startRestore(other); again.ID == y.ID || again.State != registry.RestoreReserved {
		t.Errorf("one that nobody could begin, asked for again: %+v", again)
	} else if once := w.startRestore(other); once.ID != again.ID {
		t.Errorf("%+v", once)
	}
	days := 0
	if _, err := w.Service.CancelRestore(t.Context(), w.startRestore(other).ID, "ben"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.Service.Cleanup(t.Context(), backup.CleanupOptions{Days: &days}); err != nil {
			t.Fatal(err)
		}
	}
	if left := w.keys(registry.RestoresPrefix); len(left) > 0 {
		t.Errorf("left after a cleanup of everything: %v", left)
	}
}
