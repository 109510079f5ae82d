package deployment

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cofre/internal/testenv"
)

// definition is the workflow of backups.
func (c *cloud) definition(t *testing.T, seconds int, container bool) []byte {
	t.Helper()
	return c.definitionOf(t, "backup", seconds, container)
}

// definitionOf reads a workflow, with what the template puts into it, and with seconds in place of minutes: retries and
// waits of one second, and for tasks and containers the time that a test asks for.
func (c *cloud) definitionOf(t *testing.T, name string, seconds int, container bool) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "workflow", name+".asl.json"))
	if err != nil {
		t.Fatal(err)
	}
	enabled := "disabled"
	if container {
		enabled = "enabled"
	}
	filled := strings.NewReplacer(
		"${CreateFunction}", "arn:aws:lambda:us-east-1:123456789012:function:"+c.name, "${RestoreFunction}", "arn:aws:lambda:us-east-1:123456789012:function:"+c.name, "${ProveFunction}", "arn:aws:lambda:us-east-1:123456789012:function:"+c.name, "${Container}", enabled,
		"${ContainerTimeoutSeconds}", strconv.Itoa(seconds),
		"${Cluster}", c.name, "${TaskDefinition}", "cofre:1", "${Subnets}", "subnet-1,subnet-2", "${SecurityGroups}", "sg-1", "${SecurityGroup}", "sg-2", "${AssignPublicIp}", "DISABLED",
	).Replace(string(data))
	if strings.Contains(filled, "${") {
		t.Fatalf("the test does not know a value that the template fills in: %s", filled[strings.Index(filled, "${"):][:40])
	}
	var d object
	if err := json.Unmarshal([]byte(filled), &d); err != nil {
		t.Fatal(err)
	}
	quicken(d, seconds)
	out, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// quicken puts seconds in the place of minutes, in the branches of states too.
func quicken(machine object, seconds int) {
	for _, s := range machine["States"].(object) {
		state := s.(object)
		if state["TimeoutSeconds"] != nil {
			state["TimeoutSeconds"] = seconds
		}
		if state["Type"] == "Wait" {
			state["Seconds"] = 1
		}
		retries, _ := state["Retry"].([]any)
		for _, r := range retries {
			r.(object)["IntervalSeconds"], r.(object)["MaxDelaySeconds"] = 1, 2
		}
		branches, _ := state["Branches"].([]any)
		for _, b := range branches {
			quicken(b.(object), seconds)
			if later, _ := b.(object)["States"].(object)["Later"].(object); later != nil { // what comes again and again
				later["Seconds"] = 3
			}
		}
	}
}

const anID = "01JZ8Q4M9T4Y3V6K2W1X0N5BCD"

// answers gives canned answers by action.
func answers(plan object, other map[string]func() (any, *failure)) func(object) (any, *failure) {
	return func(payload object) (any, *failure) {
		action := text(payload["action"])
		if f := other[action]; f != nil {
			return f()
		}
		switch action {
		case "plan":
			return plan, nil
		case "run", "finalize":
			return object{"id": anID, "status": "success"}, nil
		case "validate":
			return object{"id": anID, "valid": true}, nil
		}
		return nil, &failure{kind: "InternalError", message: "no such action"}
	}
}

var (
	small = object{"id": anID, "engine": "lambda", "estimatedBytes": 10}
	large = object{"id": anID, "engine": "container", "estimatedBytes": 1e12}
)

func failing(kind string) func() (any, *failure) {
	return func() (any, *failure) { return nil, &failure{kind: kind, message: "it failed"} }
}

func canceled() (any, *failure) {
	return object{"id": anID, "status": "failed", "error": object{"code": "CanceledError", "reason": "canceled_by_user", "message": "whatever it says"}}, nil
}

func status(s string) func() (any, *failure) {
	return func() (any, *failure) { return object{"id": anID, "status": s}, nil }
}

// TestWorkflow takes every way through the workflow.
func TestWorkflow(t *testing.T) {
	type actions = map[string]func() (any, *failure)
	backup, validation := object{"id": anID}, object{"id": anID, "action": "validate"}
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	var planned, running, finalized atomic.Int32
	for _, c := range []struct {
		name      string
		input     object
		plan      object
		actions   actions
		exit      int  // of the container
		hang      bool // the container
		none      bool // no container is set up
		seconds   int
		status    string
		error     string
		cause     string
		last      string   // state
		functions []string // actions, in their order
		container []string // its arguments
	}{
		{name: "a small backup runs in a function", input: backup, plan: small, status: "SUCCEEDED", last: "Done", functions: []string{"plan", "run", "finalize"}},
		{name: "a large one runs in a container", input: backup, plan: large, status: "SUCCEEDED", last: "Done",
			functions: []string{"plan", "finalize"}, container: []string{"run", anID}},
		{name: "where there is no container the function does what it can", input: backup, plan: large, none: true, status: "SUCCEEDED", last: "Done",
			functions: []string{"plan", "run", "finalize"}},
		{name: "a failure is recorded", input: backup, plan: small, actions: actions{"run": failing("BackupCreationError"), "finalize": status("failed")},
			status: "FAILED", error: "BackupFailed", cause: `"status":"failed"`, last: "Failed", functions: []string{"plan", "run", "finalize"}},
		{name: "a failure of the plan is recorded", input: backup, plan: small, actions: actions{"plan": failing("PermissionError"), "finalize": status("failed")},
			status: "FAILED", error: "BackupFailed", last: "Failed", functions: []string{"plan", "finalize"}},
		{name: "a failure of the container is recorded", input: backup, plan: large, exit: 4, actions: actions{"finalize": status("failed")},
			status: "FAILED", error: "BackupFailed", last: "Failed", functions: []string{"plan", "finalize"}, container: []string{"run", anID}},
		{name: "what may pass is tried again", input: backup, actions: actions{"plan": func() (any, *failure) {
			switch planned.Add(1) {
			case 1:
				return nil, &failure{kind: "DatabaseConnectionError.Transient", message: "the server is starting"}
			case 2:
				return nil, &failure{kind: "TooManyRequestsException", message: "Rate Exceeded.", status: 429}
			}
			return small, nil
		}}, status: "SUCCEEDED", last: "Done", functions: []string{"plan", "plan", "plan", "run", "finalize"}},
		{name: "but not for ever", input: backup, plan: small, actions: actions{"run": failing("FileSystemError.Transient"), "finalize": status("failed")},
			status: "FAILED", error: "BackupFailed", last: "Failed", functions: []string{"plan", "run", "run", "run", "finalize"}},
		{name: "a function that hangs is given up", input: backup, plan: small, seconds: 4, actions: actions{"run": func() (any, *failure) {
			<-over
			return nil, nil
		}, "finalize": status("failed")}, status: "FAILED", error: "BackupFailed", last: "Failed", functions: []string{"plan", "run", "finalize"}},
		{name: "a container that hangs is given up", input: backup, plan: large, seconds: 4, hang: true, actions: actions{"finalize": status("failed")},
			status: "FAILED", error: "BackupFailed", last: "Failed", functions: []string{"plan", "finalize"}, container: []string{"run", anID}},
		{name: "a canceled backup is no failure of the workflow", input: backup, plan: small, actions: actions{"run": failing("CanceledError.ByUser"), "finalize": canceled},
			status: "SUCCEEDED", last: "Canceled", functions: []string{"plan", "run", "finalize"}},
		{name: "nor is one that was canceled in the container", input: backup, plan: large, exit: 130, actions: actions{"finalize": canceled}, status: "SUCCEEDED", last: "Canceled", functions: []string{"plan", "finalize"}, container: []string{"run", anID}},
		{name: "one that AWS stopped is", input: backup, plan: large, exit: 130, actions: actions{"finalize": func() (any, *failure) {
			return object{"id": anID, "status": "failed", "error": object{"code": "CanceledError", "message": "the backup was canceled by nobody"}}, nil
		}}, status: "FAILED", error: "BackupFailed", last: "Failed", functions: []string{"plan", "finalize"}, container: []string{"run", anID}},
		{name: "a run that is alive after all is waited for", input: backup, plan: small, actions: actions{"run": failing("BackupCreationError.Transient"), "finalize": func() (any, *failure) {
			if running.Add(1) < 3 {
				return object{"id": anID, "status": "in_progress"}, nil
			}
			return object{"id": anID, "status": "success"}, nil
		}}, status: "SUCCEEDED", last: "Done", functions: []string{"plan", "run", "run", "run", "finalize", "finalize", "finalize"}},
		{name: "a second delivery after the end finds it", input: backup, plan: small, actions: actions{"plan": failing("ValidationError")},
			status: "SUCCEEDED", last: "Done", functions: []string{"plan", "finalize"}},
		{name: "recording is tried again", input: backup, plan: small, actions: actions{"finalize": func() (any, *failure) {
			if finalized.Add(1) == 1 {
				return nil, &failure{kind: "FileSystemError.Transient", message: "storage is away"}
			}
			return object{"id": anID, "status": "success"}, nil
		}}, status: "SUCCEEDED", last: "Done", functions: []string{"plan", "run", "finalize", "finalize"}},
		{name: "a record that cannot be written fails", input: backup, plan: small, actions: actions{"finalize": failing("PermissionError")},
			status: "FAILED", error: "NotRecorded", cause: "PermissionError", last: "NotRecorded", functions: []string{"plan", "run", "finalize"}},
		{name: "a backup is validated in a function", input: validation, status: "SUCCEEDED", last: "Done", functions: []string{"validate"}},
		{name: "damage is told", input: validation, actions: actions{"validate": func() (any, *failure) {
			return object{"id": anID, "valid": false}, nil
		}}, status: "FAILED", error: "BackupDamaged", last: "Damaged", functions: []string{"validate"}},
		{name: "one that takes longer in a container", input: validation, actions: actions{"validate": failing("BackupCreationError")},
			status: "SUCCEEDED", last: "Done", functions: []string{"validate"}, container: []string{"validate", anID}},
		{name: "or not, where there is none", input: validation, actions: actions{"validate": failing("BackupCreationError")}, none: true,
			status: "FAILED", error: "NotValidated", cause: "BackupCreationError", last: "NotValidated", functions: []string{"validate"}},
		{name: "damage that the container finds, too", input: validation, exit: 6, actions: actions{"validate": failing("BackupCreationError")},
			status: "FAILED", error: "NotValidated", cause: "ExitCode", last: "NotValidated", functions: []string{"validate"}, container: []string{"validate", anID}},
		{name: "a validation that fails", input: validation, actions: actions{"validate": failing("FileSystemError")},
			status: "FAILED", error: "NotValidated", cause: "FileSystemError", last: "NotValidated", functions: []string{"validate"}},
		{name: "nonsense is refused", input: object{"action": "drop", "id": anID}, status: "FAILED", error: "ValidationError", last: "NotUnderstood"},
		{name: "emptiness too", input: object{}, status: "FAILED", error: "ValidationError", last: "NotUnderstood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl := newCloud(t)
			cl.function = answers(c.plan, c.actions)
			var args command
			stopped := make(chan struct{})
			cl.container = func(a []string, stop <-chan struct{}) int {
				args.set(a)
				if c.hang {
					select {
					case <-stop:
						close(stopped)
					case <-over:
					}
				}
				return c.exit
			}
			if c.seconds == 0 {
				c.seconds = 60
			}
			o := cl.start(t, cl.definition(t, c.seconds, !c.none), c.input).wait()
			if o.status != c.status || o.error != c.error && c.error != "" || !strings.Contains(o.cause, c.cause) || o.states[len(o.states)-1] != c.last {
				t.Errorf("ended as %+v, want %s %s %s in %s", o, c.status, c.error, c.cause, c.last)
			}
			if made := cl.made(); !slices.Equal(made, c.functions) {
				t.Errorf("the function was asked for %v, want %v", made, c.functions)
			}
			if c.hang {
				select {
				case <-stopped:
				case <-time.After(time.Minute):
					t.Error("the container was not stopped")
				}
			}
			if ran := args.get(); !slices.Equal(ran, c.container) {
				t.Errorf("the container ran %v, want %v", ran, c.container)
			}
		})
	}
}

// restored gives a record in this state, as the function Restore answers.
func restored(state string) func() (any, *failure) {
	return func() (any, *failure) { return object{"id": anID, "state": state}, nil }
}

// TestRestoreWorkflow takes every way through the workflow of restores: whatever becomes of the container, the record ends.
func TestRestoreWorkflow(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	var looked, settled atomic.Int32
	for _, c := range []struct {
		name                string
		input               object
		settle              func() (any, *failure)
		exit                int
		hang                bool
		seconds             int
		status, error, last string
		cause               string
		functions           []string
		container           []string
	}{
		{name: "a restore runs in a container", settle: restored("succeeded"), status: "SUCCEEDED", last: "Done", functions: []string{"settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "one that fails, fails", settle: restored("failed"), exit: 4, status: "FAILED", error: "RestoreFailed", cause: `"state":"failed"`, last: "Failed", functions: []string{"settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "a canceled one is no failure of the workflow", settle: restored("canceled"), exit: 130, status: "SUCCEEDED", last: "Canceled", functions: []string{"settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "one that was interrupted is", settle: restored("interrupted"), exit: 130, status: "FAILED", error: "RestoreFailed", last: "Failed", functions: []string{"settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "a container that hangs is stopped", settle: restored("interrupted"), hang: true, seconds: 4, status: "FAILED", error: "RestoreFailed", last: "Failed", functions: []string{"settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "the end of a killed one is waited for", exit: 137, settle: func() (any, *failure) {
			if looked.Add(1) < 3 {
				return restored("running")()
			}
			return restored("interrupted")()
		}, status: "FAILED", error: "RestoreFailed", last: "Failed", functions: []string{"settle", "settle", "settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "recording is tried again", settle: func() (any, *failure) {
			if settled.Add(1) == 1 {
				return nil, &failure{kind: "FileSystemError.Transient", message: "storage is away"}
			}
			return restored("succeeded")()
		}, status: "SUCCEEDED", last: "Done", functions: []string{"settle", "settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "a record that cannot be written fails", settle: failing("PermissionError"), status: "FAILED", error: "NotRecorded", cause: "PermissionError", last: "NotRecorded", functions: []string{"settle"}, container: []string{"run", anID, "--restore", "--asked", "abc"}},
		{name: "nonsense is refused", input: object{"action": "validate", "id": anID}, status: "FAILED", error: "ValidationError", last: "NotUnderstood"},
		{name: "so is one that does not say what was asked for", input: object{"id": anID}, status: "FAILED", error: "ValidationError", last: "NotUnderstood"},
		{name: "emptiness too", input: object{}, status: "FAILED", error: "ValidationError", last: "NotUnderstood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl := newCloud(t)
			cl.function = answers(nil, map[string]func() (any, *failure){"settle": c.settle})
			var args command
			cl.container = func(a []string, stop <-chan struct{}) int {
				args.set(a)
				if c.hang {
					select {
					case <-stop:
					case <-over:
					}
				}
				return c.exit
			}
			if c.seconds == 0 {
				c.seconds = 60
			}
			if c.input == nil {
				c.input = object{"id": anID, "asked": "abc"}
			}
			o := cl.start(t, cl.definitionOf(t, "restore", c.seconds, true), c.input).wait()
			if o.status != c.status || o.error != c.error && c.error != "" || !strings.Contains(o.cause, c.cause) || o.states[len(o.states)-1] != c.last {
				t.Errorf("ended as %+v, want %s %s %s in %s", o, c.status, c.error, c.cause, c.last)
			}
			if made := cl.made(); !slices.Equal(made, c.functions) {
				t.Errorf("the function was asked for %v, want %v", made, c.functions)
			}
			if ran := args.get(); !slices.Equal(ran, c.container) {
				t.Errorf("the container ran %v, want %v", ran, c.container)
			}
		})
	}
}

// TestCopyWorkflow: what cannot be copied is a failure, which an alarm tells.
func TestCopyWorkflow(t *testing.T) {
	for exit, want := range map[int]string{0: "Done", 5: "NotCopied"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			cl := newCloud(t)
			var args command
			cl.container = func(a []string, _ <-chan struct{}) int {
				args.set(a)
				return exit
			}
			o := cl.start(t, cl.definitionOf(t, "copy", 60, true), object{}).wait()
			if (o.status == "SUCCEEDED") != (exit == 0) || o.states[len(o.states)-1] != want || !slices.Equal(args.get(), []string{"copy"}) {
				t.Errorf("ended as %+v, and the container ran %v", o, args.get())
			}
		})
	}
}

// TestProofWorkflow takes every way through the workflow of proofs: what is not proven is a failure, which an alarm tells.
func TestProofWorkflow(t *testing.T) {
	var looked atomic.Int32
	proves, functions := []string{"run", anID, "--proof"}, []string{"order", "settle"}
	for _, c := range []struct {
		name                       string
		input                      object
		order, settle              func() (any, *failure)
		exit                       int
		long                       bool // until the order was renewed
		status, error, cause, last string
		functions, container       []string
	}{
		{name: "a backup is proven in a container", settle: restored("proven"), status: "SUCCEEDED", last: "Done", functions: functions, container: proves},
		{name: "for as long as it takes", settle: restored("proven"), long: true, status: "SUCCEEDED", last: "Done", functions: functions, container: proves},
		{name: "one that is not what it was is told", settle: restored("disproven"), exit: 6, status: "FAILED", error: "NotProven", cause: `"state":"disproven"`, last: "NotProven", functions: functions, container: proves},
		{name: "so is a proof that could not be made", settle: restored("failed"), exit: 5, status: "FAILED", error: "NotProven", last: "NotProven", functions: functions, container: proves},
		{name: "one that cannot be ordered needs no container", order: failing("ValidationError"), settle: restored("failed"), status: "FAILED", error: "NotProven", last: "NotProven", functions: functions},
		{name: "the end of another one is waited for", exit: 137, settle: func() (any, *failure) {
			if looked.Add(1) < 3 {
				return restored("running")()
			}
			return restored("failed")()
		}, status: "FAILED", error: "NotProven", last: "NotProven", functions: []string{"order", "settle", "settle", "settle"}, container: proves},
		{name: "a record that cannot be written fails", settle: failing("PermissionError"), status: "FAILED", error: "NotRecorded", last: "NotRecorded", functions: functions, container: proves},
		{name: "nonsense is refused", input: object{"id": 5}, status: "FAILED", error: "ValidationError", last: "NotUnderstood"},
		{name: "another workflow's input too", input: object{"action": "validate", "id": anID}, status: "FAILED", error: "ValidationError", last: "NotUnderstood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl := newCloud(t)
			renewed, once := make(chan struct{}), sync.Once{}
			order := func() (any, *failure) { return object{"id": anID, "order": "nonce", "link": "https://s3/order"}, nil }
			if c.order != nil {
				order = c.order
			}
			cl.function = answers(nil, map[string]func() (any, *failure){"settle": c.settle, "order": order, "renew": func() (any, *failure) {
				once.Do(func() { close(renewed) })
				return failing("FileSystemError.Transient")() // which ends nothing
			}})
			var args command
			cl.container = func(a []string, stop <-chan struct{}) int {
				args.set(append(a, cl.environment()...))
				if c.long {
					select {
					case <-renewed:
					case <-stop:
					}
				}
				return c.exit
			}
			if c.input == nil {
				c.input = object{"id": anID}
			}
			if c.container != nil {
				c.container = append(slices.Clone(c.container), "BACKUP_PROOF_ORDER=https://s3/order")
			}
			o := cl.start(t, cl.definitionOf(t, "proof", 60, true), c.input).wait()
			if o.status != c.status || o.error != c.error && c.error != "" || !strings.Contains(o.cause, c.cause) || o.states[len(o.states)-1] != c.last {
				t.Errorf("ended as %+v, want %s %s %s in %s", o, c.status, c.error, c.cause, c.last)
			}
			made := slices.DeleteFunc(cl.made(), func(action string) bool { return action == "renew" })
			if !slices.Equal(made, c.functions) || !slices.Equal(args.get(), c.container) {
				t.Errorf("the container ran %v, want %v; the function was asked for %v, want %v", args.get(), c.container, made, c.functions)
			}
			for _, call := range cl.payloads("renew", "settle") {
				if got := text(call["order"]); got != map[bool]string{true: "nonce"}[c.order == nil] {
					t.Errorf("%s is asked of the order %q", call["action"], got)
				}
			}
		})
	}
}

// TestStoppedExecution stops an execution from outside: its container is stopped too, and so records the failure itself.
func TestStoppedExecution(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.function = answers(large, nil)
	started, stopped := make(chan struct{}), make(chan struct{})
	c.container = func(_ []string, stop <-chan struct{}) int {
		close(started)
		<-stop
		close(stopped)
		return 130
	}
	e := c.start(t, c.definition(t, 60, true), object{"id": anID})
	<-started
	e.in.call(t, "StopExecution", object{"executionArn": e.arn})
	if o := e.wait(); o.status != "ABORTED" {
		t.Errorf("the execution ended as %+v", o)
	}
	select {
	case <-stopped:
	case <-time.After(time.Minute):
		t.Error("the container was not stopped")
	}
}
