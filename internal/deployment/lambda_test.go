package deployment

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cofre/internal/process"
	"cofre/internal/testenv"
)

var programs struct {
	once sync.Once
	dir  string
	err  error
}

// built gives the folder with all functions and cofre itself, made of the sources as they are.
func built(t *testing.T) string {
	t.Helper()
	programs.once.Do(func() {
		if programs.dir, programs.err = os.MkdirTemp("", "cofre-deployment-"); programs.err != nil {
			return
		}
		programs.err = errors.Join(testenv.Build(programs.dir+"/", "-tags", "lambda,lambda.norpc", "./functions/..."), testenv.Build(programs.dir+"/", "./cmd/cofre"))
	})
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	return programs.dir
}

// invoke starts a function's program, as Lambda does for the first event, hands it one event by Lambda's runtime API, and
// gives its answer. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func invoke(t *testing.T, function string, env []string, event any) (object, *failure) {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Error(err)
		return nil, &failure{kind: "Test", message: err.Error()}
	}
	type answer struct {
		body  []byte
		error bool
	}
	answered, asked, over := make(chan answer, 1), make(chan struct{}, 1), make(chan struct{})
	asked <- struct{}{}
	runtime := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, what, _ := strings.Cut(r.URL.Path, "/runtime/")
		switch what {
		case "invocation/next":
			select {
			case <-asked:
			case <-over:
				return
			}
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "request-1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(10*time.Minute).UnixMilli()))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:"+function)
			_, _ = w.Write(payload)
		default:
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusAccepted)
			select {
			case answered <- answer{body, !strings.HasSuffix(what, "/response")}:
			default:
			}
		}
	}))
	defer runtime.Close()
	defer close(over)
	cmd := exec.Command(filepath.Join(built(t), function))
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(runtime.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=" + function, "PATH=/usr/bin:/bin", "HOME=/nonexistent"}, env...)
	said := testenv.Log(t)
	cmd.Stdout, cmd.Stderr = said.File(), said.File()
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Error(err)
		return nil, &failure{kind: "Test", message: err.Error()}
	}
	defer p.Kill()
	select {
	case a := <-answered:
		var out object
		if err := json.Unmarshal(a.body, &out); err != nil {
			t.Errorf("%s answered %s: %v", function, a.body, err)
		}
		if a.error {
			return nil, &failure{kind: text(out["errorType"]), message: text(out["errorMessage"])}
		}
		return out, nil
	case <-p.Done():
		t.Errorf("%s ended: %v\n%s", function, p.Err(), said.String())
	case <-time.After(2 * time.Minute):
		t.Errorf("%s does not answer", function)
	}
	return nil, &failure{kind: "Runtime.ExitError", message: "it ended without an answer"}
}

// request is an event of the HTTP API, with the claims of an administrator as its authorizer has read them.
func request(method, path, body string) object {
	path, query, _ := strings.Cut(path, "?")
	// The gateway hands lists on as text; the token says what they were.
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub": "s1", "username": "ana", "cognito:groups": ["ADMIN"]}`))
	headers := object{"host": "api.example.com", "authorization": "Bearer e30." + claims + ".c2ln"}
	if body != "" {
		headers["content-type"] = "application/json"
	}
	return object{
		"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "body": body,
		"requestContext": object{
			"requestId": "r1", "stage": "$default", "domainName": "api.example.com", "http": object{"method": method, "path": path, "sourceIp": "192.0.2.1"},
			"authorizer": object{"jwt": object{"claims": object{"sub": "s1", "username": "ana", "cognito:groups": "[ADMIN]"}, "scopes": nil}},
		},
	}
}
