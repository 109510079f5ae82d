package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 64 << 10

// call is one request on its way through.
type call struct {
	request *http.Request
	id      string // of the request
	started time.Time
	op      *contract.Operation
	values  contract.Values
	caller  Caller
	known   bool // caller is set
	log     *slog.Logger
	// resource is the backup or the restore that it is about, detail what else the audit trail should know.
	resource string
	detail   map[string]string
}

// note adds to the audit record. Values must not be secrets.
func (c *call) note(key, value string) {
	if c.detail == nil {
		c.detail = map[string]string{}
	}
	c.detail[key] = value
}

// resourceKey is what the resource is called in logs.
func (c *call) resourceKey() string {
	if c.op != nil && strings.HasPrefix(c.op.Path, "/api/restore/") {
		return "restore_id"
	}
	return "backup_id"
}

// may tells whether the caller's role has a permission.
func (c *call) may(permission string) bool {
	return c.known && c.caller.May != nil && c.caller.May(permission)
}

// answer is what goes out. A nil body is none.
type answer struct {
	status  int
	header  http.Header
	body    any
	problem *fault.Error // when it is one
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func number(n int) string { return strconv.Itoa(n) }

type requestIDKey struct{}

// WithRequestID sets the id that a request is known by. Without one it gets a random id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{request: r, started: a.Now()}
	if c.id, _ = r.Context().Value(requestIDKey{}).(string); c.id == "" {
		c.id = rand.Text()
	}
	c.log = a.Log.With("request_id", c.id)
	out := a.serve(r.Context(), c)
	a.write(w, c, out)
	attrs := []any{"method", brief(r.Method), "status", out.status, "duration_ms", a.Now().Sub(c.started).Milliseconds()}
	if c.op != nil {
		attrs = append(attrs, "operation", c.op.ID)
	}
	if c.known {
		attrs = append(attrs, "subject", brief(c.caller.Subject))
	}
	if c.resource != "" {
		attrs = append(attrs, c.resourceKey(), c.resource)
	}
	c.log.Info("request", attrs...)
}

// serve takes a request through the steps of the package comment. A panic is a defect, answered like one.
func (a *API) serve(ctx context.Context, c *call) (out answer) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic", "value", fmt.Sprint(p), "stack", string(debug.Stack()))
			out = problem{fault: fixed(fault.Internal, "", "", "")}.answer(c.op, c.id, c.log)
		}
	}()
	out, err := a.handle(ctx, c)
	if err != nil {
		p := problem{fault: fault.From(err)}
		var withMore *problemError
		if errors.As(err, &withMore) {
			p = withMore.problem
		}
		out = p.answer(c.op, c.id, c.log)
	}
	if c.op != nil {
		a.record(ctx, c, out)
	}
	return out
}

// problemError carries a problem's further members through an error.
type problemError struct{ problem }

func (e *problemError) Error() string { return e.fault.Error() }
func (e *problemError) Unwrap() error { return e.fault }

// find gives the operation of a request, among those that are served here.
func (a *API) find(method, path string) (op *contract.Operation, params map[string]string, allow []string) {
	op, params, allow = a.contract.Find(method, path)
	if a.Operations == nil {
		return op, params, allow
	}
	if op != nil && !slices.Contains(a.Operations, op.ID) {
		_, _, allow = a.contract.Find("", path)
		op, params = nil, nil
	}
	allow = slices.DeleteFunc(allow, func(m string) bool {
		other, _, _ := a.contract.Find(m, path)
		return !slices.Contains(a.Operations, other.ID)
	})
	return op, params, allow
}

func (a *API) handle(ctx context.Context, c *call) (answer, error) {
	r := c.request
	op, path, allow := a.find(r.Method, r.URL.Path)
	switch {
	case op == nil && len(allow) > 0:
		return answer{}, &problemError{problem{allow: allow,
			fault: fixed(fault.Validation, methodNotAllowed, "The header Allow lists the methods there are.", "this path does not have that method")}}
	case op == nil:
		return answer{}, fixed(fault.Validation, routeUnknown, "The paths stand in api/openapi.yaml.", "there is no such path")
	}
	c.op = op
	if err := a.admit(c); err != nil {
		return answer{}, err
	}
	body, err := readBody(op, r)
	if err != nil {
		return answer{}, err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, misfit([]contract.FieldError{{In: contract.FieldErrorInQuery, Detail: "it is not a query string"}})
	}
	values, wrong := op.Check(path, query, r.Header, body)
	if len(wrong) > 0 {
		return answer{}, misfit(wrong)
	}
	c.values, c.resource = values, values.Path("id")
	return a.handlers[op.ID](ctx, c)
}

// admit finds out who asks, and whether the role may.
func (a *API) admit(c *call) error {
	caller, err := a.Authenticate.Authenticate(c.request)
	switch {
	case c.op.Anonymous && fault.HasReason(err, tokenMissing):
		return nil
	case fault.HasReason(err, NotAllowed):
		return err
	case fault.HasCode(err, fault.Permission):
		return &problemError{problem{fault: fault.From(err), status: http.StatusUnauthorized}}
	case err != nil:
		return err
	}
	c.caller, c.known = caller, true
	if a.Limiter != nil {
		if err := a.Limiter.Allow(c.request.Context(), caller.Subject); err != nil {
			return err
		}
	}
	if need := c.op.Permission; need != "" && !c.may(need) {
		return fixed(fault.Permission, NotAllowed, "Ask an administrator.", "your role lacks the permission "+need)
	}
	return nil
}

func misfit(wrong []contract.FieldError) error {
	return &problemError{problem{fields: wrong,
		fault: fixed(fault.Validation, contractBroken, "See \"errors\"; the API is described in api/openapi.yaml.", "invalid request")}}
}

// readBody reads the body whole; nil when there is none.
func readBody(op *contract.Operation, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fixed(fault.Validation, contractBroken, "Send it again.", "the body could not be read to its end")
	case len(body) > maxBody:
		return nil, fixed(fault.Validation, bodyTooLarge, "Send less.", "request body too large (limit 64 KiB)")
	case len(body) == 0 || !op.HasBody:
		return body, nil
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") || r.Header.Get("Content-Encoding") != "" {
		return nil, fixed(fault.Validation, bodyType, "Send the header Content-Type: application/json, and the body as it is.", "the body is not application/json")
	}
	return body, nil
}

// write sends an answer.
func (a *API) write(w http.ResponseWriter, c *call, out answer) {
	h := w.Header()
	for name, values := range out.header {
		h[name] = values
	}
	h.Set("X-Request-Id", c.id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	if out.body == nil {
		h.Set("Content-Length", "0")
		w.WriteHeader(out.status)
		return
	}
	h.Set("Content-Type", "application/json")
	if out.problem != nil {
		h.Set("Content-Type", "application/problem+json")
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // links are copied from answers; nosniff keeps browsers from taking them for HTML
	if err := enc.Encode(a.words.say(out.body)); err != nil {
		c.log.Error("answer not encoded", "error", err.Error())
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h.Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(out.status)
	if _, err := w.Write(buf.Bytes()); err != nil {
		c.log.Info("answer not delivered", "error", err.Error())
	}
}

// source is the address of the caller, without the port.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return brief(r.RemoteAddr)
	}
	return host
}

// brief makes what the caller sent fit for logs and records: printable, and 200 bytes at most.
func brief(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, s)
}
