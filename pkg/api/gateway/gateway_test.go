package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"cofre/pkg/api"
)

// sample is an event as API Gateway sends it.
const sample = `{
  "version": "2.0", "routeKey": "POST /api/backup/create", "rawPath": "/api/backup/create", "rawQueryString": "a=1&a=2&b=%20x",
  "cookies": ["c=1"], "headers": {"content-type": "application/json", "x-twice": "1,2", "authorization": "Bearer t"},
  "queryStringParameters": {"a": "1,2", "b": " x"},
  "requestContext": {
    "accountId": "123456789012", "apiId": "abc", "domainName": "abc.execute-api.us-east-1.amazonaws.com", "domainPrefix": "abc",
    "authorizer": {"jwt": {"claims": {"sub": "u1", "cognito:groups": "[ADMIN]"}, "scopes": null}},
    "http": {"method": "POST", "path": "/api/backup/create", "protocol": "HTTP/1.1", "sourceIp": "2001:db8::1", "userAgent": "curl/8"},
    "requestId": "JKJaXmPLvHcESHA=", "routeKey": "POST /api/backup/create", "stage": "$default", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1583348638390
  },
  "body": "eyJvcHRpb25zIjp7fX0=", "isBase64Encoded": true
}`

func parse(t *testing.T) events.APIGatewayV2HTTPRequest {
	t.Helper()
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal([]byte(sample), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRequest(t *testing.T) {
	r, err := Request(t.Context(), parse(t))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	q := r.URL.Query()
	if r.Method != "POST" || r.URL.Path != "/api/backup/create" || len(q["a"]) != 2 || q.Get("b") != " x" || string(body) != `{"options":{}}` ||
		r.Header.Get("Content-Type") != "application/json" || r.RemoteAddr != "[2001:db8::1]:0" || r.Host == "" {
		t.Errorf("request is %+v with body %s", r, body)
	}
}

func TestPaths(t *testing.T) {
	for _, x := range []struct{ stage, raw, want string }{
		{"$default", "/api/health", "/api/health"},
		{"", "/api/health", "/api/health"},
		{"prod", "/prod/api/health", "/api/health"},
		{"prod", "/api/health", "/api/health"}, // behind a mapping of a domain of one's own
		{"api", "/api/api/health", "/api/health"},
		{"$default", "/api/backup/a%2Fb", "/api/backup/a/b"},
		{"$default", "/api/%zz", "/api/%zz"},
	} {
		e := parse(t)
		e.RequestContext.Stage, e.RawPath = x.stage, x.raw
		r, err := Request(t.Context(), e)
		if err != nil || r.URL.Path != x.want {
			t.Errorf("stage %q, path %q: got %v, %v", x.stage, x.raw, r, err)
		}
	}
}

func TestOtherEventsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*events.APIGatewayV2HTTPRequest){
		"empty":       func(e *events.APIGatewayV2HTTPRequest) { *e = events.APIGatewayV2HTTPRequest{} },
		"no method":   func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "" },
		"bad method":  func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "GE T" },
		"no path":     func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "" },
		"bad base 64": func(e *events.APIGatewayV2HTTPRequest) { e.Body = "!" },
	} {
		e := parse(t)
		change(&e)
		if _, err := Handle(http.NotFoundHandler())(t.Context(), e); err == nil {
			t.Errorf("%s: the event was taken", name)
		}
	}
}

// FuzzRequest: whatever an event says, it is refused or a request whose body can be read, and nobody is somebody by it.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"isBase64Encoded": true, "body": "eyJ9", "rawPath": "/%zz", "requestContext": {"http": {"method": "POST", "sourceIp": "::1%"}, "stage": "prod"}}`))
	f.Add([]byte(`{"rawPath": "/", "headers": {"\n": "\r"}, "requestContext": {"http": {"method": "GET"}, "authorizer": {"jwt": {"claims": null}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e events.APIGatewayV2HTTPRequest
		if json.Unmarshal(data, &e) != nil {
			return
		}
		r, err := Request(t.Context(), e)
		if err != nil {
			return
		}
		if body, err := io.ReadAll(r.Body); err != nil || len(body) > len(e.Body) {
			t.Errorf("%d bytes of %d, %v", len(body), len(e.Body), err)
		}
		a := e.RequestContext.Authorizer
		if HasClaims(r) && (a == nil || a.JWT == nil || a.JWT.Claims == nil) {
			t.Error("it has claims that the gateway did not give it")
		}
		if _, err := Handle(http.NotFoundHandler())(t.Context(), e); err != nil {
			t.Error(err)
		}
	})
}

// Only what the gateway says in the event counts, and all of it arrives.
func TestClaims(t *testing.T) {
	token := ""
	auth := Authenticator(func(claims map[string]string, given string) (api.Caller, error) {
		token = given
		return api.Caller{Subject: claims["sub"], Role: claims["cognito:groups"]}, nil
	})
	e := parse(t)
	r, err := Request(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := auth.Authenticate(r); err != nil || c.Subject != "u1" || c.Role != "[ADMIN]" || token != "t" {
		t.Errorf("caller is %+v with token %q, %v", c, token, err)
	}
	for header, want := range map[string]string{"": "", "a.b.c": "a.b.c", "bearer  a.b.c ": "a.b.c", "Basic x": "Basic x", "Bearer a,Bearer b": "a,Bearer b"} {
		r.Header.Set("Authorization", header)
		if got := tokenOf(r); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
	e.RequestContext.Authorizer = nil
	if r, err = Request(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if c, err := auth.Authenticate(r); err == nil {
		t.Errorf("without claims the caller is %+v", c)
	}
}

// A handler has to stop in time for its answer.
func TestDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var left time.Duration
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
		w.Header().Add("X-Twice", "1")
		w.Header().Add("X-Twice", "2")
		w.Write([]byte("text"))
	})
	out, err := Handle(h)(ctx, parse(t))
	if err != nil || left <= 0 || left > 9*time.Second {
		t.Errorf("%s are left, %v", left, err)
	}
	if out.StatusCode != 200 || out.Body != "text" || out.IsBase64Encoded || out.Headers["X-Twice"] != "1, 2" {
		t.Errorf("answer is %+v", out)
	}
}
