//go:build !lambda

package app

import (
	"context"

	"cofre/pkg/storage/embedded"
)

// openLocal opens a local directory, behind the embedded store.
func (a *App) openLocal(ctx context.Context, c Config, o Options) error {
	listen := ""
	if o.Links {
		listen = "127.0.0.1:0"
	}
	server, err := embedded.Start(ctx, embedded.Config{
		Directory: c.Directory, Listen: listen, PartSize: int64(c.PartSizeMB) << 20, Concurrency: c.UploadConcurrency, Logger: o.Log,
	})
	if err != nil {
		return err
	}
	store, err := server.Store(ctx)
	if err != nil {
		server.Close()
		return err
	}
	a.Store, a.Local, a.StoreURL, a.server = store, true, server.Endpoint(), server
	return nil
}
