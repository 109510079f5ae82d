package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/seal"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// ConfigurationPrefix is where settings stand that the API, the UI and the command line keep: <kind>s/<name>.json. Not in sources/, which every
// run may write to.
const ConfigurationPrefix = "configuration/"

// Kind is what kept settings are of.
type Kind string

// The kinds.
const (
	KeptSource  Kind = "source"
	KeptPlace   Kind = "place"
	KeptChannel Kind = "channel"
)

// prefix is where the settings of a kind stand.
// String is what people call it.
func (k Kind) String() string {
	if k == KeptPlace {
		return "location"
	}
	return string(k)
}

func (k Kind) prefix() string { return ConfigurationPrefix + string(k) + "s/" }

// KeptKey is where the settings of this name stand.
func KeptKey(k Kind, name string) string { return k.prefix() + escaped(name) + ".json" }

const (
	maxKept        = 64 << 10 // bytes of one document
	maxKeptOf      = 500      // documents of one kind
	maxKeptSecrets = 20
)

// Kept are settings of one source, place or channel that are kept in the bucket. What they mean is their reader's to say: here they are an object in
// the words of cofre.yaml.
//
// Whoever may write to the bucket must not be able to make or change any. So a document is authenticated by a key that is derived from
// BACKUP_SERVER_KEY, with its kind and its name; one without that is refused. An installation without that key has neither: it takes only documents
// without secrets, and trusts whoever writes to its bucket. What cannot be seen is that somebody puts an older document back.
type Kept struct {
	Kind     Kind
	Name     string
	Settings json.RawMessage
	Changed  Change
	Version  string // names this state, for the next change; "" before it is kept
	secrets  map[string]string
	fresh    map[string]string // in clear, until they are kept
	key      *seal.Key
}

// Change is who changed settings last, and when.
type Change struct {
	At time.Time `json:"at"`
	By string    `json:"by,omitempty"`
}

// keptDoc is what configuration/<kind>s/<name>.json holds.
type keptDoc struct {
	Version  int               `json:"version"`
	Kind     Kind              `json:"kind"`
	Name     string            `json:"name"`
	Settings json.RawMessage   `json:"settings"`
	Secrets  map[string]string `json:"secrets,omitempty"` // what for → sealed
	Changed  Change            `json:"changed"`
	MAC      string            `json:"mac,omitempty"`
}

// signed is what the MAC is of.
func (d keptDoc) signed() ([]byte, error) {
	d.MAC = ""
	return json.Marshal(d)
}

// Decode reads the settings into v. A key that v does not know is refused.
func (k Kept) Decode(v any) error {
	if err := strictly(k.Settings, v); err != nil {
		return damagedRecord(err, KeptKey(k.Kind, k.Name))
	}
	return nil
}

// strictly is json.Unmarshal that refuses keys which v does not know.
func strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the object")
	}
	return nil
}

// Has reports whether there is a secret for this.
func (k Kept) Has(purpose string) bool {
	_, kept := k.secrets[purpose]
	_, fresh := k.fresh[purpose]
	return kept || fresh
}

// Secret opens a secret; "" where there is none for this.
func (k Kept) Secret(purpose string) (string, error) {
	if fresh, ok := k.fresh[purpose]; ok {
		return fresh, nil
	}
	sealed, ok := k.secrets[purpose]
	if !ok {
		return "", nil
	}
	if k.key == nil {
		return "", noKey(k.Kind, k.Name)
	}
	return k.key.Open(sealed, string(k.Kind), k.Name, purpose)
}

// WithSecret returns the settings with another secret for this; "" takes it away. It is sealed when they are kept.
func (k Kept) WithSecret(purpose, secret string) Kept {
	k.secrets, k.fresh = maps.Clone(k.secrets), maps.Clone(k.fresh)
	delete(k.secrets, purpose)
	delete(k.fresh, purpose)
	if secret != "" {
		if k.fresh == nil {
			k.fresh = map[string]string{}
		}
		k.fresh[purpose] = secret
	}
	return k
}

// KeepsSecrets reports whether secrets can be kept: whether there is a BACKUP_SERVER_KEY.
func (r *Registry) KeepsSecrets() bool { return r.key != nil }

func noKey(kind Kind, name string) error {
	return fault.New(fault.Validation, fault.IdentityMissing, "Set BACKUP_SERVER_KEY to the key they were kept with, here too.",
		"what is kept of the %s %q cannot be trusted or opened without BACKUP_SERVER_KEY", kind, name)
}

// Keep writes settings: new ones where they have no Version, else in place of the state that it names. It returns them as they are now. Others of this
// name are already_exists, another state precondition_failed, a state that is gone not_found.
func (r *Registry) Keep(ctx context.Context, k Kept, at time.Time, by string) (Kept, error) {
	if err := source.CheckName(k.Name); err != nil {
		return k, err
	}
	k.Changed = Change{at.UTC().Truncate(time.Millisecond), fault.Shorten(by, maxName)}
	doc := keptDoc{recordVersion, k.Kind, k.Name, k.Settings, maps.Clone(k.secrets), k.Changed, ""}
	if err := r.sealKept(k, &doc); err != nil {
		return k, err
	}
	data, err := encode(doc)
	if err != nil {
		return k, err
	}
	if len(data) > maxKept || len(doc.Secrets) > maxKeptSecrets {
		return k, fault.New(fault.Validation, fault.LimitReached, "Leave out what is not needed, such as tags or checks.", "the settings of the %s %q have %d bytes; at most %d are kept", k.Kind, k.Name, len(data), maxKept)
	}
	if k.Version == "" {
		if err := r.roomFor(ctx, k); err != nil {
			return k, err
		}
	}
	o, err := r.put(ctx, KeptKey(k.Kind, k.Name), data, storage.Condition{IfMatch: k.Version, IfAbsent: k.Version == ""})
	switch {
	case storage.IsPrecondition(err) && k.Version == "":
		return k, keptAlready(k.Kind, k.Name)
	case storage.IsPrecondition(err):
		return k, fault.Wrap(err, fault.Validation, fault.Precondition, "Look at it again, and change that.", "the %s %q was changed by somebody else meanwhile", k.Kind, k.Name)
	case storage.IsNotFound(err):
		return k, noKept(k.Kind, k.Name)
	case err != nil:
		return k, fmt.Errorf("keep the settings of %s %q: %w", k.Kind, k.Name, err)
	}
	k.Version, k.secrets, k.fresh, k.key = o.ETag, doc.Secrets, nil, r.key
	return k, nil
}

// sealKept puts the new secrets into a document, and authenticates it.
func (r *Registry) sealKept(k Kept, doc *keptDoc) error {
	if r.key == nil {
		if len(k.fresh)+len(k.secrets) > 0 {
			return fault.New(fault.Validation, fault.IdentityMissing, "Name an environment variable or a secret that holds it; or set BACKUP_SERVER_KEY to a key of age-keygen (on AWS ServerKeySecretArn, a parameter of the stack).",
				"without BACKUP_SERVER_KEY no secret is kept in the bucket")
		}
		return nil
	}
	for purpose, secret := range k.fresh {
		sealed, err := r.key.Seal(secret, string(k.Kind), k.Name, purpose)
		if err != nil {
			return err
		}
		if doc.Secrets == nil {
			doc.Secrets = map[string]string{}
		}
		doc.Secrets[purpose] = sealed
	}
	signed, err := doc.signed()
	if err != nil {
		return fmt.Errorf("the settings of %s %q: %w", k.Kind, k.Name, err)
	}
	doc.MAC = r.key.MAC(signed)
	return nil
}

// roomFor refuses one more than there may be, and a name that differs from another by case alone: file systems take the two for one.
func (r *Registry) roomFor(ctx context.Context, k Kept) error {
	n := 0
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: k.Kind.prefix()}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", k.Kind.prefix(), err)
		}
		other := nameIn(o.Key, k.Kind.prefix())
		if n++; other == k.Name {
			return keptAlready(k.Kind, k.Name)
		}
		if other != "" && strings.EqualFold(other, k.Name) {
			return fault.New(fault.Validation, fault.AlreadyExists, "Choose another name.", "the name %q differs from that of the %s %q by upper and lower case only", k.Name, k.Kind, other)
		}
		if n >= maxKeptOf {
			return fault.New(fault.Validation, fault.LimitReached, "Remove one that is not needed any more.", "there are %d %ss, and no more are kept", n, k.Kind)
		}
	}
	return nil
}

func keptAlready(kind Kind, name string) error {
	return fault.New(fault.Validation, fault.AlreadyExists, "Change that one, or choose another name.", "there is a %s %q already", kind, name)
}

func noKept(kind Kind, name string) error {
	return fault.New(fault.Validation, fault.NotFound, "It may have been removed meanwhile.", "no %s %q is kept in the bucket", kind, name)
}

// Kept reads the settings of this name. What was not kept by this installation is forged, other refusals are structure_damaged and newer_version.
func (r *Registry) Kept(ctx context.Context, kind Kind, name string) (Kept, error) {
	if source.CheckName(name) != nil {
		return Kept{}, noKept(kind, name)
	}
	data, o, err := r.get(ctx, KeptKey(kind, name))
	if storage.IsNotFound(err) {
		return Kept{}, noKept(kind, name)
	}
	if err != nil {
		return Kept{}, err
	}
	k, err := parseKept(r.key, kind, name, data)
	k.Version = o.ETag
	return k, err
}

func parseKept(key *seal.Key, kind Kind, name string, data []byte) (Kept, error) {
	where := KeptKey(kind, name)
	var newer struct{ Version int }
	if json.Unmarshal(data, &newer) == nil && newer.Version > recordVersion {
		return Kept{}, newerVersion(where, newer.Version, recordVersion)
	}
	if len(data) > maxKept {
		return Kept{}, damagedRecord(fmt.Errorf("it has %d bytes", len(data)), where)
	}
	var doc keptDoc
	if err := strictly(data, &doc); err != nil {
		return Kept{}, damagedRecord(err, where)
	}
	if doc.Version != recordVersion || doc.Kind != kind || doc.Name != name || len(doc.Secrets) > maxKeptSecrets || len(doc.Settings) == 0 || doc.Settings[0] != '{' {
		return Kept{}, damagedRecord(nil, where)
	}
	signed, err := doc.signed()
	switch {
	case err != nil:
		return Kept{}, damagedRecord(err, where)
	case key == nil && (doc.MAC != "" || len(doc.Secrets) > 0):
		return Kept{}, noKey(kind, name)
	case key != nil && !key.Authentic(signed, doc.MAC):
		return Kept{}, fault.New(fault.Validation, fault.Forged, "Look who else may write to the bucket. Where BACKUP_SERVER_KEY was changed or set since, remove the "+string(kind)+" and add it again.",
			"%s was not written with this installation's BACKUP_SERVER_KEY, and counts for nothing", where)
	}
	return Kept{Kind: kind, Name: name, Settings: doc.Settings, Changed: doc.Changed, secrets: doc.Secrets, key: key}, nil
}

// AllKept returns the settings of all of a kind, by name; and, by name too (by key, where that holds none), why others are not taken. An error is one of
// asking for them.
func (r *Registry) AllKept(ctx context.Context, kind Kind) ([]Kept, map[string]error, error) {
	var found []storage.Object
	unread := map[string]error{}
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: kind.prefix()}) {
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", kind.prefix(), err)
		}
		if len(found)+len(unread) == maxKeptOf {
			unread[cmp.Or(nameIn(o.Key, kind.prefix()), o.Key)] = fault.New(fault.Validation, fault.LimitReached, "Remove those that are not needed any more.",
				"there are more than %d %ss in the bucket: this one, and those behind it, are not taken", maxKeptOf, kind)
			break
		}
		if nameIn(o.Key, kind.prefix()) == "" {
			unread[o.Key] = damagedRecord(nil, o.Key)
			continue
		}
		found = append(found, o)
	}
	var (
		out  = make([]Kept, len(found))
		errs = make([]error, len(found))
		wg   sync.WaitGroup
		room = make(chan struct{}, readers)
	)
	for i, o := range found {
		room <- struct{}{}
		wg.Go(func() { defer func() { <-room }(); out[i], errs[i] = r.keptSeen(ctx, kind, o) })
	}
	wg.Wait()
	r.kept.forget(3 * maxKeptOf) // of all kinds
	var kept []Kept
	for i, err := range errs {
		switch {
		case err == nil:
			kept = append(kept, out[i])
		case storage.IsNotFound(err): // removed meanwhile
		default:
			if ctx.Err() != nil {
				return nil, nil, context.Cause(ctx)
			}
			unread[nameIn(found[i].Key, kind.prefix())] = err
		}
	}
	slices.SortFunc(kept, func(a, b Kept) int { return strings.Compare(a.Name, b.Name) })
	return kept, unread, nil
}

// keptSeen is Kept for an object of a listing, which is read only where it is another than the last time, and where it can be one.
func (r *Registry) keptSeen(ctx context.Context, kind Kind, o storage.Object) (Kept, error) {
	if o.Size > maxKept {
		return Kept{}, damagedRecord(fmt.Errorf("it has %d bytes", o.Size), o.Key)
	}
	return r.kept.get(o, func() (Kept, string, error) {
		k, err := r.Kept(ctx, kind, nameIn(o.Key, kind.prefix()))
		return k, k.Version, err
	})
}

// Discard removes kept settings, also such as cannot be read. Absent ones are not_found.
func (r *Registry) Discard(ctx context.Context, kind Kind, name string) error {
	if source.CheckName(name) != nil {
		return noKept(kind, name)
	}
	if _, err := r.store.Head(ctx, KeptKey(kind, name)); storage.IsNotFound(err) {
		return noKept(kind, name)
	} else if err != nil {
		return err
	}
	if err := r.store.Delete(ctx, KeptKey(kind, name)); err != nil {
		return fmt.Errorf("remove the settings of %s %q: %w", kind, name, err)
	}
	return nil
}
