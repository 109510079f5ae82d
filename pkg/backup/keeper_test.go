package backup

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"cofre/pkg/registry"
	"cofre/pkg/storage"
	"cofre/pkg/storage/storagetest"
)

// hanging is a service that answers no write of a progress record, nor the first renewal of a lease.
type hanging struct {
	storage.Store
	id       string
	armed    atomic.Bool
	statuses atomic.Int32
	intents  atomic.Int32
}

func (s *hanging) Put(ctx context.Context, key string, body []byte, o storage.PutOptions) (storage.Object, error) {
	hang := s.armed.Load() && (key == registry.StatusKey(s.id) && s.statuses.Add(1) > 0 || key == registry.IntentKey(s.id) && s.intents.Add(1) == 1)
	if hang {
		<-ctx.Done()
		return storage.Object{}, ctx.Err()
	}
	return s.Store.Put(ctx, key, body, o)
}

// A lease is kept while nothing but its renewal is answered, and nobody looks at the terminal; one request without an answer
// does not cost it either.
func TestLeaseIsKeptOnASlowService(t *testing.T) {
	for name, open := range map[string]func(testing.TB) storage.Store{"local": storagetest.NewLocal, "MinIO": storagetest.NewMinIO} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &hanging{Store: open(t)}
			reg := registry.New(store, registry.Options{Lease: 3 * time.Second})
			s := New(Config{Store: store, Registry: reg})
			id, err := s.newID()
			if err != nil {
				t.Fatal(err)
			}
			b, err := reg.Reserve(t.Context(), Backup{ID: id, Filename: "a.dump", Filepath: "files/a.dump", CreatedAt: time.Now().UTC()}, nil, time.Minute,
				func(*registry.Index, *registry.Backup) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			lease, err := reg.Claim(t.Context(), id, "run")
			if err != nil {
				t.Fatal(err)
			}
			store.id = id
			store.armed.Store(true)
			r := &run{s: s, lease: lease, b: b, log: s.Log, notes: &runLog{now: time.Now}, track: &tracker{id: id, started: time.Now(), phase: PhaseDumping}}
			r.track.begin(1, "")
			work, keeper := r.keep(t.Context(), func(Progress) { time.Sleep(time.Second) })
			defer keeper.release(nil)
			time.Sleep(7 * time.Second)
			rep, err := registry.New(store.Store, registry.Options{}).Reconcile(t.Context())
			if err != nil || len(rep.Running) != 1 || work.Err() != nil {
				t.Errorf("given up: %+v, %v, %v", rep, err, context.Cause(work))
			}
			began := time.Now()
			keeper.end()
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("the keeper ends after %s", took)
			}
			if store.statuses.Load() == 0 || store.intents.Load() < 3 {
				t.Errorf("%d progress records and %d renewals were tried", store.statuses.Load(), store.intents.Load())
			}
			if err := lease.Renew(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
