package registry

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"
)

// snapshot is one state of registry.json.
type snapshot struct {
	index *Index
	data  []byte // as stored; nil when nothing is
	etag  string
}

// unchanged is the condition for replacing it.
func (s *snapshot) unchanged() storage.Condition {
	return storage.Condition{IfMatch: s.etag, IfAbsent: s.etag == ""}
}

// Reading a registry.json that somebody is just writing, on services that do not replace objects in one step.
const (
	rereadAfter = 50 * time.Millisecond
	stableReads = 2  // this many rereads that all give the same make damage a fact
	maxRereads  = 40 // when every read gives something else
)

func (r *Registry) load(ctx context.Context) (*snapshot, error) {
	var last snapshot
	for same, try := 0, 0; ; try++ {
		data, o, err := r.getIndex(ctx)
		if storage.IsNotFound(err) {
			return r.rebuild(ctx, nil)
		}
		var damage errDamaged
		if err != nil && !errors.As(err, &damage) {
			return nil, fmt.Errorf("read registry.json: %w", err)
		}
		s := snapshot{data: data, etag: o.ETag}
		same++
		if s.etag != last.etag || !bytes.Equal(s.data, last.data) {
			same = 0
		}
		last = s
		if err == nil {
			s.index, err = parseIndex(data)
		}
		if err == nil {
			s.index.etag = o.ETag
		}
		switch {
		case err == nil && !r.torn(data, o.ETag, same, try):
			return &s, nil
		case err != nil && !errors.As(err, &damage):
			return nil, err
		case err != nil && same == stableReads:
			r.log.Warn("registry damaged, rebuilding", "why", damage.why)
			return r.rebuild(ctx, &s)
		case try == maxRereads:
			return nil, fault.Wrap(err, fault.FileSystem, fault.Busy, "Try again.", "registry.json was in the middle of a change each of the %d times it was read", try+1)
		}
		if err := pause.For(ctx, rereadAfter); err != nil {
			return nil, err
		}
	}
}

// indexHead is how much is read of a registry.json that is too large to be read at once, in bytes: version and settings stand there.
const indexHead = 64 << 10

// getIndex reads registry.json. One that is too large to be read at once is damaged, whoever wrote it: what comes with the errDamaged is
// its beginning.
func (r *Registry) getIndex(ctx context.Context) ([]byte, storage.Object, error) {
	data, o, whole, err := storage.GetOrBegin(ctx, r.store, IndexKey, indexHead)
	if whole || err != nil {
		return data, o, err
	}
	if err := refuseNewer(data); err != nil {
		return nil, o, err
	}
	return data, o, errDamaged{fmt.Sprintf("it has %d bytes", o.Size)}
}

// torn tells whether an index that parses was read while another one took its place, so that its bytes and
// its ETag do not belong together: where the ETag is the MD5 sum of the bytes, that can be seen. Services that
// encrypt with keys of their own (SSE-KMS) have ETags that look the same and are something else: a mismatch
// that stays is taken for that.
func (r *Registry) torn(data []byte, etag string, same, try int) bool {
	want, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil || len(want) != md5.Size || r.oddETags.Load() {
		return false
	}
	if sum := md5.Sum(data); bytes.Equal(sum[:], want) {
		return false
	}
	if same == 0 && try < 5 {
		return true
	}
	r.oddETags.Store(true)
	return false
}

// errUnwritten is a rebuild that succeeded but for writing its result.
type errUnwritten struct {
	index *Index
	err   error
}

func (e *errUnwritten) Error() string { return "write the rebuilt registry.json: " + e.err.Error() }

func (e *errUnwritten) Unwrap() error { return e.err }
