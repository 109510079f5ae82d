package pgdump

import (
	"context"
	"strconv"
)

// Choose says what Auto stands for with this client; any other compression is given back with its level filled in.
func (c Client) Choose(ctx context.Context, want Compression) Compression {
	if want.Algorithm == Auto {
		want = Compression{Gzip, 1}
		if c.supports(ctx, Zstd) {
			want = Compression{Zstd, 1}
		}
	}
	if want.Level == 0 && want.Algorithm != None && want.Algorithm != LZ4 {
		want.Level = 1
	}
	return want
}

// String gives the form that pg_dump 16 and newer take: "zstd:1", "none".
func (c Compression) String() string {
	switch {
	case c.Algorithm == Auto:
		return "auto"
	case c.Level == 0:
		return string(c.Algorithm)
	}
	return string(c.Algorithm) + ":" + strconv.Itoa(c.Level)
}
