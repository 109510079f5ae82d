package app

import (
	"context"

	"cofre/pkg/registry"
	"cofre/pkg/signature"
)

// signatures makes the registry sign and check manifests, as far as there are keys for it.
func (c Config) signatures(o *registry.Options) error {
	if c.SigningKey != "" {
		key, err := signature.ReadKey(c.SigningKey)
		if err != nil {
			return err
		}
		o.Sign = func(_ context.Context, manifest []byte) ([]byte, error) {
			return signature.Sign(key, signature.Namespace, manifest)
		}
	}
	if c.TrustedKeys != "" {
		trusted, err := signature.ReadTrusted(c.TrustedKeys)
		if err != nil {
			return err
		}
		o.Check = trusted.Check
	}
	return nil
}
