package backup

import (
	"context"
	"reflect"
	"time"

	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// ahead is a session that is opened while a backup is being reserved, which waits for the storage.
type ahead struct {
	from      source.Settings
	selection registry.Selection
	stop      context.CancelFunc
	done      chan struct{} // closed when what follows is set
	session   Session
	err       error
	at        time.Time
}

// aheadFor is how old a session may be that is taken: an idle one may have been ended.
const aheadFor = 2 * time.Second

func (s *Service) openAhead(ctx context.Context, req Request) *ahead {
	if s.Engine == nil {
		return nil
	}
	from, err := s.sourceOf(ctx, req)
	if err != nil {
		return nil // whoever needs it finds that
	}
	a := &ahead{from: from, selection: req.Selection, done: make(chan struct{})}
	ctx, a.stop = context.WithCancel(ctx)
	go func() {
		defer close(a.done)
		a.session, a.err = s.Engine.Open(ctx, a.from, a.selection)
		a.at = time.Now()
	}()
	return a
}

// open opens the session that a run needs: it takes the one that was opened ahead, if it is that and still fresh.
func (r *run) open(ctx context.Context) (Session, error) {
	a := r.ahead
	r.ahead = nil
	if a != nil && reflect.DeepEqual(a.from, r.from) && reflect.DeepEqual(a.selection, r.req.Selection) {
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if a.err != nil {
			return nil, a.err
		}
		s := a.session
		a.session = nil
		if time.Since(a.at) < aheadFor {
			return s, nil
		}
		s.Close()
	}
	return r.s.Engine.Open(ctx, r.from, r.req.Selection)
}

// close ends what nobody took.
func (a *ahead) close() {
	if a == nil {
		return
	}
	a.stop()
	<-a.done
	if a.session != nil {
		a.session.Close()
	}
}
