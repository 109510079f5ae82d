package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cofre/bench/report"
	"cofre/pkg/registry"
)

// runRegistry lets 32 writers with connections of their own make 20 updates each.
func runRegistry(ctx context.Context, s *session, b *report.Benchmark) error {
	var times, lost []float64
	for round := range s.rounds {
		at, err := s.newPlace()
		if err != nil {
			return err
		}
		start := time.Now()
		if err := s.writeTogether(ctx, at.prefix); err != nil {
			return err
		}
		times = append(times, time.Since(start).Seconds())
		s.say("  round %d of %d  %.2f s", round+1, s.rounds, times[round])
		r, err := openRegistry(ctx, at.prefix)
		if err != nil {
			return err
		}
		x, err := r.Load(ctx)
		if err != nil {
			return err
		}
		lost = append(lost, float64(s.effort.writers*s.effort.updates-len(x.Backups)))
		if err := s.remove(ctx, at); err != nil {
			return err
		}
	}
	b.Notes = append(b.Notes, fmt.Sprintf("%d writers in one process, with a store and connections of their own each, add %d records each by compare-and-swap.", s.effort.writers, s.effort.updates))
	b.Figures = []report.Figure{
		report.Summary("time of all updates", "s", report.AtMost(10), times...),
		report.Summary("updates lost", "count", report.AtMost(0), lost...),
	}
	return nil
}

func (s *session) writeTogether(ctx context.Context, prefix string) error {
	errs := make([]error, s.effort.writers)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			r, err := openRegistry(ctx, prefix)
			for i := 0; i < s.effort.updates && err == nil; i++ {
				own := record(time.Now())
				err = r.Update(ctx, func(x *registry.Index) error { x.Upsert(own); return nil })
			}
			errs[w] = err
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
