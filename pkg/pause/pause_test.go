package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"cofre/pkg/pause"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		began := time.Now()
		if err := pause.For(ctx, time.Hour); err != nil || time.Since(began) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := pause.For(ctx, -1); err != nil || time.Since(began) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		time.AfterFunc(time.Minute, func() { cancel(why) })
		if err := pause.For(ctx, time.Hour); err != why || time.Since(began) != time.Hour+time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := pause.For(ctx, 0); err != why {
			t.Errorf("%v of a context that has ended", err)
		}
	})
}
