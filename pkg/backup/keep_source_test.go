package backup_test

import (
	"encoding/json"
	"math"
	neturl "net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

func newServerKey(t *testing.T) string {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// secretText is a secret that is given itself.
func secretText(s string) source.Given { return source.Given{Value: s} }

// A source that is kept in the bucket is backed up like any other, by whichever process looks, with what is said of it; what cannot be taken is told,
// and takes no other with it.
func TestKeptSources(t *testing.T) {
	ctx, server := t.Context(), testenv.Postgres(t, testenv.NewestMajor)
	url, kept := server.NewDatabase(t), server.NewDatabase(t)
	testenv.LoadSQL(t, kept, "CREATE TABLE t (id int)")
	if u, err := neturl.Parse(kept); err != nil {
		t.Fatal(err)
	} else if _, has := u.User.Password(); !has { // which the server does not ask for
		u.User = neturl.UserPassword(u.User.Username(), "hunter2")
		kept = u.String()
	}
	t.Setenv("COFRE_WIKI", kept)
	key := newServerKey(t)
	w := open(t, "", url, "BACKUP_SOURCE=own", "BACKUP_SERVER_KEY="+key, "COFRE_WIKI="+kept)
	days := 3
	shop := source.Settings{Name: "shop", Schedule: "0 3 * * *", Format: "plain", Tags: map[string]string{"team": "shop"}, MaxSizeGB: 2, Retention: &source.Retention{Days: &days}, ObjectLock: &source.ObjectLock{Mode: "none"}}
	made, err := w.Service.KeepSource(ctx, backup.SourceChange{Settings: shop, Connection: secretText(kept), Ping: secretText("https://hc.example.com/secret-uuid")}, "ana")
	if err != nil || made.Trouble != nil || made.Ping == nil || made.Reached.Host == "" || made.Changed().By != "ana" {
		t.Fatalf("%+v, %v", made, err)
	}
	// Its first scheduled backup is due behind the change that made it, and not before, whatever the configuration file says.
	for _, ahead := range []time.Duration{0, 25 * time.Hour} {
		w.Service.Now = func() time.Time { return time.Now().Add(ahead) }
		all, err := w.Service.Sources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		due, failed, err := w.Service.Due(ctx, all, time.Time{})
		if err != nil || len(failed) > 0 || len(due) != int(ahead/(24*time.Hour)) {
			t.Errorf("after %s %v is due, %v, %v", ahead, due, failed, err)
		}
	}
	w.Service.Now = time.Now
	for what, c := range map[string]struct {
		of     source.Settings
		from   source.Given
		reason fault.Reason
	}{
		"there already":     {shop, secretText(kept), fault.AlreadyExists},
		"by case":           {source.Settings{Name: "SHOP"}, secretText(kept), fault.AlreadyExists},
		"the environment's": {source.Settings{Name: "Own"}, secretText(kept), fault.AlreadyExists},
		"no connection":     {source.Settings{Name: "x"}, source.Given{}, fault.InvalidInput},
		"two":               {source.Settings{Name: "x"}, source.Given{Connection: source.Connection{Env: "COFRE_X"}, Value: kept}, fault.InvalidInput},
		"a file":            {source.Settings{Name: "x"}, source.Given{Connection: source.Connection{File: "/etc/passwd"}}, fault.InvalidInput},
		"any variable":      {source.Settings{Name: "x"}, source.Given{Connection: source.Connection{Env: "BACKUP_SERVER_KEY"}}, fault.InvalidInput},
		"any secret":        {source.Settings{Name: "x"}, source.Given{Connection: source.Connection{Secret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-AbCdEf"}}, fault.InvalidInput},
		"a socket":          {source.Settings{Name: "x"}, secretText("host=/tmp user=u"), fault.InvalidInput},
		"the link":          {source.Settings{Name: "x"}, secretText("postgresql://u:p@169.254.169.254/d"), fault.InvalidInput},
		"a followed name":   {source.Settings{Name: "a/b"}, secretText(kept), fault.InvalidInput},
		"the API's word":    {source.Settings{Name: "test"}, secretText(kept), fault.InvalidInput},
		"restores":          {source.Settings{Name: "x", Restore: []string{"replace"}}, secretText(kept), fault.InvalidInput},
		"checks":            {source.Settings{Name: "x", Checks: "/etc/passwd"}, secretText(kept), fault.InvalidInput},
		"no place":          {source.Settings{Name: "x", Copies: []string{"nowhere"}}, secretText(kept), fault.InvalidInput},
		"a schedule":        {source.Settings{Name: "x", Schedule: "now"}, secretText(kept), fault.InvalidInput},
		"no size":           {source.Settings{Name: "x", MaxSizeGB: math.NaN()}, secretText(kept), fault.InvalidInput},
		"an endless size":   {source.Settings{Name: "x", MaxSizeGB: math.Inf(1)}, secretText(kept), fault.InvalidInput},
		"half a character":  {source.Settings{Name: "a\ufffdb"}, secretText(kept), fault.InvalidInput},
		"nothing to see":    {source.Settings{Name: "a\u202eb"}, secretText(kept), fault.InvalidInput},
		"a ping":            {source.Settings{Name: "x"}, source.Given{Value: "host=/x"}, fault.InvalidInput},
	} {
		if got, err := w.Service.KeepSource(ctx, backup.SourceChange{Settings: c.of, Connection: c.from}, "eve"); !fault.HasReason(err, c.reason) || strings.Contains(err.Error(), "p@169") {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	if _, err := w.Service.KeepSource(ctx, backup.SourceChange{Settings: source.Settings{Name: "wiki"}, Connection: source.Given{Connection: source.Connection{Env: "COFRE_WIKI"}}}, "ana"); err != nil {
		t.Fatal(err)
	}

	other := open(t, w.dir, url, "BACKUP_SOURCE=own", "BACKUP_SERVER_KEY="+key, "COFRE_WIKI="+kept) // another process
	all, err := other.Service.Sources(ctx)
	of, _ := all.Find("shop")
	if err != nil || !slices.Equal(all.Names(), []string{"own", "shop", "wiki"}) || all.Default != "own" || of.Origin.Kind != source.FromBucket || of.Rows != "text" || !slices.Contains(of.Defaulted, "rows") || of.MaxBytes() != 2<<30 {
		t.Fatalf("%+v, %v", all, err)
	}
	b := other.create(backup.Request{Source: "shop"})
	if b.Source != "shop" || b.Format != "plain" || b.Labels["team"] != "shop" {
		t.Errorf("made %+v", b)
	}
	if b := other.create(backup.Request{Source: "wiki"}); b.Source != "wiki" || b.Format != "custom" {
		t.Errorf("made %+v", b)
	}
	later := time.Now().AddDate(0, 0, 4)
	plan := func(w *world) (removed []string) {
		w.Service.Now = func() time.Time { return later }
		rep, err := w.Service.Cleanup(ctx, backup.CleanupOptions{DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if p := rep.Policy.Sources["shop"]; p.KeepDays != days {
			removed = append(removed, "shop is not kept by its own days")
		}
		return removed
	}
	if got := plan(other); got != nil {
		t.Error(got)
	}
	other.Service.Now = time.Now

	// A state that somebody has seen is changed by who saw it; the password stays for its server alone.
	seen, err := w.Service.KeptSource(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	changed := seen.Settings
	changed.Paused = true
	if _, err := w.Service.KeepSource(ctx, backup.SourceChange{Version: seen.Version(), Settings: changed}, "ana"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Service.KeepSource(ctx, backup.SourceChange{Version: seen.Version(), Settings: changed}, "rui"); !fault.HasReason(err, fault.Precondition) {
		t.Errorf("who saw an older state changes it: %v", err)
	}
	if all, err := other.Service.Sources(ctx); err != nil || len(all.Active()) != 2 {
		t.Errorf("the other process sees %+v, %v", all.Active(), err)
	}
	now, err := w.Service.KeptSource(ctx, "shop")
	if err != nil || now.Ping == nil {
		t.Fatalf("%+v, %v", now, err)
	}
	change := backup.SourceChange{Version: now.Version(), Settings: changed}
	thief := change
	thief.Connection = secretText("postgresql://thief@evil.example.com/shop")
	if _, err := w.Service.KeepSource(ctx, thief, "eve"); err == nil || !strings.Contains(fault.From(err).Hint, "password again") {
		t.Errorf("a password goes to another host: %v", err)
	}
	if look, err := w.Service.TrySource(ctx, change); err != nil || look.Database == "" {
		t.Errorf("%+v, %v", look, err)
	}
	if _, err := w.Service.TrySource(ctx, backup.SourceChange{Settings: source.Settings{Name: "new"}, Connection: secretText("postgresql://u:hunter22@127.0.0.1:1/d")}); !fault.HasReason(err, fault.PortRefused) || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("%v", err)
	}

	// What is planted, or comes from elsewhere too, is told; nothing of an unread one is removed.
	data, _, err := w.Store.Get(ctx, registry.KeptKey(registry.KeptSource, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	doc["settings"].(map[string]any)["retention"] = map[string]any{"days": 1}
	forged, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Store.Put(ctx, registry.KeptKey(registry.KeptSource, "shop"), forged, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	other.Service.Configured.Sources = append(other.Service.Configured.Sources, source.Settings{Name: "Wiki", Origin: source.Origin{Kind: source.FromFile, File: "cofre.yaml", Line: 7}})
	all, err = other.Service.Sources(ctx)
	if err != nil || !slices.Equal(all.Names(), []string{"own", "Wiki"}) || len(all.Troubles) != 2 || !fault.HasReason(all.Troubles[0].Err, fault.Forged) || !strings.Contains(all.Troubles[1].Err.Error(), "cofre.yaml, line 7") {
		t.Fatalf("%+v, %v", all, err)
	}
	o, err := other.Service.Overview(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := func(name string) (s overview.State) {
		for _, f := range o.Source(name).Findings {
			if f.Code == overview.Untaken {
				s = f.Severity
			}
		}
		return s
	}
	if found("shop") != overview.Failing || found("wiki") != overview.Warning {
		t.Errorf("told: %+v", o.Sources)
	}
	if c := backup.CheckKept(all); len(c) != 2 || c[0].Result != backup.CheckFailed {
		t.Errorf("%+v", c)
	}
	// Nothing is green that leaves it out, nothing else is backed up under its name, and people are told.
	other.Service.Configured.Sources = other.Service.Configured.Sources[:1]
	if _, err := other.Service.TestSource(ctx, "shop"); !fault.HasReason(err, fault.Forged) {
		t.Errorf("test: %v", err)
	}
	if b, err := other.Service.Create(ctx, backup.Request{Source: "shop"}, nil); !fault.HasReason(err, fault.Forged) {
		t.Errorf("the environment's database is backed up as shop: %+v, %v", b, err)
	}
	if b, err := other.Service.Create(ctx, backup.Request{Source: "shop/wiki"}, nil); !fault.HasReason(err, fault.Forged) {
		t.Errorf("the environment's database is backed up as one of shop's server: %+v, %v", b, err)
	}
	if made, err := other.Service.CreateAll(ctx, backup.AllOptions{}); err != nil || !slices.Equal(made.Failed(), []string{"shop"}) || len(made.Made) != 3 {
		t.Errorf("all: %+v, %v", made, err)
	}
	o, err = other.Service.Overview(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	held, covers := other.Service.Conditions(o)
	if i := slices.IndexFunc(held, func(c event.Condition) bool { return c.Source == "shop" && c.Kind == event.BackupFailed }); i < 0 || held[i].Severity != event.Critical || !strings.Contains(held[i].Detail, "BACKUP_SERVER_KEY") || !covers("shop") {
		t.Errorf("people are told of %+v", held)
	}
	rep, err := other.Service.Cleanup(ctx, backup.CleanupOptions{DryRun: true})
	if p, ok := rep.Policy.Sources["shop"]; err != nil || !ok || p.KeepDays != 0 || p.MaxBackups != 0 {
		t.Errorf("kept of one that is not read: %+v, %v", rep.Policy, err)
	}
	if n, err := w.Service.RemoveSource(ctx, "shop", "ana"); err != nil || n != 1 {
		t.Errorf("%d stay, %v", n, err)
	}
	// One that nobody ever reached is gone with its settings.
	if _, err := w.Service.KeepSource(ctx, backup.SourceChange{Settings: source.Settings{Name: "unborn"}, Connection: secretText("postgresql://u@127.0.0.1:1/d")}, "ana"); err != nil {
		t.Fatal(err)
	}
	for _, there := range []bool{true, false} {
		if o, err := w.Service.Overview(ctx, nil); err != nil || (o.Source("unborn") != nil) != there {
			t.Errorf("unborn is there: %v, %v", !there, err)
		}
		if !there {
			break
		}
		if err := w.Service.Registry.NoteSource(ctx, "unborn", time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Service.RemoveSource(ctx, "unborn", "ana"); err != nil {
			t.Fatal(err)
		}
	}
	// One whose record is none keeps no other from being put on record.
	if _, err := w.Store.Put(ctx, registry.SourceKey("aaa"), []byte("none"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if again, err := w.Service.NoteSources(ctx, []string{"aaa", "zzz"}); !fault.HasReason(err, fault.StructureDamaged) || len(again) > 0 {
		t.Errorf("%v, %v", again, err)
	}
	if rec, err := w.Service.Registry.Source(ctx, "zzz"); err != nil || rec.FirstSeen.IsZero() {
		t.Errorf("%+v, %v", rec, err)
	}
	if _, err := w.Service.RemoveSource(ctx, "own", "ana"); err == nil || !strings.Contains(err.Error(), "environment") {
		t.Errorf("the environment's is removed: %v", err)
	}
}
