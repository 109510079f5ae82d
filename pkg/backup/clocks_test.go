package backup_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

// The clocks of the machine that makes a backup and of those that look and tidy up are hours apart, both ways: the run is neither said nor
// taken to be dead.
func TestClocksHoursApart(t *testing.T) {
	for _, off := range []time.Duration{-5 * time.Hour, 5 * time.Hour} {
		t.Run(fmt.Sprint(off), func(t *testing.T) {
			w, url := throttled(t)
			with := func(a *world, off time.Duration) *backup.Service {
				c := a.Service.Config
				c.Now = func() time.Time { return time.Now().Add(off) }
				return backup.New(c)
			}
			maker := with(w, off)
			b, err := maker.Reserve(t.Context(), backup.Request{})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := maker.Run(t.Context(), b.ID, nil)
				done <- err
			}()
			other := open(t, w.dir, url)
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
				s, err := other.Service.Status(t.Context(), b.ID)
				if err == nil && s.Detail != nil {
					if strings.Contains(s.Message, "not seen for") {
						t.Error(s.Message)
					}
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("it does not start")
				}
			}
			zero, one := 0, 1
			for _, off := range []time.Duration{-off, 0, off} {
				rep, err := with(other, off).Cleanup(t.Context(), backup.CleanupOptions{Days: &zero, MaxBackups: &one})
				if err != nil || len(rep.Removed) > 0 {
					t.Errorf("%+v, %v", rep, err)
				}
			}
			if s, err := other.Service.Status(t.Context(), b.ID); err != nil || s.Status != "in_progress" {
				t.Errorf("%+v, %v", s, err)
			}
			if _, err := with(other, -off).Cancel(t.Context(), b.ID, "ana"); err != nil {
				t.Fatal(err)
			}
			want(t, <-done, fault.Canceled, fault.CanceledByUser)
			w.nothingLeft()
		})
	}
}
