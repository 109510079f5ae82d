package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// onceSuffix is what names of objects end with that say which restore was asked for with an idempotency key: restores/<hash>.once.
const onceSuffix = ".once"

// onceKey is where that stands of a key, which is kept apart by user.
func onceKey(by, key string) string {
	sum := sha256.Sum256([]byte(by + "\x00" + key))
	return RestoresPrefix + hex.EncodeToString(sum[:16]) + onceSuffix
}

func isOnceKey(key string) bool {
	name, ok := strings.CutSuffix(strings.TrimPrefix(key, RestoresPrefix), onceSuffix)
	sum, err := hex.DecodeString(name)
	return ok && err == nil && len(sum) == 16
}

// once is such an object. It is written before the record of the restore.
type once struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
}

// askedOnce reads which restore was asked for; "" where none was. What cannot be read is none: a damaged object is replaced.
func (r *Registry) askedOnce(ctx context.Context, at string) (id, etag string, err error) {
	data, o, err := r.get(ctx, at)
	switch {
	case storage.IsNotFound(err):
		return "", "", nil
	case err != nil:
		return "", "", fmt.Errorf("read which restore was asked for: %w", err)
	}
	return parseOnce(data), o.ETag, nil
}

// parseOnce returns the id in such an object; "" where there is none.
func parseOnce(data []byte) string {
	var asked once
	if len(data) > usualRecord || json.Unmarshal(data, &asked) != nil || !ValidID(asked.ID) {
		return ""
	}
	return asked.ID
}

// RestoreAskedFor gives the restore that the same user asked for with this idempotency key, and true; false where there was none, or one
// that nobody could be found to begin, which was refused to its caller. A key of another request is refused.
func (r *Registry) RestoreAskedFor(ctx context.Context, x Restore, key string) (Restore, bool, error) {
	id, _, err := r.askedOnce(ctx, onceKey(x.By, key))
	if err != nil || id == "" {
		return x, false, err
	}
	return r.askedFor(ctx, x, id)
}

func (r *Registry) askedFor(ctx context.Context, x Restore, id string) (Restore, bool, error) {
	earlier, err := r.Restore(ctx, id)
	switch {
	case fault.HasReason(err, fault.NotFound):
		return x, false, nil
	case err != nil:
		return x, false, err
	case earlier.By != x.By || !earlier.SameRequest(&x):
		return x, false, fault.New(fault.Validation, fault.InvalidInput, "Take another key for another request.", "this idempotency key was used for another restore: %s", id)
	case earlier.Error != nil && earlier.Error.Reason == fault.NotStarted:
		return x, false, nil
	}
	return earlier, true, nil
}

// ReserveRestoreOnce is ReserveRestore for a request with an idempotency key: the same one, sent again or at the same moment, gets the
// restore that the first one reserved.
func (r *Registry) ReserveRestoreOnce(ctx context.Context, x Restore, key string, launchWithin time.Duration) (Restore, error) {
	at := onceKey(x.By, key)
	for try := 0; ; try++ {
		id, etag, err := r.askedOnce(ctx, at)
		if err != nil {
			return x, err
		}
		want := x
		if id != "" {
			earlier, made, err := r.askedFor(ctx, x, id)
			if err != nil || made {
				return earlier, err
			}
			if _, _, err := r.restore(ctx, id); fault.HasReason(err, fault.NotFound) {
				want.ID = id // whoever named it is about to reserve it, or died before
			}
		}
		if want.ID != id {
			_, err := r.putJSON(ctx, at, once{Version: 1, ID: want.ID}, storage.Condition{IfMatch: etag, IfAbsent: etag == ""})
			if taken(err) && try < maxTakeovers {
				continue
			}
			if err != nil {
				return x, fmt.Errorf("write which restore is asked for: %w", err)
			}
		}
		got, err := r.ReserveRestore(ctx, want, launchWithin)
		if fault.HasReason(err, fault.AlreadyExists) && try < maxTakeovers {
			continue
		}
		return got, err
	}
}

// forgetOnce removes those of these objects whose restore is gone.
func (r *Registry) forgetOnce(ctx context.Context, keys []string) error {
	for _, at := range keys {
		id, _, err := r.askedOnce(ctx, at)
		if err != nil {
			return err
		}
		if id != "" {
			if _, _, err := r.restore(ctx, id); !fault.HasReason(err, fault.NotFound) {
				continue
			}
		}
		if err := r.store.Delete(ctx, at); err != nil {
			return fmt.Errorf("remove which restore was asked for: %w", err)
		}
	}
	return nil
}
