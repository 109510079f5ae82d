package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

// Work that is asked for again while it is in hand is done once more: the first run may have come before its
// reservation was complete, and found nothing. Nothing is taken once the server stops.
func TestAskedForAgain(t *testing.T) {
	l := newLauncher(backup.New(backup.Config{}), 1, slog.New(slog.DiscardHandler))
	hold, began := make(chan struct{}), make(chan struct{}, 10)
	var ran atomic.Int32
	do := func() {
		ran.Add(1)
		began <- struct{}{}
		<-hold
	}
	for range 3 {
		if err := l.start("backup", "id", do); err != nil {
			t.Fatal(err)
		}
	}
	<-began
	if n, restores := l.running(); n != 1 || restores != 0 {
		t.Errorf("%d and %d are in hand", n, restores)
	}
	close(hold)
	if err := l.stop(t.Context(), t.Context()); err != nil {
		t.Error(err)
	}
	if n := ran.Load(); n != 2 {
		t.Errorf("it ran %d times", n)
	}
	if err := l.Launch(context.Background(), "id"); !fault.HasCode(err, fault.Canceled) || !fault.From(err).Transient {
		t.Errorf("a stopping server answers %v", err)
	}
}
