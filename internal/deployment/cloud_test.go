package deployment

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ServeHTTP takes the interpreter's calls to Lambda and ECS.
func (in *interpreter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body object
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := text(body["cluster"])
	if rest, ok := strings.CutSuffix(r.URL.Path, "/invocations"); ok {
		name = rest[strings.LastIndexAny(rest, "/:")+1:]
		if unescaped, err := url.PathUnescape(name); err == nil {
			name = unescaped[strings.LastIndex(unescaped, ":")+1:]
		}
	}
	in.mu.Lock()
	c := in.clouds[name]
	in.mu.Unlock()
	if c == nil {
		http.Error(w, "no such function or cluster: "+name, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-RequestId", "1")
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch action {
	case "":
		c.invoke(w, body)
	case "RunTask":
		c.runTask(w, body)
	case "DescribeTasks":
		c.describeTasks(w, body)
	case "StopTask":
		c.stopTask(w, body)
	default:
		http.Error(w, "no such call: "+action, http.StatusNotImplemented)
	}
}

// failure is an error as Lambda reports a function's.
type failure struct {
	kind, message string
	status        int // of the service's own answer, for its own errors; 0 for a function's
}

// cloud is Lambda and ECS for one test: one function and one cluster.
type cloud struct {
	name string // of both
	// function answers an invocation.
	function func(payload object) (any, *failure)
	// container runs a task with these arguments until it ends, or is asked to by stop, and gives its exit status.
	container func(args []string, stop <-chan struct{}) int

	mu    sync.Mutex
	calls []object // payloads of invocations
	tasks []*task
	given []string // the environment that the last task was started with
}

type task struct {
	once   sync.Once // for stop
	stop   chan struct{}
	done   chan struct{}
	status int
}

var clouds atomic.Int64

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{name: fmt.Sprintf("cofre-%d", clouds.Add(1))}
	in := theInterpreter(t)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.clouds[c.name] = c
	t.Cleanup(c.settle)
	return c
}

// settle stops the containers that still run, and waits for their end: a workflow may end before one that it has stopped.
func (c *cloud) settle() {
	c.mu.Lock()
	tasks := slices.Clone(c.tasks)
	c.mu.Unlock()
	for _, t := range tasks {
		t.once.Do(func() { close(t.stop) })
		select {
		case <-t.done:
		case <-time.After(2 * time.Minute):
			return // its own failure says why
		}
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
				Name        string
				Command     []string
				Environment []struct{ Name, Value string }
			}
		}
	}
	data, _ := json.Marshal(body)
	_ = json.Unmarshal(data, &request)
	if len(request.Overrides.ContainerOverrides) != 1 {
		http.Error(w, `{"__type": "InvalidParameterException", "message": "no command"}`, http.StatusBadRequest)
		return
	}
	t := &task{stop: make(chan struct{}), done: make(chan struct{})}
	c.mu.Lock()
	arn := taskARN + strconv.Itoa(len(c.tasks))
	c.tasks, c.given = append(c.tasks, t), nil
	for _, v := range request.Overrides.ContainerOverrides[0].Environment {
		c.given = append(c.given, v.Name+"="+v.Value)
	}
	c.mu.Unlock()
	go func() {
		defer close(t.done)
		t.status = c.container(request.Overrides.ContainerOverrides[0].Command, t.stop)
	}()
	_ = json.NewEncoder(w).Encode(object{"tasks": []any{object{"taskArn": arn, "clusterArn": c.name, "lastStatus": "PENDING"}}, "failures": []any{}})
}

// environment is what the last task was started with.
func (c *cloud) environment() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.given
}

// describeTasks tells how a task is.
func (c *cloud) describeTasks(w http.ResponseWriter, body object) {
	arns, _ := body["tasks"].([]any)
	t := c.task(text(arns[0]))
	status := "RUNNING"
	container := object{"name": "cofre"}
	select {
	case <-t.done:
		status, container["exitCode"] = "STOPPED", t.status
	default:
	}
	_ = json.NewEncoder(w).Encode(object{"tasks": []any{object{
		"taskArn": arns[0], "clusterArn": c.name, "lastStatus": status, "containers": []any{container},
	}}})
}

// stopTask asks a task to end, as by SIGTERM.
func (c *cloud) stopTask(w http.ResponseWriter, body object) {
	t := c.task(text(body["task"]))
	t.once.Do(func() { close(t.stop) })
	_ = json.NewEncoder(w).Encode(object{"task": object{"taskArn": body["task"]}})
}

func (c *cloud) task(arn string) *task {
	n, _ := strconv.Atoi(strings.TrimPrefix(arn, taskARN))
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tasks[n]
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

// payloads gives those of the invocations so far with these actions.
func (c *cloud) payloads(actions ...string) (out []object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if slices.Contains(actions, text(call["action"])) {
			out = append(out, call)
		}
	}
	return out
}

// command is what a container was started with, which may go on when the test looks.
type command struct {
	mu   sync.Mutex
	args []string
}

func (c *command) set(args []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.args = args
}

func (c *command) get() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.args
}
