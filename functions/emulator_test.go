package functions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cofre/internal/process"
	"cofre/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// newRoot makes a root that holds what Lambda gives a function and nothing else: its program at /var/task, the layer at
// /opt, /tmp, and /dev/null (an empty file does). No shell, no library, no /etc, no /proc.
func newRoot(tb testing.TB, name string, layer bool) string {
	tb.Helper()
	root := tb.TempDir()
	for _, dir := range []string{"var/task", "tmp", "dev", "opt"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(root, "dev/null"), nil, 0o666))
	must(os.Link(build(tb, name), filepath.Join(root, "var/task/bootstrap")))
	emulator, err := filepath.Glob(filepath.Join(testenv.Root(), ".cache/sam/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-"+architecture()))
	must(err)
	if len(emulator) != 1 {
		tb.Fatal("Lambda's runtime interface emulator is missing; run: make setup")
	}
	data, err := os.ReadFile(emulator[0])
	must(err)
	must(os.WriteFile(filepath.Join(root, "rie"), data, 0o755))
	if layer {
		must(os.CopyFS(filepath.Join(root, "opt"), os.DirFS(testenv.Layer())))
	}
	return root
}

// function is one that runs under Lambda's runtime interface emulator.
type function struct {
	tb      testing.TB
	url     string
	log     *process.Log
	process *process.Process
}

// start starts a function with nothing in its environment but env. The emulator starts the function's own process when
// the first event comes.
func start(tb testing.TB, name string, env ...string) *function {
	tb.Helper()
	layer := name == "create" || name == "plan" || name == "health" // which says whether a dump would work
	f := &function{tb: tb, log: testenv.Log(tb)}
	address := freeAddress(tb)
	f.url = "http://" + address + "/2015-03-31/functions/function/invocations"
	cmd := exec.Command("/rie", "--runtime-interface-emulator-address", address, "--runtime-api-address", freeAddress(tb), "--log-level", "info")
	cmd.Dir = "/"
	cmd.Env = append([]string{"AWS_LAMBDA_FUNCTION_NAME=" + name, "AWS_LAMBDA_FUNCTION_TIMEOUT=120", "_HANDLER=bootstrap"}, env...)
	cmd.Stdout, cmd.Stderr = f.log.File(), f.log.File() // which the function inherits
	cmd.SysProcAttr = testenv.InRoot(newRoot(tb, name, layer), 0)
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		tb.Fatalf("start the emulator in an empty root: %v", err)
	}
	f.process = p
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("%s:\n%s", name, f.log)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return f
		}
		if time.Now().After(deadline) {
			tb.Fatalf("the emulator does not listen:\n%s", f.log)
		}
	}
}

// freeAddress gives a loopback address that nobody listens on.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answer is what an invocation gave: JSON, or an error as Lambda says it.
type answer struct {
	tb   testing.TB
	body []byte
	took time.Duration
}

// invoke sends an event.
func (f *function) invoke(event []byte) answer {
	f.tb.Helper()
	at := time.Now()
	resp, err := http.Post(f.url, "application/json", bytes.NewReader(event))
	if err != nil {
		f.tb.Fatalf("invoke: %v\n%s", err, f.log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.tb.Fatal(err)
	}
	return answer{f.tb, body, time.Since(at)}
}

// into reads an answer that is no error.
func (a answer) into(v any) {
	a.tb.Helper()
	var e struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(a.body, &e); e.ErrorType != "" {
		a.tb.Fatalf("the function failed: %s", a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		a.tb.Fatalf("%v in %s", err, a.body)
	}
}

// failed asserts an error of this type and gives its message.
func (a answer) failed(errorType string) string {
	a.tb.Helper()
	var e struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(a.body, &e); err != nil || e.ErrorType != errorType || e.ErrorMessage == "" {
		a.tb.Fatalf("the answer is %s, want an error of type %s", a.body, errorType)
	}
	return e.ErrorMessage
}

// http asserts an answer to API Gateway, and reads its body.
func (a answer) http(status int, v any) map[string]string {
	a.tb.Helper()
	var r struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
		Body       string            `json:"body"`
	}
	a.into(&r)
	if r.StatusCode != status {
		a.tb.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.Body)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(r.Body), v); err != nil {
			a.tb.Fatalf("%v in %s", err, r.Body)
		}
	}
	return r.Headers
}

// sampleID is the id in the files of events/, in whose place a test puts a real one.
const sampleID = "01HXZ0000000000000000000AB"

// event reads a file of events/, with the backup's id when there is one.
func event(tb testing.TB, name, id string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "events", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	if id != "" {
		data = bytes.ReplaceAll(data, []byte(sampleID), []byte(id))
	}
	return data
}

// task is a workflow's step.
func task(action, id string) []byte { return fmt.Appendf(nil, `{"action":%q,"id":%q}`, action, id) }

// parsed reads a database's URL.
func parsed(tb testing.TB, database string) *url.URL {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func address(tb testing.TB, u string) string { tb.Helper(); return parsed(tb, u).Host }
func database(tb testing.TB, u string) string {
	tb.Helper()
	return strings.TrimPrefix(parsed(tb, u).Path, "/")
}

func password(tb testing.TB, u string) string {
	tb.Helper()
	p, _ := parsed(tb, u).User.Password()
	return p
}
