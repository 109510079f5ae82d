package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// put writes a small object. When the answer is an error it looks whether the bytes are there all the same:
// an answer can get lost on its way.
func (r *Registry) put(ctx context.Context, key string, data []byte, c storage.Condition) (storage.Object, error) {
	o, err := r.store.Put(ctx, key, data, jsonOptions(c))
	if err == nil {
		return o, nil
	}
	if now, there, gerr := r.store.Get(ctx, key); gerr == nil && bytes.Equal(now, data) {
		return there, nil
	}
	return o, err
}

func (r *Registry) putJSON(ctx context.Context, key string, v any, c storage.Condition) (storage.Object, error) {
	data, err := encode(v)
	if err != nil {
		return storage.Object{}, err
	}
	return r.put(ctx, key, data, c)
}

// get reads a small object. One that is too large to be read at once is no record, and damaged like any other that is none.
func (r *Registry) get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	data, o, err := r.store.Get(ctx, key)
	if fault.HasReason(err, fault.LimitReached) {
		err = damagedRecord(err, key)
	}
	return data, o, err
}

func (r *Registry) getJSON(ctx context.Context, key string, v any) (storage.Object, error) {
	data, o, err := r.get(ctx, key)
	if err != nil {
		return o, err
	}
	return o, decode(key, data, v)
}

// decode reads a record; whatever is not one is structure_damaged.
func decode(key string, data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return damagedRecord(err, key)
	}
	return nil
}

// decodeVersioned is decode for a record with a version: one that a newer cofre wrote is told apart from a damaged one. most bounds the others,
// in bytes; 0 does not.
func decodeVersioned(key string, data []byte, most int, v any) error {
	var version struct{ Version int }
	if json.Unmarshal(data, &version) == nil && version.Version > recordVersion {
		return newerVersion(key, version.Version, recordVersion)
	}
	if most > 0 && len(data) > most {
		return damagedRecord(fmt.Errorf("it has %d bytes", len(data)), key)
	}
	return decode(key, data, v)
}

// damagedRecord is an error about an object that is no record. What is wrong with it may be quoted in the cause, and be as long as the object.
func damagedRecord(err error, key string) error {
	if err != nil {
		err = &fault.Text{Cause: err, Whole: err.Error()}
	}
	return fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Look at that object; nothing was changed.", "%s is not what cofre writes there", key)
}

// isDamaged tells whether a record was read and is not what cofre writes.
func isDamaged(err error) bool { return fault.HasReason(err, fault.StructureDamaged) }

func newerVersion(what string, v, known int) error {
	return fault.New(fault.Validation, fault.NewerVersion,
		"Upgrade cofre on this machine.",
		"%s was written by a newer cofre (version %d, this one knows %d); nothing was changed", what, v, known)
}

func encode(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(data, '\n'), nil
}

func jsonOptions(c storage.Condition) storage.PutOptions {
	return storage.PutOptions{ContentType: "application/json", Condition: c}
}

// storeNow is the time by the service's clock: the date of an object that it writes for this. Leases are
// measured by that clock alone, because those of the machines around it may differ.
func (r *Registry) storeNow(ctx context.Context) (time.Time, error) {
	const text = "The time on the storage service's clock is read from the date of this object.\n"
	if _, err := r.store.Put(ctx, ClockKey, []byte(text), storage.PutOptions{ContentType: "text/plain"}); err != nil {
		return time.Time{}, fmt.Errorf("ask the storage for the time: %w", err)
	}
	o, err := r.store.Head(ctx, ClockKey)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the storage for the time: %w", err)
	}
	return o.LastModified.Add(r.ahead), nil
}

// Skew is how far this machine's clock is ahead of the storage's; negative where it is behind.
func (r *Registry) Skew(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	now, err := r.storeNow(ctx)
	return began.Sub(now), err
}

// dateStep is how fine the dates of objects are: HTTP gives whole seconds.
const dateStep = time.Second
