package api

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cofre/pkg/fault"
)

// No more requests than there are turns are at work, whoever waits too long is told so, and who went away takes no turn.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var working, most, refused atomic.Int32
		end := make(chan struct{})
		work := newTurns(2).take(func(context.Context, *call) (answer, error) {
			for n := working.Add(1); ; {
				if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			defer working.Add(-1)
			<-end
			return answer{}, nil
		})
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := work(t.Context(), nil); fault.HasReason(err, fault.LimitReached) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := work(gone, nil); err == nil {
			t.Error("somebody who had gone was waited on")
		}
		if working.Load() != 2 {
			t.Errorf("%d are at work", working.Load())
		}
		time.Sleep(2 * turnWait)
		close(end)
		all.Wait()
		if most.Load() != 2 || refused.Load() != 8 {
			t.Errorf("%d at once, %d refused", most.Load(), refused.Load())
		}
		if _, err := work(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}
