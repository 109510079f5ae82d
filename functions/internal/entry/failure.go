package entry

import (
	"encoding/json"
	"strings"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// transient ends the type of an error that may pass by itself; a workflow retries those and no other.
const transient = ".Transient"

// byUser ends the type of the error of a backup that a user cancelled: nobody need be alarmed.
const byUser = ".ByUser"

// failure is how an error leaves a function: its type is the code, its message what people may read. What stands behind it
// is logged, not sent.
func failure(err error) error {
	f := fault.From(err)
	out := messages.InvokeResponse_Error{Type: string(f.Code), Message: f.Message}
	switch {
	case f.Transient:
		out.Type += transient
	case f.Reason == fault.CanceledByUser:
		out.Type += byUser
	}
	if f.Hint != "" {
		out.Message += ". " + f.Hint
	}
	return out
}

// recorded is the fault that a backup's record holds.
func recorded(e *registry.Error) error {
	if e == nil {
		return fault.New(fault.BackupCreation, "", "Look at its record: cofre info.", "the backup failed")
	}
	return &fault.Error{Code: e.Code, Reason: e.Reason, Message: e.Message, Hint: e.Hint, Attempts: e.Attempts}
}

// Fault makes what a workflow has caught readable again. An error of ours carries its code and its message; the others are
// Lambda's, Fargate's and Step Functions' own.
func (c *Caught) Fault() error {
	code, isTransient := strings.CutSuffix(c.Error, transient)
	if c.Error == string(fault.Canceled)+byUser {
		return &fault.Error{Code: fault.Canceled, Reason: fault.CanceledByUser, Message: c.message()}
	}
	if fault.Known(fault.Code(code)) {
		return &fault.Error{Code: fault.Code(code), Message: c.message(), Transient: isTransient}
	}
	switch {
	case c.Error == "States.Timeout", strings.Contains(c.Cause, "Task timed out"):
		return fault.New(fault.BackupCreation, fault.Timeout, timeHint, "the backup took longer than the workflow allows")
	case c.Error == "Runtime.ExitError", c.Error == "Lambda.Unknown", c.Error == "Sandbox.Timedout":
		return fault.New(fault.BackupCreation, "", "Give the function more memory or time, or choose the container engine.", "the function that made the backup ended without an answer (%s)", c.Error)
	}
	return fault.New(fault.BackupCreation, "", "Look at the execution of the workflow.", "the workflow gave the backup up: %.100s", c.Error)
}

// message is the text of an error of ours, out of the JSON that Lambda makes of it.
func (c *Caught) message() string {
	var m messages.InvokeResponse_Error
	if json.Unmarshal([]byte(c.Cause), &m) == nil && m.Message != "" {
		return m.Message
	}
	return "the backup failed"
}
