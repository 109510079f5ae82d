package backup_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// throttled is a backup directory and a database that takes many seconds to dump.
func throttled(t *testing.T) (w *world, url string) {
	t.Helper()
	server := testenv.Postgres(t, testenv.NewestMajor)
	url = newShop(t, testenv.NewestMajor)
	proxy := testenv.Proxy(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
	proxy.Throttle(testenv.ToClient, 500<<10)
	return open(t, "", server.URLThrough(proxy.Addr(), url[strings.LastIndex(url, "/")+1:])), url
}

// A run that is under way stops within seconds of a cancellation from elsewhere, and leaves nothing but its record.
func TestCancelRunning(t *testing.T) {
	w, url := throttled(t)
	other := open(t, w.dir, url)
	b, err := w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	var ended backup.Backup
	w.Service.Ended = func(b backup.Backup, err error) { ended = b }
	go func() {
		_, err := w.Service.Run(t.Context(), b.ID, nil)
		done <- err
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if s, err := other.Service.Status(t.Context(), b.ID); err == nil && s.Detail != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not start")
		}
	}
	if _, err := other.Service.Cancel(t.Context(), b.ID, "ana"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if f := want(t, err, fault.Canceled, fault.CanceledByUser); f.Message != "the backup was canceled by ana" {
			t.Errorf("message is %q", f.Message)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not stop")
	}
	got, err := other.Service.Info(t.Context(), b.ID)
	if err != nil || got.Status != registry.Failed || got.Error.Code != fault.Canceled || got.Error.Reason != fault.CanceledByUser || ended.ID != b.ID {
		t.Errorf("%v: %+v; told of %+v", err, got, ended)
	}
	// It counts as neither good nor failed.
	o, err := other.Service.Overview(t.Context(), nil)
	if _, rated := o.SuccessRate(); err != nil || got.Outcome != registry.Canceled || o.Canceled != 1 || o.Failed != 0 || rated || o.Days[len(o.Days)-1].Failed != 0 || o.Sources[0].Failures != 0 {
		t.Errorf("%v: it ended as %q, the figures are %+v", err, got.Outcome, o.Figures)
	}
	_, err = other.Service.Cancel(t.Context(), b.ID, "ana")
	want(t, err, fault.Validation, fault.Busy)
	w.nothingLeft()
	if left := w.keys(registry.CancelPrefix); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Whoever knows that a run is dead need not wait for its lease; a run that is alive all the same loses.
func TestGiveUp(t *testing.T) {
	w, _ := throttled(t)
	b, err := w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := w.Service.Run(t.Context(), b.ID, nil)
		done <- err
	}()
	time.Sleep(500 * time.Millisecond)
	cause := fault.New(fault.BackupCreation, fault.Timeout, "Use a container.", "the function's time was up")
	got, err := w.Service.GiveUp(t.Context(), b.ID, cause)
	if err != nil || got.Status != registry.Failed || got.Error.Reason != fault.Timeout {
		t.Fatalf("%v: %+v", err, got)
	}
	if err := <-done; err == nil {
		t.Error("the run that was given up succeeded")
	}
	w.nothingLeft()
	good := open(t, "", newShop(t, testenv.NewestMajor))
	made := good.create(backup.Request{})
	if got, err := good.Service.GiveUp(t.Context(), made.ID, errors.New("x")); err != nil || got.Status != registry.Success {
		t.Errorf("a good one was given up: %v: %+v", err, got)
	}
	_, err = good.Service.GiveUp(t.Context(), "../x", cause)
	want(t, err, fault.Validation, fault.NotFound)
}

func TestEstimate(t *testing.T) {
	w := open(t, "", newShop(t, testenv.NewestMajor))
	b, err := w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := w.Service.Estimate(t.Context(), b.ID)
	if err != nil || e.Bytes < 1<<20 || e.Duration != 0 || !e.Fits(15*time.Minute) {
		t.Errorf("%v: %+v", err, e)
	}
	if _, err := w.Service.Run(t.Context(), b.ID, nil); err != nil {
		t.Fatal(err)
	}
	_, err = w.Service.Estimate(t.Context(), b.ID)
	want(t, err, fault.Validation, fault.AlreadyExists)
	b, err = w.Service.Reserve(t.Context(), backup.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if e, err = w.Service.Estimate(t.Context(), b.ID); err != nil || e.Duration == 0 {
		t.Errorf("after a backup: %v: %+v", err, e)
	}
	for _, e := range []backup.Estimate{{Bytes: 100 << 30}, {Bytes: 1, Duration: (10 * time.Minute).Milliseconds()}} {
		if e.Fits(15 * time.Minute) {
			t.Errorf("%+v fits", e)
		}
	}
}
