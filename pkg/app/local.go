//go:build !lambda

package app

import (
	"context"

	"cofre/pkg/storage/local"
)

// openLocal opens a local directory.
func (a *App) openLocal(_ context.Context, c Config, o Options) error {
	store, err := local.Open(local.Config{Directory: c.Directory, LinkBase: o.LinkBase, Logger: o.Log})
	if err != nil {
		return err
	}
	a.Store, a.Local, a.Links = store, true, store.Handler()
	return nil
}
