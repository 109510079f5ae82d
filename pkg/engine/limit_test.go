package engine_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/engine"
	"cofre/pkg/pgdump"
)

// A limit of bytes per second holds for all readers together, for large objects too, and for what one pg_dump writes: each waits until
// the bytes before have had their time.
func TestBytesPerSecond(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, wide+"SELECT lo_from_bytea(0, repeat('x', 1000000)::bytea) FROM generate_series(1, 3)")
	const rate = 1 << 20
	for _, never := range []bool{false, true} {
		o := options(t, url, 18)
		o.Never, o.BytesPerSecond, o.Piece, o.Dump.Compression.Algorithm = never, rate, 256<<10, pgdump.None
		longest := o.Stand()
		d, err := engine.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		read := int64(len(all(t, d)))
		counted := read
		if tables, objects := d.Tallies(); !never {
			counted = objects.Bytes
			for _, table := range tables {
				counted += table.Bytes
			}
		}
		// The last bytes waited for all before them; there are as many of those as are taken at once.
		want := time.Duration(counted) * time.Second / rate
		if got := longest(); counted < 15_000_000 || got > want+2*time.Second || got < want-2*time.Second {
			t.Errorf("one pg_dump %t: waited for %s, not for the %s of %d bytes", never, got, want, counted)
		}
		_ = d.Close()
	}
}

// A wait for the limit ends with the dump.
func TestLimitEndsWithTheDump(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, wide)
	for _, never := range []bool{false, true} {
		o := options(t, url, 18)
		o.Never, o.BytesPerSecond = never, 1
		d, err := engine.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, d)
			ended <- err
		}()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("one pg_dump %t: %v", never, err)
		}
	}
}
