package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// A proof by order needs no credentials: it reads what its links lead to and nothing else, goes on when they are renewed, and records nothing. What it tells
// is recorded where the credentials are, as far as a proof of this backup can find it.
func TestOrderedProof(t *testing.T) {
	minio := testenv.MinIO(t)
	for _, kv := range minio.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	database := testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)
	testenv.LoadSQL(t, database, "CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS code FROM generate_series(1, 500) n")
	a, ctx := open(t, database, "BACKUP_DIRECTORY=s3://"+minio.NewBucket(t)+"/team a"), t.Context()
	s := a.Service
	b, err := s.Create(ctx, backup.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	order := func() (backup.Ordered, *app.OrderedProof) {
		t.Helper()
		ordered, err := s.OrderProof(ctx, b.ID)
		if err != nil {
			t.Fatal(err)
		}
		c, err := app.Load([]string{"BACKUP_PROOF_ORDER=" + ordered.Link, "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor), "BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor)})
		if err != nil {
			t.Fatal(err)
		}
		p, err := app.OpenOrdered(ctx, c, app.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return ordered, p
	}
	attempt := func() registry.ProofAttempt {
		t.Helper()
		x, err := s.LastAttempt(ctx, b.ID)
		if err != nil || x == nil {
			t.Fatalf("%v, %v", x, err)
		}
		return *x
	}

	ordered, p := order()
	if x := attempt(); x.State != registry.ProofRunning || x.By != backup.Scheduler {
		t.Errorf("while it lasts the record says %+v", x)
	}
	// Its links lead to this backup alone, and to no list.
	for _, key := range []string{registry.IndexKey, registry.VerificationKey(b.ID), registry.ProofKey(b.ID), "files/other.dump"} {
		if _, _, err := p.Store().Get(ctx, key); !storage.IsNotFound(err) {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := p.Store().Put(ctx, key, []byte("x"), storage.PutOptions{}); !fault.HasCode(err, fault.Permission) {
			t.Errorf("%s is written: %v", key, err)
		}
	}
	for _, err := range p.Store().List(ctx, storage.ListOptions{}) {
		if !fault.HasCode(err, fault.Permission) {
			t.Errorf("it lists: %v", err)
		}
		break
	}
	if err := p.Store().Delete(ctx, b.Filepath); !fault.HasCode(err, fault.Permission) {
		t.Errorf("it deletes: %v", err)
	}
	link := orderOf(t, a, b.ID)
	for size, want := range map[int]bool{registry.ResultSize: true, registry.ResultSize + 1: false, 1: false} {
		r, _ := http.NewRequestWithContext(ctx, http.MethodPut, link.Result, bytes.NewReader(bytes.Repeat([]byte{' '}, size)))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if (answer.StatusCode == http.StatusOK) != want {
			t.Errorf("%d bytes are answered with %s", size, answer.Status)
		}
	}

	// Its links have ended by the time that it begins: it goes on with those of the order's renewal.
	var once sync.Once
	dead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { // not before
			if err := s.RenewProof(context.Background(), b.ID, ordered.Nonce); err != nil {
				t.Error(err)
			}
		})
		http.Error(w, "ended", http.StatusServiceUnavailable)
	}))
	defer dead.Close()
	ended := link
	ended.Links = map[string]string{}
	for key := range link.Links {
		ended.Links[key] = dead.URL + "/" + url.PathEscape(key)
	}
	put(t, a, ended)
	ordered.Link = link.Next
	c, _ := app.Load([]string{"BACKUP_PROOF_ORDER=" + ordered.Link, "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor), "BACKUP_PROOF_SERVER=" + testenv.ServerBin(testenv.NewestMajor)})
	if p, err = app.OpenOrdered(ctx, c, app.Options{}); err != nil {
		t.Fatal(err)
	}
	p.LookEvery(10 * time.Millisecond)
	done, err := p.Make(ctx, b.ID, backup.ProveOptions{})
	if err != nil || done.Err() != nil || done.Proof.Level != registry.LevelProven {
		t.Fatalf("%+v, %v", done, err)
	}
	once.Do(func() { t.Error("the links that had ended were not tried") })
	known := func() (proven bool) {
		t.Helper()
		b, err := s.Info(ctx, b.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, proven = b.Proven()
		return proven
	}
	if known() {
		t.Error("it is on record before anybody has looked at it")
	}
	if err := s.RenewProof(ctx, b.ID, ordered.Nonce); err != nil || attempt().Step != registry.ProofComparing {
		t.Errorf("its step is %s, %v", attempt().Step, err)
	}
	told, err := s.Registry.ProofResult(ctx, b.ID, ordered.Nonce)
	if err != nil {
		t.Fatal(err)
	}

	// Another order's result is none, and neither is one that cannot be.
	lie := func(change func(*registry.ProofResult)) backup.Settled {
		t.Helper()
		ordered, p := order()
		r, v, found := told, *told.Proof, *told.Proof.Proof
		r.Nonce, r.Proof, v.Proof = ordered.Nonce, &v, &found
		change(&r)
		data, err := registry.EncodeProofResult(r)
		if err == nil {
			_, err = p.Store().Put(ctx, registry.ProofResultKey(b.ID), data, storage.PutOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		x, err := s.SettleOrder(ctx, b.ID, ordered.Nonce, nil)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for name, change := range map[string]func(*registry.ProofResult){
		"an older one":          func(r *registry.ProofResult) { r.Nonce = ordered.Nonce },
		"one row more":          func(r *registry.ProofResult) { r.Proof.Proof.Rows++ },
		"one of another backup": func(r *registry.ProofResult) { r.Backup = "01JZ8Q4M9T4Y3V6K2W1X0N5BCD" },
		"no result":             func(r *registry.ProofResult) { r.Proof = nil },
	} {
		x := lie(change)
		if a := attempt(); x.State != registry.ProofFailed || x.Recorded || x.Error == nil || a.State != registry.ProofFailed || a.Error == nil || known() {
			t.Errorf("%s is settled as %+v, the record says %+v; proven: %v", name, x, a, known())
		}
	}
	if x := lie(func(r *registry.ProofResult) { r.Proof.At = time.Now().AddDate(10, 0, 0) }); x.State != registry.ProofProven || !known() || attempt().State != registry.ProofProven {
		t.Errorf("the result is settled as %+v; proven: %v", x, known())
	}
	if b, _ := s.Info(ctx, b.ID); b.Verification.At.After(time.Now()) {
		t.Errorf("the result says itself when that was: %s", b.Verification.At)
	}

	// A backup that is damaged is told so, by the one comparison that there is.
	_, p = order()
	ordered.Nonce = orderOf(t, a, b.ID).Nonce
	data, _, err := a.Store.Get(ctx, b.Filepath)
	if err == nil {
		data[len(data)-9] ^= 1
		_, err = a.Store.Put(ctx, b.Filepath, data, storage.PutOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if done, err = p.Make(ctx, b.ID, backup.ProveOptions{}); err != nil || done.Err() == nil {
		t.Errorf("of a changed file: %+v, %v", done.Proof, err)
	}
	if x, err := s.SettleOrder(ctx, b.ID, ordered.Nonce, nil); err != nil || x.State != registry.ProofDisproven || known() {
		t.Errorf("settled as %+v, %v", x, err)
	}
}

// orderOf reads the order of a backup's proof.
func orderOf(t *testing.T, a *app.App, id string) registry.ProofOrder {
	t.Helper()
	data, _, err := a.Store.Get(t.Context(), registry.ProofOrderKey(id))
	if err != nil {
		t.Fatal(err)
	}
	o, err := registry.ParseProofOrder(data)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func put(t *testing.T, a *app.App, o registry.ProofOrder) {
	t.Helper()
	data, err := json.Marshal(o)
	if err == nil {
		_, err = a.Store.Put(t.Context(), registry.ProofOrderKey(o.Backup.ID), data, storage.PutOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}
