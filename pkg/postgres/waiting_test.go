package postgres_test

import (
	"testing"
	"time"

	"cofre/pkg/postgres"
)

// Who is gone is forgotten: a process id that comes again has waited for no time, and nothing was said of it.
func TestWaits(t *testing.T) {
	var w postgres.Waits
	at := func(second int, pids ...int) map[int]time.Duration { return w.See(time.Unix(int64(second), 0), pids) }
	at(0, 1)
	if got := at(5, 1, 2); got[1] != 5*time.Second || got[2] != 0 || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if !w.News(1, "") || w.News(1, "") || !w.News(1, "b") || w.News(1, "b") || !w.News(2, "b") {
		t.Error("what was said is not kept")
	}
	at(6, 2)
	if got := at(7, 1, 2); got[1] != 0 || got[2] != 2*time.Second {
		t.Errorf("%v", got)
	}
	if !w.News(1, "b") || w.News(2, "b") {
		t.Error("what was said of one that is gone is kept")
	}
}
