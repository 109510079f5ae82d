package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"io"
	"math/rand/v2"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/pause"
	"cofre/pkg/storage"
)

// getTries is how often Get reads an object that is being replaced meanwhile.
const getTries = 8

// Get implements storage.Store. Some services write an object in place, so that whoever reads meanwhile gets less, or a
// mixture: what disagrees with its ETag is read again. An ETag that stays in disagreement is of another kind than MD5.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Object, error) {
	var last []byte
	var lastTag string
	for try := 1; ; try++ {
		body, o, err := s.getOnce(ctx, key)
		torn := fault.HasReason(err, Changed)
		if err == nil {
			sum, parts, ok := etagMD5(o.ETag)
			have := md5.Sum(body)
			if !ok || parts != "" || bytes.Equal(sum, have[:]) || lastTag == o.ETag && bytes.Equal(last, body) {
				return body, o, nil
			}
			last, lastTag, torn = body, o.ETag, true
		}
		if !torn || try == getTries {
			return body, o, err
		}
		if pause.For(ctx, rand.N(time.Duration(try)*20*time.Millisecond)) != nil {
			return nil, o, s.op("read", key, "s3:GetObject").fault(ctx.Err())
		}
	}
}

func (s *Store) getOnce(ctx context.Context, key string) ([]byte, storage.Object, error) {
	r, o, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, storage.Object{}, err
	}
	defer r.Close()
	if o.Size > storage.Most(ctx) {
		return nil, o, fault.New(fault.Validation, fault.LimitReached, "Download it instead.",
			"%s has %d bytes: too large to be read at once", s.where(key), o.Size)
	}
	body := make([]byte, o.Size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, o, s.op("read", key, "s3:GetObject").fault(err)
	}
	return body, o, nil
}
