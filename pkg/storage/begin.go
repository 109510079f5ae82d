package storage

import (
	"context"
	"io"

	"cofre/pkg/fault"
)

// GetOrBegin reads a small object whole, as Get does. Of one that is too large for that it reads the first n bytes, and whole is false.
func GetOrBegin(ctx context.Context, s Store, key string, n int64) (data []byte, o Object, whole bool, err error) {
	data, o, err = s.Get(ctx, key)
	if !fault.HasReason(err, fault.LimitReached) {
		return data, o, true, err
	}
	body, o, err := s.Open(ctx, key, 0, n)
	if err != nil {
		return nil, o, false, err
	}
	defer body.Close()
	data, err = io.ReadAll(io.LimitReader(body, n))
	return data, o, false, err
}
