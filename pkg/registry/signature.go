package registry

import (
	"context"
	"fmt"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Whoever may write to the bucket can replace a backup together with all its records. A signature of the manifest, which holds
// the object's SHA-256, shows that, if the key is elsewhere. It is written before the manifest, so that a committed backup is
// never without one, and for successes alone: only whoever makes backups needs the key.

// Signs reports whether new manifests are signed.
func (r *Registry) Signs() bool { return r.sign != nil }

// Checks reports whether signatures are asked for: then what Signed returns counts and not what the index says.
func (r *Registry) Checks() bool { return r.check != nil }

// TrySigning signs something that is no manifest and forgets it, so that a key that cannot be used is known before the work.
func (r *Registry) TrySigning(ctx context.Context) error {
	if r.sign == nil {
		return nil
	}
	_, err := r.sign(ctx, []byte("a trial, and no manifest\n"))
	return err
}

// signManifest writes the signature of a manifest that is about to be written.
func (r *Registry) signManifest(ctx context.Context, b Backup, manifest []byte) error {
	if r.sign == nil || b.Status != Success {
		return nil
	}
	sig, err := r.sign(ctx, manifest)
	if err != nil {
		return fmt.Errorf("sign the manifest of %s: %w", b.ID, err)
	}
	if _, err := r.store.Put(ctx, SignatureKey(b.ID), sig, storage.PutOptions{ContentType: "text/plain"}); err != nil {
		return fmt.Errorf("write the signature of %s: %w", b.ID, err)
	}
	return nil
}

// Signed returns a backup's manifest if a trusted key has signed it. The fault's reason is SignatureMissing where there is no
// signature, as for backups from before the key and those rebuilt from tags, and SignatureWrong where there is one that does
// not count.
func (r *Registry) Signed(ctx context.Context, id string) (Manifest, error) {
	wrong := func(err error) error {
		return fault.Wrap(err, fault.Validation, fault.SignatureWrong, "Do not use this backup before it is known who wrote it. Look at BACKUP_TRUSTED_KEYS if the key was changed.",
			"the signature of backup %s is not one to trust", id)
	}
	missing := func() error {
		return fault.New(fault.Validation, fault.SignatureMissing, "It may be from before the key, rebuilt from tags, or forged. If you know that it is good, cofre validate, download, url and restore take it with --allow-unsigned.",
			"backup %s is not signed", id)
	}
	if r.check == nil {
		return Manifest{}, missing()
	}
	data, _, err := r.get(ctx, ManifestKey(id))
	if storage.IsNotFound(err) {
		return Manifest{}, missing()
	}
	if err != nil {
		return Manifest{}, err
	}
	sig, _, err := r.get(ctx, SignatureKey(id))
	if storage.IsNotFound(err) {
		return Manifest{}, missing()
	}
	if err != nil {
		return Manifest{}, err
	}
	if err := r.check(data, sig); err != nil {
		return Manifest{}, wrong(err)
	}
	m, err := parseManifest(id, data)
	if err != nil {
		return m, wrong(err)
	}
	if m.Backup.Status != Success {
		return m, wrong(fmt.Errorf("the manifest says %s", m.Backup.Status))
	}
	return m, nil
}

// sweepBesides removes signatures, contents and globals whose manifest was never written: a run that died, or lost, between the two. The
// records of proofs go where there is no backup any more.
func (r *Registry) sweepBesides(ctx context.Context, x *Index, rep *Report) error {
	manifests, signatures := idSet{}, []string{}
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: ManifestsPrefix}) {
		if err != nil {
			return fmt.Errorf("list manifests: %w", err)
		}
		if id := idOf(o.Key, ManifestsPrefix); id != "" {
			manifests.add(id)
		} else if id := idOf(strings.TrimSuffix(o.Key, ".sig"), ManifestsPrefix); id != "" && !r.owned(x, manifests, id) {
			signatures = append(signatures, id) // <id>.json comes right before <id>.json.sig
		}
	}
	for _, id := range signatures {
		rep.note(id, r.sweepBeside(ctx, id, SignatureKey(id)))
	}
	for _, k := range []beside{contentsBeside, globalsBeside} {
		if err := r.sweepKind(ctx, k, x, manifests, rep); err != nil {
			return err
		}
	}
	return r.sweepAttempts(ctx, x, manifests, rep)
}

// owned tells whether what lies beside a manifest has one, or may get one. What has settled was looked at before that.
func (r *Registry) owned(x *Index, manifests idSet, id string) bool {
	b := x.Find(id)
	return b != nil && b.Status == InProgress || manifests.has(id) && (b == nil || b.Status != Failed)
}

// sweepBeside removes one of them.
func (r *Registry) sweepBeside(ctx context.Context, id, key string) error {
	if _, err := r.store.Head(ctx, IntentKey(id)); !storage.IsNotFound(err) {
		return err // at work, or to be settled first
	}
	if m, err := r.manifest(ctx, id); err == nil && m.Backup.Status == Success || err != nil && !storage.IsNotFound(err) {
		return err
	}
	return r.store.Delete(ctx, key)
}
