package server

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"sync"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

const (
	copyEvery = time.Hour        // what others made, and what could not be copied before
	copyRetry = 15 * time.Minute // after a place failed
	// lookForPlaces is how often is looked which places there are.
	lookForPlaces = 30 * time.Second
)

// copies brings new backups to the second locations until ctx ends: after each backup of this process, and every hour. Each place is followed
// by itself, so that one that is away holds up no other; places may come and go meanwhile.
func (s *Server) copies(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	followed := map[string]context.CancelFunc{}
	again := s.waits.add("") // who made a backup may have made a place for it
	for {
		places, err := s.Service.Places(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("which second locations there are is not known; it is tried again", "error", err.Error())
		}
		named := func(name string) bool {
			return slices.ContainsFunc(places, func(p backup.Place) bool { return p.Name == name })
		}
		for name, end := range followed {
			if err == nil && !named(name) {
				end()
				s.waits.remove(name)
				delete(followed, name)
			}
		}
		for _, place := range places {
			if followed[place.Name] == nil {
				within, end := context.WithCancel(ctx)
				followed[place.Name] = end
				made := s.waits.add(place.Name)
				work.Go(func() { s.copyInto(within, place.Name, made) })
			}
		}
		if !s.wait(ctx, lookForPlaces, again) {
			for _, end := range followed {
				end()
			}
			return
		}
	}
}

// copyInto copies to one place until ctx ends.
func (s *Server) copyInto(ctx context.Context, place string, made <-chan struct{}) {
	for wait := time.Duration(0); s.wait(ctx, wait, made); {
		if wait = copyEvery; !s.copyTo(ctx, place) {
			wait = copyRetry
		}
	}
}

// waits are those who copy, by second location. It is safe for use by several goroutines.
type waits struct {
	mu  sync.Mutex
	all map[string]chan struct{}
}

func (w *waits) add(name string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string]chan struct{}{}
	}
	w.all[name] = make(chan struct{}, 1)
	return w.all[name]
}

func (w *waits) remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, name)
}

// nudge tells those who copy that there is a new backup. It waits for nobody.
func (w *waits) nudge() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, made := range w.all {
		select {
		case made <- struct{}{}:
		default:
		}
	}
}

// copyTo copies what one place lacks. Backups that another server is just copying are no failures.
func (s *Server) copyTo(ctx context.Context, place string) bool {
	rep, err := s.Service.CopyMissing(ctx, place, nil)
	if err == nil {
		err = rep.Err()
	}
	if ctx.Err() != nil || err == nil && len(rep.Copied) == 0 {
		return true
	}
	note := contract.AuditRecord{Action: "copy", RequestID: rand.Text(), Detail: map[string]string{"place": place, "copied": strconv.Itoa(len(rep.Copied)), "bytes": strconv.FormatInt(rep.Bytes, 10)}}
	s.record(ctx, note, s.Log, err)
	if err != nil {
		s.Log.Log(ctx, fault.Level(err), "not everything is copied to the second location", "place", place, "copied", len(rep.Copied), "error", err.Error())
		return false
	}
	s.Log.Info("copied to the second location", "place", place, "copied", len(rep.Copied), "bytes", rep.Bytes)
	return true
}
