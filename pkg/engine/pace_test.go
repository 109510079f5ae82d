package engine_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/pgdump"
)

// How long readers have waited for storage is measured: most of their time where it takes what they read several times slower than they
// read it, and next to none where they are what is slow.
func TestWaitedForStorage(t *testing.T) {
	url := testenv.Postgres(t, 18).NewDatabase(t)
	testenv.LoadSQL(t, url, wide)
	o := options(t, url, 18)
	o.Spool, o.Piece, o.Dump.Compression.Algorithm = 64<<10, 256<<10, pgdump.None
	d := start(t, o)
	if d.Waited() != 0 {
		t.Error("known before the end")
	}
	buf := make([]byte, 64<<10)
	for pause := time.Duration(0); ; time.Sleep(min(5*pause, 100*time.Millisecond)) {
		began := time.Now()
		_, err := io.ReadFull(d, buf)
		if pause = time.Since(began); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := d.Waited(); n <= 50 || n > 100 {
		t.Errorf("waited for slow storage %d %% of the time", n)
	}
	_ = d.Close()
	o.Session.Close()

	o = options(t, url, 18)
	o.Spool, o.Piece, o.BytesPerSecond = 64<<10, 256<<10, 20<<20
	d = start(t, o)
	all(t, d)
	if n := d.Waited(); n > 20 {
		t.Errorf("waited for fast storage %d %% of the time", n)
	}
}
