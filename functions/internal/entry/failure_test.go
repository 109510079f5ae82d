package entry

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
)

// A workflow decides by the type; nothing of the cause leaves.
func TestFailure(t *testing.T) {
	f := fault.Wrap(errors.New("password hunter2"), fault.DatabaseConnection, fault.PortRefused, "Start it.", "the server does not listen")
	for _, isTransient := range []bool{false, true} {
		f.Transient = isTransient
		var got messages.InvokeResponse_Error
		if !errors.As(failure(f), &got) || got.Message != "the server does not listen. Start it." || strings.HasSuffix(got.Type, ".Transient") != isTransient ||
			!strings.HasPrefix(got.Type, "DatabaseConnectionError") {
			t.Errorf("%+v", got)
		}
		// And back, as a Catch hands it over.
		cause, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		back := fault.From((&Caught{Error: got.Type, Cause: string(cause)}).Fault())
		if back.Code != f.Code || back.Message != got.Message || back.Transient != isTransient {
			t.Errorf("%+v came back as %+v", got, back)
		}
	}
}

// That a user canceled it is told by the type too, and survives the way through a workflow.
func TestFailureOfAUsersWish(t *testing.T) {
	var got messages.InvokeResponse_Error
	if err := failure(fault.New(fault.Canceled, fault.CanceledByUser, "", "the backup was canceled by ana")); !errors.As(err, &got) || got.Type != "CanceledError.ByUser" {
		t.Errorf("%+v", got)
	}
	cause, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if f := fault.From((&Caught{Error: got.Type, Cause: string(cause)}).Fault()); f.Code != fault.Canceled || f.Reason != fault.CanceledByUser || f.Message != got.Message {
		t.Errorf("it came back as %+v", f)
	}
	if f := fault.From((&Caught{Error: "CanceledError"}).Fault()); f.Code != fault.Canceled || f.Reason != "" {
		t.Errorf("one that AWS stopped came back as %+v", f)
	}
}

// What a user canceled is no error in the log; what failed is one.
func TestFailureIsLogged(t *testing.T) {
	var log bytes.Buffer
	d := &door{}
	d.log = newLog(&log, &d.current)
	d.fail(fault.New(fault.Canceled, fault.CanceledByUser, "", "the backup was canceled by ana"))
	d.fail(fault.New(fault.BackupCreation, fault.Timeout, "", "the time was up"))
	if first, second, _ := strings.Cut(log.String(), "\n"); !strings.Contains(first, `"level":"INFO"`) || !strings.Contains(second, `"level":"ERROR"`) {
		t.Errorf("the log is\n%s", &log)
	}
}

func TestCaught(t *testing.T) {
	for _, x := range []struct {
		caught *Caught
		reason fault.Reason
	}{
		{&Caught{Error: "States.Timeout"}, fault.Timeout},
		{&Caught{Error: "Lambda.Unknown", Cause: "The cause could not be determined because Lambda did not return an error type"}, ""},
		{&Caught{Error: "Sandbox.Timedout", Cause: `{"errorMessage":"RequestId: x Error: Task timed out after 900.00 seconds"}`}, fault.Timeout},
		{&Caught{Error: "States.TaskFailed", Cause: "{broken"}, ""},
	} {
		f := fault.From(x.caught.Fault())
		if f.Code != fault.BackupCreation || f.Reason != x.reason || f.Hint == "" {
			t.Errorf("%+v gives %+v", x.caught, f)
		}
	}
}

// Callers learn that a function is not set up, in both languages, and nothing of why.
func TestUnready(t *testing.T) {
	for transient, status := range map[bool]int{false: 500, true: 503} {
		f := fault.New(fault.Validation, fault.InvalidInput, "hunter2", "hunter2")
		f.Transient = transient
		w := httptest.NewRecorder()
		unready(f, "r1").ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		var doc contract.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != status || doc.RequestID != "r1" || len(doc.Wordings) != 1 ||
			doc.Wordings[0].Text != "o serviço não está configurado corretamente" || doc.Wordings[0].Hint == "" || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%d %s (%v)", w.Code, w.Body, err)
		}
	}
}
