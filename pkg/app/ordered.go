package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// OrderedProof is a proof that this process makes by order (BACKUP_PROOF_ORDER), without credentials for the storage.
type OrderedProof struct {
	Service *backup.Service
	store   storage.Store
	log     *slog.Logger
	every   time.Duration // how often the order is read again

	mu    sync.Mutex
	order registry.ProofOrder
}

// OpenOrdered reads the order.
func OpenOrdered(ctx context.Context, c Config, o Options) (*OrderedProof, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if c.ProofOrder == "" {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "The workflow of proofs sets it. Anywhere else, prove the backup with: cofre prove ID", "BACKUP_PROOF_ORDER is not set: there is no order for a proof")
	}
	p := &OrderedProof{log: o.Log, every: backup.OrderLook}
	var err error
	if p.order, err = readOrder(ctx, c.ProofOrder); err != nil {
		return nil, err
	}
	place, err := s3.ParseURL(p.order.Place)
	if err != nil {
		return nil, err
	}
	place.Logger = o.Log
	if p.store, err = s3.OpenLinks(ctx, place, p.link); err != nil {
		return nil, err
	}
	records := registry.Options{Log: o.Log}
	var signing backup.Config
	c.SigningKey = ""
	if err := c.signatures(ctx, &records, &signing); err != nil {
		return nil, err
	}
	p.Service = backup.New(backup.Config{NothingKept: true, Store: p.store, Registry: registry.New(p.store, records), Engine: newEngine(c, o.Log), TrustedKeys: signing.TrustedKeys,
		Limits: backup.Limits{MaxProofBytes: int64(c.ProofMaxGB * gigabyte)}, Log: o.Log})
	return p, nil
}

func readOrder(ctx context.Context, link string) (registry.ProofOrder, error) {
	data, err := s3.Fetch(ctx, link, registry.MaxOrder)
	if err != nil {
		return registry.ProofOrder{}, fmt.Errorf("read the order of the proof: %w", err)
	}
	return registry.ParseProofOrder(data)
}

// link gives the link to an object as the newest order has it.
func (p *OrderedProof) link(method, key string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if method == http.MethodPut {
		return p.order.Result, key == registry.ProofResultKey(p.order.Backup.ID)
	}
	link, ok := p.order.Links[key]
	return link, ok
}

// follow reads the order again and again until ctx ends: its links are renewed before they end.
func (p *OrderedProof) follow(ctx context.Context) {
	for pause.For(ctx, p.every) == nil {
		p.mu.Lock()
		now := p.order
		p.mu.Unlock()
		next, err := readOrder(ctx, now.Next)
		switch {
		case err != nil:
			p.log.Warn("the order of the proof was not read again", "backup_id", now.Backup.ID, "error", err.Error())
		case next.Nonce == now.Nonce && next.Backup.ID == now.Backup.ID:
			p.mu.Lock()
			p.order.Links, p.order.Result, p.order.Next = next.Links, next.Result, next.Next
			p.mu.Unlock()
		}
	}
}

// Make makes the proof of the backup with this id, and tells by the order what came of it.
func (p *OrderedProof) Make(ctx context.Context, id string, o backup.ProveOptions) (backup.Proved, error) {
	order := p.order
	if order.Backup.ID != id {
		return backup.Proved{}, fault.New(fault.Validation, fault.InvalidInput, "Ask for the proof again.", "the order is for the proof of backup %s, not of %s", order.Backup.ID, id)
	}
	following, stop := context.WithCancel(ctx)
	var followed sync.WaitGroup
	followed.Go(func() { p.follow(following) })
	defer followed.Wait()
	defer stop()
	return p.Service.ProveOrdered(ctx, order, o, func(ctx context.Context, r registry.ProofResult) error {
		data, err := registry.EncodeProofResult(r)
		if err != nil {
			return err
		}
		_, err = p.store.Put(ctx, registry.ProofResultKey(id), data, storage.PutOptions{})
		return err
	})
}
