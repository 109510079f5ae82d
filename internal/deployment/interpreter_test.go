package deployment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/internal/testenv/process"
)

// object is a JSON object.
type object = map[string]any

// interpreter is a server that speaks Step Functions' protocol and interprets workflows.
type interpreter struct {
	t   *testing.T
	url string
}

// tool is a program that scripts/setup installs for this package.
func tool(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(testenv.Root(), ".cache", "sam", "bin", name)
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; run: make setup", err)
	}
	return program
}

// newInterpreter starts one whose workflows reach Lambda and ECS at cloud, a server on loopback.
func newInterpreter(t *testing.T, cloud *httptest.Server) *interpreter {
	t.Helper()
	program := tool(t, "moto_server")
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	_, cloudPort, _ := strings.Cut(strings.TrimPrefix(cloud.URL, "http://"), ":")
	cmd := exec.Command(program, "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	// The interpreter makes its calls to this port, which need not be its own.
	cmd.Env = append(os.Environ(), "MOTO_PORT="+cloudPort, "HOME="+t.TempDir())
	log, err := os.Create(filepath.Join(t.TempDir(), "moto.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	in := &interpreter{t: t, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		r, err := http.Post(in.url+"/moto-api/config", "application/json", strings.NewReader(`{"stepfunctions": {"execute_state_machine": true}}`))
		if err == nil {
			r.Body.Close()
			return in
		}
		select {
		case <-p.Done():
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("the interpreter ended: %v\n%s", p.Err(), said)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("the interpreter does not answer: %v", err)
		}
	}
}

// call is one request to Step Functions.
func (in *interpreter) call(action string, body object) object {
	in.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		in.t.Fatal(err)
	}
	r, err := http.NewRequest("POST", in.url, bytes.NewReader(data))
	if err != nil {
		in.t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+action)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		in.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	var out object
	if err := json.Unmarshal(text, &out); err != nil || answer.StatusCode != 200 {
		in.t.Fatalf("%s: %s\n%s", action, answer.Status, text)
	}
	return out
}

// execution is one run of a workflow.
type execution struct {
	in  *interpreter
	arn string
}

// start starts the workflow.
func (in *interpreter) start(definition []byte, input object) *execution {
	in.t.Helper()
	name := fmt.Sprintf("w%d", time.Now().UnixNano())
	machine := in.call("CreateStateMachine", object{"name": name, "definition": string(definition), "roleArn": "arn:aws:iam::123456789012:role/workflow"})
	data, err := json.Marshal(input)
	if err != nil {
		in.t.Fatal(err)
	}
	e := in.call("StartExecution", object{"stateMachineArn": machine["stateMachineArn"], "input": string(data)})
	return &execution{in, e["executionArn"].(string)}
}

// outcome is how an execution ended.
type outcome struct {
	status       string // SUCCEEDED, FAILED, TIMED_OUT, ABORTED
	error, cause string
	states       []string // entered, in their order
}

// wait waits for the end.
func (e *execution) wait() outcome {
	e.in.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		d := e.in.call("DescribeExecution", object{"executionArn": e.arn})
		if d["status"] == "RUNNING" {
			continue
		}
		o := outcome{status: text(d["status"]), error: text(d["error"]), cause: text(d["cause"]), states: e.states()}
		e.in.t.Logf("%s %s %s: %s", o.status, o.error, o.cause, strings.Join(o.states, " > "))
		return o
	}
	e.in.t.Fatalf("the execution does not end; it went through %s", strings.Join(e.states(), " > "))
	return outcome{}
}

// states lists the states that were entered so far.
func (e *execution) states() []string {
	e.in.t.Helper()
	var names []string
	history := e.in.call("GetExecutionHistory", object{"executionArn": e.arn, "maxResults": 1000})
	events, _ := history["events"].([]any)
	for _, event := range events {
		if d, ok := event.(object)["stateEnteredEventDetails"].(object); ok {
			names = append(names, text(d["name"]))
		}
	}
	return names
}

func text(v any) string { s, _ := v.(string); return s }

// failure is an error as Lambda reports a function's.
type failure struct {
	kind, message string
	status        int // of the service's own answer, for its own errors; 0 for a function's
}

// cloud answers the interpreter's calls to Lambda and ECS.
type cloud struct {
	*httptest.Server
	// function answers an invocation.
	function func(payload object) (any, *failure)
	// container runs a task with these arguments until it ends, or stop is closed, and gives its exit status.
	container func(args []string, stop <-chan struct{}) int

	mu    sync.Mutex
	calls []object // payloads of invocations
	tasks map[string]*task
}

type task struct {
	args   []string
	stop   chan struct{}
	done   chan struct{}
	status int
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{tasks: map[string]*task{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body object
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/invocations") {
		c.invoke(w, body)
		return
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch action {
	case "RunTask":
		c.runTask(w, body)
	case "DescribeTasks":
		c.describeTasks(w, body)
	default:
		http.Error(w, "no such call: "+r.URL.Path+" "+action, http.StatusNotImplemented)
	}
}

func (c *cloud) invoke(w http.ResponseWriter, payload object) {
	c.mu.Lock()
	c.calls = append(c.calls, payload)
	c.mu.Unlock()
	answer, f := c.function(payload)
	switch {
	case f != nil && f.status != 0:
		w.Header().Set("X-Amzn-ErrorType", f.kind)
		w.WriteHeader(f.status)
		answer = object{"Message": f.message}
	case f != nil:
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		answer = object{"errorType": f.kind, "errorMessage": f.message}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

const taskARN = "arn:aws:ecs:us-east-1:123456789012:task/cofre/"

func (c *cloud) runTask(w http.ResponseWriter, body object) {
	var request struct {
		Overrides struct {
			ContainerOverrides []struct {
				Name    string
				Command []string
			}
		}
	}
	data, _ := json.Marshal(body)
	_ = json.Unmarshal(data, &request)
	if len(request.Overrides.ContainerOverrides) != 1 {
		http.Error(w, `{"__type": "InvalidParameterException", "message": "no command"}`, http.StatusBadRequest)
		return
	}
	t := &task{args: request.Overrides.ContainerOverrides[0].Command, stop: make(chan struct{}), done: make(chan struct{})}
	c.mu.Lock()
	arn := taskARN + strconv.Itoa(len(c.tasks))
	c.tasks[arn] = t
	c.mu.Unlock()
	go func() {
		defer close(t.done)
		t.status = c.container(t.args, t.stop)
	}()
	_ = json.NewEncoder(w).Encode(object{"tasks": []any{object{"taskArn": arn, "clusterArn": "cofre", "lastStatus": "PENDING"}}, "failures": []any{}})
}

// describeTasks tells how a task is. Step Functions fails the state (States.TaskFailed) when a container ended with
// another status than 0; the interpreter does not, so the answer itself is an error then.
func (c *cloud) describeTasks(w http.ResponseWriter, body object) {
	arns, _ := body["tasks"].([]any)
	c.mu.Lock()
	t := c.tasks[text(arns[0])]
	c.mu.Unlock()
	status := "RUNNING"
	select {
	case <-t.done:
		status = "STOPPED"
		if t.status != 0 {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(object{"__type": "TaskFailed", "message": fmt.Sprintf(`{"Containers":[{"ExitCode":%d}]}`, t.status)})
			return
		}
	default:
	}
	_ = json.NewEncoder(w).Encode(object{"tasks": []any{object{
		"taskArn": arns[0], "clusterArn": "cofre", "lastStatus": status, "stoppedReason": "Essential container in task exited",
		"containers": []any{object{"name": "cofre", "exitCode": t.status}},
	}}})
}

// made lists the actions of the invocations so far.
func (c *cloud) made() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, call := range c.calls {
		out = append(out, text(call["action"]))
	}
	return out
}
