package entry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

// kind tells what an event is.
type kind int

const (
	request   kind = iota // an API call, by API Gateway
	scheduled             // the time has come: EventBridge, EventBridge Scheduler, or an empty object
	task                  // a step of a workflow: an object with an action
)

// Job is what a function is asked to do outside of an API call.
type Job struct {
	// Action is one of those in the package comment; "" in a scheduled event.
	Action string `json:"action"`
	ID     string `json:"id"` // of the backup, or of the restore
	// Key names what is to be made: two jobs with the same key make one backup.
	Key     string `json:"idempotencyKey"`
	Trigger string `json:"trigger"`
	// Order is the nonce of the order of a proof; "" where none was made.
	Order string `json:"order"`
	// Due is when the time of a scheduled event had come; zero where that does not say.
	Due time.Time `json:"-"`
	// Error is why a workflow gives a backup up: what its Catch has caught.
	Error *Caught `json:"error"`
}

// Caught is an error as Step Functions hands it to a Catch.
type Caught struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// due is the part of a scheduled event that tells it from others.
type due struct {
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Time       time.Time `json:"time"`
	Resources  []string  `json:"resources"`
}

// envelope has the fields by which kinds of events are told apart.
type envelope struct {
	Action         string `json:"action"`
	DetailType     string `json:"detail-type"`
	RequestContext struct {
		HTTP struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
}

// event is one that was read.
type event struct {
	kind    kind
	request events.APIGatewayV2HTTPRequest
	job     Job
}

// read tells what an event is. requestID is the invocation's, which stays the same when Lambda delivers an event again.
func read(payload []byte, requestID string) (event, error) {
	var e envelope
	if err := json.Unmarshal(payload, &e); err != nil {
		return event{}, unknownEvent(err)
	}
	switch {
	case e.RequestContext.HTTP.Method != "":
		out := event{kind: request}
		if err := json.Unmarshal(payload, &out.request); err != nil {
			return event{}, unknownEvent(err)
		}
		return out, nil
	case e.Action != "":
		out := event{kind: task}
		if err := json.Unmarshal(payload, &out.job); err != nil {
			return event{}, unknownEvent(err)
		}
		return out, nil
	case e.DetailType == "Scheduled Event", empty(payload):
		var s due
		if err := json.Unmarshal(payload, &s); err != nil {
			return event{}, unknownEvent(err)
		}
		return event{kind: scheduled, job: Job{Trigger: backup.TriggerSchedule, Key: s.key(requestID), Due: s.Time}}, nil
	}
	return event{}, unknownEvent(fmt.Errorf("neither an API call nor a scheduled event nor an action"))
}

// key is the same for every delivery of one event. A schedule's time and place name what is due; an event without them
// has its id, and an empty one the invocation's.
func (s due) key(requestID string) string {
	switch {
	case !s.Time.IsZero():
		return s.Time.UTC().Format(time.RFC3339) + " " + strings.Join(s.Resources, " ")
	case s.ID != "":
		return s.ID
	}
	return requestID
}

// empty tells whether this is an object without fields, which "sam local invoke" sends when it is given no event.
func empty(payload []byte) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal(bytes.TrimSpace(payload), &fields) == nil && fields != nil && len(fields) == 0
}

func unknownEvent(err error) error {
	return fault.Wrap(err, fault.Validation, fault.InvalidInput, "See the files in events/ for what a function takes.", "this event is not one that the function knows")
}
