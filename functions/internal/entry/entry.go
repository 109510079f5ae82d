// Package entry is how every Lambda function of cofre starts: a function says which operations of the API it serves and
// what else it does, and [Start] does the rest.
//
// # Events
//
// A function takes three kinds of events, and refuses all others:
//
//   - A request of API Gateway (HTTP API, payload format 2.0). It is answered by the same handler as "cofre serve" has, but only
//     the function's own operations; the paths of others are unknown to it.
//   - A scheduled event of EventBridge or EventBridge Scheduler, or an empty object, which is what "sam local invoke" sends.
//   - An object with an action, which is what a workflow sends: reserve, plan, run, validate, finalize, settle, order and renew, see [Job];
//     or a schedule: due.
//
// Delivery is at least once. A scheduled event is known by its time and its schedule, a workflow's reservation by its
// key, so that the same one makes one backup, whether it comes twice at once or an hour apart.
//
// # Answers
//
// Requests are answered with an HTTP status. Otherwise a failure is a failure of the invocation: its errorType is the
// code (see pkg/fault), followed by ".Transient" when it may pass by itself, its errorMessage what people may read. What stands behind
// it is in the log, which is JSON with the ids of the invocation and of the backup.
//
// Work stops before the function's time is up, so that the upload is aborted and the record says why.
package entry

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/api/gateway"
	"cofre/pkg/channel"
	"cofre/pkg/fault"
)

// Action is something that a function does outside of API calls. What it answers becomes JSON.
type Action func(ctx context.Context, s *Instance, j Job) (any, error)

// Function is what one function does.
type Function struct {
	Operations []string          // ids in api/openapi.yaml
	Actions    map[string]Action // for a workflow, by the action's name
	Scheduled  Action            // when its time has come; nil: never
	OnlyTells  bool              // see app.Options
	Publisher  channel.Publisher // of who tells people
}

// Start serves events until Lambda ends the process. It does not return.
func Start(f Function) {
	log.SetFlags(0) // lambda logs what it sends as an error; the time is Lambda's
	d := &door{function: f}
	d.log = newLog(os.Stderr, &d.current)
	// Opened before the first event, while Lambda lends a whole processor. A failure is told to whoever calls.
	if _, err := d.instance(context.Background()); err != nil {
		d.log.Error("not ready", "error", err.Error())
	}
	lambda.Start(d.handle)
}

// door hands events on. It is used by one goroutine at a time, as Lambda does.
type door struct {
	function Function
	log      *slog.Logger
	current  atomic.Pointer[string] // id of the invocation

	mu     sync.Mutex
	opened *Instance
}

// handle answers one event.
func (d *door) handle(ctx context.Context, payload json.RawMessage) (any, error) {
	id := ""
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		id = lc.AwsRequestID
	}
	d.current.Store(&id)
	e, err := read(payload, id)
	if err != nil {
		return nil, d.fail(err)
	}
	s, err := d.instance(ctx)
	if e.kind == request {
		if err != nil {
			d.log.Error("not ready", "error", err.Error())
			return gateway.Handle(unready(err, e.request.RequestContext.RequestID))(ctx, e.request)
		}
		out, err := gateway.Handle(s.api)(ctx, e.request)
		s.keepEvents(ctx)
		return out, err
	}
	if err != nil {
		return nil, d.fail(err)
	}
	defer s.keepEvents(ctx)
	out, err := d.work(ctx, s, e)
	if err != nil {
		return nil, d.fail(err)
	}
	return out, nil
}

// work does what is not an API call.
func (d *door) work(ctx context.Context, s *Instance, e event) (any, error) {
	do, name := d.function.Scheduled, "a scheduled event"
	if e.kind == task {
		do, name = d.function.Actions[e.job.Action], "this action"
	}
	if do == nil {
		return nil, unknownEvent(errors.New(name + " is another function's"))
	}
	ctx, cancel := within(ctx, time.Now())
	defer cancel()
	d.log.Info("work", "action", e.job.Action, "backup_id", e.job.ID)
	return do(ctx, s, e.job)
}

// fail logs an error and gives what leaves of it.
func (d *door) fail(err error) error {
	f := fault.From(err)
	d.log.Log(context.Background(), fault.Level(err), "failed", "code", string(f.Code), "reason", string(f.Reason), "transient", f.Transient, "error", err.Error())
	return failure(err)
}

// instance gives the wired function, and opens it when it is not open, or was so long ago that a secret may have changed.
func (d *door) instance(ctx context.Context) (*Instance, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened != nil && !d.opened.stale(time.Now()) {
		return d.opened, nil
	}
	s, err := d.open(ctx, os.Environ())
	if err != nil {
		return nil, err
	}
	d.opened = s
	return s, nil
}

// unready answers requests while the function cannot be opened. What is wrong with its settings is nothing for callers.
func unready(err error, requestID string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusInternalServerError
		if fault.From(err).Transient {
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "10")
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Request-Id", requestID)
		w.WriteHeader(status)
		doc := contract.Problem{
			Type: "about:blank", Title: http.StatusText(status), Status: status, Code: contract.ErrorCode(fault.Internal), RequestID: requestID,
			Detail: "the service is not set up correctly", Hint: "Whoever runs it finds the reason in the function's log.",
		}
		doc.Wordings = api.Wordings(doc.Detail, doc.Hint)
		json.NewEncoder(w).Encode(doc)
	})
}
