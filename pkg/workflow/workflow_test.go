package workflow

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
)

const (
	arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:cofre"
	id  = "01HXZ0000000000000000000AB"
)

// started is what Step Functions was asked to start.
type started struct {
	StateMachineArn, Name, Input string
}

// functions speaks the API of Step Functions, as far as starting goes: like it, a name that was used with another input
// is refused, and so is one whose execution has ended.
func functions(t *testing.T, refuse string) (*Workflow, *[]started) {
	t.Helper()
	var all []started
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, _ := io.ReadAll(r.Body)
		var s started
		if json.Unmarshal(in, &s); r.Header.Get("X-Amz-Target") != "AWSStepFunctions.StartExecution" || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/states/") {
			t.Errorf("asked for %s with %v", in, r.Header)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		code := refuse
		for _, before := range all {
			if before.Name == s.Name {
				code = "ExecutionAlreadyExists"
			}
		}
		all = append(all, s)
		if code != "" {
			w.WriteHeader(400)
			json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "no"})
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"executionArn": s.StateMachineArn + ":" + s.Name, "startDate": 1.5e9})
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_SFN", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	w, err := Open(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	w.now = func() time.Time { return time.Unix(600, 0) }
	return w, &all
}

// A launch that is repeated, because its answer was lost or its event delivered again, succeeds and starts nothing more.
func TestLaunch(t *testing.T) {
	w, all := functions(t, "")
	for range 2 {
		if err := w.Launch(t.Context(), id); err != nil {
			t.Error(err)
		}
		if err := w.LaunchValidation(t.Context(), id, 5); err != nil {
			t.Error(err)
		}
	}
	want := []started{{arn, id, `{"id":"` + id + `"}`}, {arn, "validate-" + id + "-10", `{"id":"` + id + `","action":"validate","bytes":5}`}}
	for i, got := range *all {
		if got != want[i%2] {
			t.Errorf("request %d is %+v, want %+v", i, got, want[i%2])
		}
	}
}

// A restore is started by its id, a proof once for each time that it was asked for.
func TestLaunchRestoresAndProofs(t *testing.T) {
	w, all := functions(t, "")
	for range 2 {
		if err := w.LaunchRestore(t.Context(), id, "abc"); err != nil {
			t.Error(err)
		}
		for _, asked := range []int64{1795604400123, 1795604400124} {
			if err := w.LaunchProof(t.Context(), id, time.UnixMilli(asked)); err != nil {
				t.Error(err)
			}
		}
	}
	input := `{"id":"` + id + `"}`
	want := []started{{arn, id, `{"id":"` + id + `","asked":"abc"}`}, {arn, "prove-" + id + "-1795604400123", input}, {arn, "prove-" + id + "-1795604400124", input}}
	for i, got := range *all {
		if got != want[i%3] {
			t.Errorf("request %d is %+v, want %+v", i, got, want[i%3])
		}
	}
}

func TestErrors(t *testing.T) {
	for code, want := range map[string]struct {
		code      fault.Code
		transient bool
	}{
		"StateMachineDoesNotExist": {fault.Validation, false},
		"AccessDeniedException":    {fault.Permission, false},
		"ThrottlingException":      {fault.BackupCreation, true},
		"ExecutionLimitExceeded":   {fault.BackupCreation, true},
		"InvalidName":              {fault.BackupCreation, false},
	} {
		w, _ := functions(t, code)
		f := fault.From(w.Launch(t.Context(), id))
		if f == nil || f.Code != want.code || f.Transient != want.transient || f.Hint == "" {
			t.Errorf("%s gives %+v", code, f)
		}
	}
	for _, wrong := range []string{"", "cofre", "arn:aws:s3:::bucket"} {
		if _, err := Open(t.Context(), wrong); !fault.HasCode(err, fault.Validation) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
