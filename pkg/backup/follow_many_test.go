package backup

import (
	"context"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/source"
)

// crowded is a server with so many databases.
type crowded struct {
	Engine
	n int
}

func (c crowded) Seen(context.Context, source.Settings) ([]source.Seen, error) {
	return make([]source.Seen, c.n), nil
}

// Of a server with more databases than are looked at nobody takes the first of them for all.
func TestMoreDatabasesThanAreFollowed(t *testing.T) {
	for n, more := range map[int]bool{mostSeen: false, mostSeen + 1: true} {
		s := &Service{Config: Config{Engine: crowded{n: n}, Now: time.Now}}
		got := s.ask(t.Context(), source.Settings{Name: "main"})
		if fault.HasReason(got.err, fault.LimitReached) != more || more == (len(got.seen) > 0) {
			t.Errorf("%d databases: %d are seen, %v", n, len(got.seen), got.err)
		}
	}
}
