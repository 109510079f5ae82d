package deployment

import (
	"bytes"
	"cmp"
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

	"cofre/internal/process"
	"cofre/internal/testenv"
)

// object is a JSON object.
type object = map[string]any

// interpreter is a server that speaks Step Functions' protocol and interprets workflows. The tests share one; its calls to
// Lambda and ECS go to the cloud that the called function's or cluster's name names.
type interpreter struct {
	url     string
	process *process.Process
	calls   *httptest.Server

	mu     sync.Mutex
	clouds map[string]*cloud
}

var shared struct {
	once sync.Once
	in   *interpreter
	err  error
}

func TestMain(m *testing.M) {
	code := testenv.Runner{M: m}.Run()
	if shared.in != nil {
		shared.in.process.Kill()
		shared.in.calls.Close()
	}
	_ = os.RemoveAll(programs.dir)
	os.Exit(code)
}

// tool is a program that scripts/setup installs for this package.
func tool(name string) (string, error) {
	program := filepath.Join(testenv.Root(), ".cache", "sam", "bin", name)
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("%w; run: make setup", err)
	}
	return program, nil
}

func theInterpreter(t *testing.T) *interpreter {
	t.Helper()
	shared.once.Do(func() { shared.in, shared.err = startInterpreter() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.in
}

func startInterpreter() (*interpreter, error) {
	python, err := tool("python3")
	if err != nil {
		return nil, err
	}
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	in := &interpreter{url: fmt.Sprintf("http://127.0.0.1:%d", port), clouds: map[string]*cloud{}}
	in.calls = httptest.NewServer(in)
	_, callPort, _ := strings.Cut(strings.TrimPrefix(in.calls.URL, "http://"), ":")
	cmd := exec.Command(python, filepath.Join(testenv.Root(), "internal", "deployment", "testdata", "interpreter.py"), "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	// The interpreter makes its calls to this port, which need not be its own.
	cmd.Env = append(os.Environ(), "MOTO_PORT="+callPort)
	said, err := process.NewLog()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = said.File(), said.File()
	if in.process, err = process.Start(cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		r, err := http.Post(in.url+"/moto-api/config", "application/json", strings.NewReader(`{"stepfunctions": {"execute_state_machine": true}}`))
		if err == nil {
			r.Body.Close()
			return in, nil
		}
		select {
		case <-in.process.Done():
			return nil, fmt.Errorf("the interpreter ended: %w\n%s", in.process.Err(), said.String())
		default:
		}
	}
	in.process.Kill()
	return nil, fmt.Errorf("the interpreter does not answer\n%s", said.String())
}

// call is one request to Step Functions.
func (in *interpreter) call(t *testing.T, action string, body object) object {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("POST", in.url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+action)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	var out object
	if err := json.Unmarshal(text, &out); err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s: %s\n%s", action, answer.Status, text)
	}
	return out
}

// execution is one run of a workflow.
type execution struct {
	*testing.T
	in  *interpreter
	arn string
}

// start starts the workflow, named as input's id.
func (c *cloud) start(t *testing.T, definition []byte, input object) *execution {
	t.Helper()
	in := theInterpreter(t)
	machine := in.call(t, "CreateStateMachine", object{"name": fmt.Sprintf("%s-%d", c.name, clouds.Add(1)), "definition": string(definition), "roleArn": "arn:aws:iam::123456789012:role/workflow"})
	data, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	e := in.call(t, "StartExecution", object{"stateMachineArn": machine["stateMachineArn"], "input": string(data), "name": cmp.Or(text(input["id"]), "unnamed")})
	return &execution{t, in, e["executionArn"].(string)}
}

// outcome is how an execution ended.
type outcome struct {
	status       string // SUCCEEDED, FAILED, TIMED_OUT, ABORTED
	error, cause string
	states       []string // entered, in their order
}

// wait waits for the end.
func (e *execution) wait() outcome {
	e.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		d := e.in.call(e.T, "DescribeExecution", object{"executionArn": e.arn})
		if d["status"] == "RUNNING" {
			continue
		}
		o := outcome{status: text(d["status"]), error: text(d["error"]), cause: text(d["cause"]), states: e.states()}
		e.Logf("%s %s %s: %s", o.status, o.error, o.cause, strings.Join(o.states, " > "))
		return o
	}
	e.Fatalf("the execution does not end; it went through %s", strings.Join(e.states(), " > "))
	return outcome{}
}

// states lists the states that were entered so far.
func (e *execution) states() []string {
	e.Helper()
	var names []string
	history := e.in.call(e.T, "GetExecutionHistory", object{"executionArn": e.arn, "maxResults": 1000})
	events, _ := history["events"].([]any)
	for _, event := range events {
		if d, ok := event.(object)["stateEnteredEventDetails"].(object); ok {
			names = append(names, text(d["name"]))
		}
	}
	return names
}

func text(v any) string { s, _ := v.(string); return s }
