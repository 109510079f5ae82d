package app

import (
	"context"
	"slices"

	"cofre/pkg/backup"
	"cofre/pkg/kms"
	"cofre/pkg/registry"
	"cofre/pkg/signature"
)

// signatures makes the registry sign and check manifests, as far as there are keys for it, and tells the service with which.
func (c Config) signatures(ctx context.Context, o *registry.Options, s *backup.Config) error {
	if c.TrustedKeys != "" {
		trusted, err := signature.ReadTrusted(c.TrustedKeys)
		if err != nil {
			return err
		}
		o.Check = trusted.Check
		for _, key := range trusted {
			s.TrustedKeys = append(s.TrustedKeys, signature.Fingerprint(key))
		}
	}
	if c.SigningKey == "" {
		return nil
	}
	key, err := c.signingKey(ctx)
	if err != nil {
		return err
	}
	signs := func(namespace string) func(context.Context, []byte) ([]byte, error) {
		return func(ctx context.Context, text []byte) ([]byte, error) {
			k, _, err := key(ctx)
			if err != nil {
				return nil, err
			}
			return signature.Sign(k, namespace, text)
		}
	}
	o.Sign, s.SignCertificate = signs(signature.Namespace), signs(signature.CertificateNamespace)
	s.SigningKey = func(ctx context.Context) (backup.SigningKey, error) {
		k, where, err := key(ctx)
		if err != nil {
			return backup.SigningKey{}, err
		}
		public := k.PublicKey()
		id := signature.Fingerprint(public)
		return backup.SigningKey{Fingerprint: id, Public: signature.Line(public), Where: where, Trusted: slices.Contains(s.TrustedKeys, id)}, nil
	}
	return nil
}

// signingKey returns what gives the key to sign with, and says where it is. A key of KMS is looked up each time: an alias may
// stand for another one by then, and a process that makes no backup has no need to ask.
func (c Config) signingKey(ctx context.Context) (func(context.Context) (signature.Key, string, error), error) {
	if !kms.IsReference(c.SigningKey) {
		key, err := signature.ReadKey(c.SigningKey)
		return func(context.Context) (signature.Key, string, error) { return key, "", nil }, err
	}
	key, err := kms.Open(ctx, c.SigningKey)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (signature.Key, string, error) {
		opened, err := key.Public(ctx)
		if err != nil {
			return nil, "", err
		}
		k, err := signature.Remote(opened.Public, func(message []byte) ([]byte, error) { return opened.Sign(ctx, message) })
		return k, opened.ARN, err
	}, nil
}
