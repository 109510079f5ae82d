package backup

import (
	"testing"

	"cofre/pkg/registry"
)

// How far a proof is: it never goes back within a step, and each step begins anew.
func TestProgressOfAProof(t *testing.T) {
	a := &AskedProof{entered: make(chan struct{}, 1)}
	is := func(step string, read, total int64) {
		t.Helper()
		var x registry.ProofAttempt
		if a.show(&x); x.Step != step || x.Read != read || x.Total != total {
			t.Errorf("it is at %q, %d of %d; want %q, %d of %d", x.Step, x.Read, x.Total, step, read, total)
		}
	}
	is("", 0, 0)
	a.enter(registry.ProofCounting)
	a.progress(9, 10)
	is(registry.ProofCounting, 9, 10)
	a.enter(registry.ProofRestoring)
	is(registry.ProofRestoring, 0, 0)
	a.progress(5, 10)
	a.progress(3, 10) // of another goroutine
	is(registry.ProofRestoring, 5, 10)
	a.enter(registry.ProofComparing)
	is(registry.ProofComparing, 0, 0)
}
