package s3

import (
	"context"
	"testing"
	"time"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
	gib = int64(1) << 30
	tib = int64(1) << 40
)

// walk counts the parts of an upload of total bytes, the largest of them, and the memory that buffers take.
func walk(t *testing.T, p Plan, total int64, concurrency int) (parts int, largest, memory int64) {
	t.Helper()
	var sum int64
	for n := 1; sum < total; n++ {
		size := p.Size(n)
		if size == 0 {
			t.Fatalf("parts run out at %d after %d bytes of %d", n, sum, total)
		}
		if size < largest {
			t.Fatalf("part %d has %d bytes, less than the one before", n, size)
		}
		if size < MinPartSize || size > maxPartSize {
			t.Fatalf("part %d has %d bytes", n, size)
		}
		sum += size
		parts, largest = n, size
		memory = max(memory, size*int64(p.buffers(size, concurrency)))
	}
	return parts, largest, memory
}

func TestPlanReaches5TiB(t *testing.T) {
	for _, base := range []int64{5 * mib, 8 * mib, 16 * mib, 64 * mib, 5 * gib} {
		for _, most := range []int{10_000, 20_000} {
			p := NewPlan(base, 0, most, false)
			if p.total() != maxObjectSize && base >= 8*mib {
				t.Errorf("%d MiB × %d holds %d GiB only", base/mib, most, p.total()/gib)
			}
			if base >= 8*mib {
				walk(t, p, 5*tib, 4)
			}
		}
	}
}

func TestPlanWithAnExpectedSize(t *testing.T) {
	for _, c := range []struct {
		expected, total int64 // what was said, what came
		most            int
		memory          int64 // at most
	}{
		{0, 1 * gib, 10_000, 32 * mib},
		{0, 10 * gib, 10_000, 32 * mib},
		{0, 50 * gib, 10_000, 32 * mib}, // nobody knows, and still flat
		{0, 100 * gib, 10_000, 256 * mib},
		{1 * gib, 1 * gib, 10_000, 32 * mib},
		{100 * gib, 100 * gib, 10_000, 68 * mib},
		{200 * gib, 220 * gib, 10_000, 80 * mib},
		{1 * tib, 1 * tib, 10_000, 400 * mib},
		{5 * tib, 5 * tib, 10_000, 2 * gib},
		{1 * gib, 500 * gib, 10_000, 10 * gib}, // the estimate was nonsense: it still fits
		{0, 100 * gib, 20_000, 32 * mib},       // more parts than the protocol allows
		{400 * gib, 400 * gib, 20_000, 72 * mib},
		{10 * gib, 10 * gib, 1_000, 64 * mib}, // services with 1,000 parts
		{0, 500 * gib, 1_000, 10 * gib},
		{100 * kib, 0, 10_000, 0},
	} {
		p := NewPlan(DefaultPartSize, c.expected, c.most, false)
		if _, _, memory := walk(t, p, c.total, DefaultConcurrency); memory > c.memory {
			t.Errorf("expected %d MiB, got %d MiB: %d MiB of buffers, want at most %d", c.expected/mib, c.total/mib, memory/mib, c.memory/mib)
		}
	}
}

func TestPlanOfEqualParts(t *testing.T) {
	p := NewPlan(8*mib, 1000*gib, 10_000, true)
	for _, n := range []int{1, 5_000, 10_000} {
		if p.Size(n) != p.Size(1) {
			t.Errorf("part %d has another size", n)
		}
	}
	if p.total() < 1000*gib {
		t.Errorf("holds %d GiB", p.total()/gib)
	}
	if p.Size(10_001) != 0 || p.Size(0) != 0 {
		t.Error("parts beyond the limits")
	}
}

func TestBufferPoolShrinks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	pool := newBufferPool(4)
	var out [][]byte
	for range 4 {
		b, err := pool.get(ctx, 1000, 4)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	for _, b := range out {
		pool.put(b)
	}
	for range 2 {
		if b, err := pool.get(ctx, 4000, 2); err != nil || len(b) != 4000 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
	if _, err := pool.get(ctx, 4000, 2); err == nil {
		t.Error("a third buffer where two are allowed")
	}
}
