package server

import (
	"context"
	"crypto/rand"
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
)

// copies brings new backups to the second places until ctx ends: after each backup of this process, and every hour. Each place is followed
// by itself, so that one that is away holds up no other.
func (s *Server) copies(ctx context.Context) {
	var work sync.WaitGroup
	for _, place := range s.Service.CopyPlaces {
		work.Go(func() {
			for wait := time.Duration(0); s.nudged(ctx, place.Name, wait); {
				if wait = copyEvery; !s.copyTo(ctx, place) {
					wait = copyRetry
				}
			}
		})
	}
	work.Wait()
}

// nudged waits until a backup was made, or for a time; it is false when ctx has ended.
func (s *Server) nudged(ctx context.Context, place string, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-s.made[place]:
	}
	return ctx.Err() == nil
}

// nudge tells those who copy that there is a new backup. It waits for nobody.
func (s *Server) nudge() {
	for _, waits := range s.made {
		select {
		case waits <- struct{}{}:
		default:
		}
	}
}

// copyTo copies what one place lacks. Backups that another server is just copying are no failures.
func (s *Server) copyTo(ctx context.Context, place backup.Place) bool {
	rep, err := s.Service.CopyMissing(ctx, place.Name, nil)
	for _, f := range rep.Failed {
		if err == nil && f.Error.Reason != fault.Busy {
			err = &fault.Error{Code: f.Error.Code, Reason: f.Error.Reason, Message: f.Error.Message, Hint: f.Error.Hint}
		}
	}
	if ctx.Err() != nil || err == nil && len(rep.Copied) == 0 {
		return true
	}
	note := contract.AuditRecord{Action: "copy", RequestID: rand.Text(), Detail: map[string]string{"place": place.Name, "copied": strconv.Itoa(len(rep.Copied)), "bytes": strconv.FormatInt(rep.Bytes, 10)}}
	s.record(ctx, note, s.Log, err)
	if err != nil {
		s.Log.Log(ctx, fault.Level(err), "not everything is copied to the second place", "place", place.Name, "copied", len(rep.Copied), "error", err.Error())
		return false
	}
	s.Log.Info("copied to the second place", "place", place.Name, "copied", len(rep.Copied), "bytes", rep.Bytes)
	return true
}
