// Package gateway opens the API's http.Handler to the events of Amazon API Gateway (HTTP API, payload format 2.0), so
// that a Lambda function and a server answer alike.
//
// The gateway's JWT authorizer has verified the token before the function is called; its claims stand in the event, as text.
// [Handle] puts them into the request's context and [Authenticator] takes them out again, with the token beside them, in which
// lists can be read. Without the gateway's claims nothing that a client writes into headers counts.
package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"cofre/pkg/api"
)

// answerMargin is kept of a function's time to give an answer in, when its work has to be stopped.
const answerMargin = time.Second

// answerWithin is how long a request may take: the gateway gives up after 30 seconds, and nobody hears what comes later.
const answerWithin = 28 * time.Second

// Handler is what lambda.Start takes.
type Handler func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// Handle makes a Lambda handler of an http.Handler.
func Handle(h http.Handler) Handler {
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		end := time.Now().Add(answerWithin)
		if deadline, ok := ctx.Deadline(); ok && deadline.Add(-answerMargin).Before(end) {
			end = deadline.Add(-answerMargin)
		}
		ctx, cancel := context.WithDeadline(ctx, end)
		defer cancel()
		r, err := Request(ctx, e)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		w := &response{header: http.Header{}}
		h.ServeHTTP(w, r)
		return w.event(), nil
	}
}

// Request makes the request that an event stands for. An error means that it is no event of this kind.
func Request(ctx context.Context, e events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	call := e.RequestContext.HTTP
	if call.Method == "" || !strings.HasPrefix(e.RawPath, "/") {
		return nil, fmt.Errorf("this is no event of an HTTP API with payload format 2.0")
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("decode the event's body: %w", err)
		}
	}
	ctx = api.WithRequestID(ctx, e.RequestContext.RequestID)
	if a := e.RequestContext.Authorizer; a != nil && a.JWT != nil {
		ctx = context.WithValue(ctx, claimsKey{}, a.JWT.Claims)
	}
	r, err := http.NewRequestWithContext(ctx, call.Method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request of the event: %w", err)
	}
	r.URL = &url.URL{Path: path(e), RawQuery: e.RawQueryString}
	r.RequestURI = r.URL.RequestURI()
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	r.Host = e.RequestContext.DomainName
	r.RemoteAddr = net.JoinHostPort(call.SourceIP, "0")
	return r, nil
}

// path is the path behind the stage; the stage $default has no part in it.
func path(e events.APIGatewayV2HTTPRequest) string {
	p := e.RawPath
	if stage := e.RequestContext.Stage; stage != "" && stage != "$default" {
		if rest, ok := strings.CutPrefix(p, "/"+stage+"/"); ok {
			p = "/" + rest
		}
	}
	if decoded, err := url.PathUnescape(p); err == nil {
		return decoded
	}
	return p
}

type claimsKey struct{}

// HasClaims tells whether the gateway has verified a token of this request.
func HasClaims(r *http.Request) bool {
	given, _ := r.Context().Value(claimsKey{}).(map[string]string)
	return given != nil
}

// Authenticator authenticates by the claims of the event, which the gateway has verified, and the token that it found them in
// ("" when the event does not have it). caller reads whom they stand for.
func Authenticator(caller func(claims map[string]string, token string) (api.Caller, error)) api.Authenticator {
	return claims(caller)
}

type claims func(map[string]string, string) (api.Caller, error)

// Authenticate implements api.Authenticator.
func (caller claims) Authenticate(r *http.Request) (api.Caller, error) {
	given, _ := r.Context().Value(claimsKey{}).(map[string]string)
	if given == nil {
		return api.Caller{}, api.NoToken()
	}
	return caller(given, tokenOf(r))
}

// tokenOf is the token where the gateway looks for it, with or without the word Bearer.
func tokenOf(r *http.Request) string {
	token := strings.TrimSpace(r.Header.Get("Authorization"))
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	return token
}

// response is an http.ResponseWriter that keeps what it is given.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// event is the answer as the gateway takes it. All answers are text.
func (w *response) event() events.APIGatewayV2HTTPResponse {
	w.WriteHeader(http.StatusOK)
	out := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: map[string]string{}, Body: w.body.String()}
	for name, values := range w.header {
		out.Headers[name] = strings.Join(values, ", ")
	}
	return out
}
