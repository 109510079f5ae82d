package api

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
)

// Reasons that arise at this door only.
const (
	routeUnknown     fault.Reason = "route_unknown"
	methodNotAllowed fault.Reason = "method_not_allowed"
	bodyTooLarge     fault.Reason = "body_too_large"
	bodyType         fault.Reason = "body_type"
	contractBroken   fault.Reason = "contract_broken" // the request does not fit the contract
)

// statuses is the one table from faults to HTTP statuses: the first line that fits counts; an empty code or reason
// fits all. A second line of the same code and reason is for operations whose contract does not have the first one's. 422 is for a request that fits the contract and is refused all the same.
var statuses = []struct {
	code   fault.Code
	reason fault.Reason
	status int
}{
	{"", routeUnknown, http.StatusNotFound},
	{"", methodNotAllowed, http.StatusMethodNotAllowed},
	{"", bodyTooLarge, http.StatusRequestEntityTooLarge},
	{"", bodyType, http.StatusUnsupportedMediaType},
	{"", contractBroken, http.StatusBadRequest},

	{fault.Permission, NotAllowed, http.StatusForbidden},

	{"", "rate_limited", http.StatusTooManyRequests},
	{"", fault.LimitReached, http.StatusTooManyRequests},

	{fault.Validation, fault.NotFound, http.StatusNotFound},
	{fault.Validation, fault.ObjectMissing, http.StatusNotFound},
	{fault.Validation, fault.ContentsMissing, http.StatusNotFound},
	{fault.Validation, fault.GlobalsMissing, http.StatusNotFound},
	{fault.Validation, fault.AlreadyExists, http.StatusConflict},
	{fault.Validation, fault.NotEmpty, http.StatusConflict},
	{fault.Validation, fault.Protected, http.StatusConflict},
	{fault.Validation, fault.Busy, http.StatusConflict},
	{fault.Validation, fault.TargetLacks, http.StatusConflict},
	{fault.Validation, fault.SettingsLost, http.StatusConflict},
	{fault.Validation, fault.IdentityMissing, http.StatusConflict},
	{fault.Validation, fault.SignatureMissing, http.StatusConflict},
	{fault.Validation, fault.SignatureWrong, http.StatusConflict},
	{fault.Validation, fault.Precondition, http.StatusPreconditionFailed},
	{fault.Validation, fault.Precondition, http.StatusConflict},
	{fault.Validation, fault.NewerVersion, http.StatusInternalServerError},
	{fault.Validation, fault.StructureDamaged, http.StatusUnprocessableEntity},
	{fault.Validation, fault.StructureDamaged, http.StatusInternalServerError}, // what lies there, not what was sent
	{fault.Validation, "", http.StatusUnprocessableEntity},

	// A right at a database is missing, which the hint says how to grant.
	{fault.Permission, fault.MissingPrivilege, http.StatusConflict},
	{fault.Permission, fault.MissingPrivilege, http.StatusInternalServerError},
	// A right of cofre's own is missing: nothing that the caller could mend.
	{fault.Permission, "", http.StatusInternalServerError},
	{fault.FileSystem, fault.BucketMissing, http.StatusInternalServerError},
	{fault.FileSystem, fault.AccessDenied, http.StatusInternalServerError},
	{fault.FileSystem, fault.CredentialsMissing, http.StatusInternalServerError},
	{fault.FileSystem, fault.CredentialsWrong, http.StatusInternalServerError},
	{fault.FileSystem, fault.NewerVersion, http.StatusInternalServerError},
	{fault.FileSystem, fault.StorageFull, http.StatusInsufficientStorage},
	{fault.FileSystem, "", http.StatusServiceUnavailable},
	{fault.DiskSpace, "", http.StatusInsufficientStorage},
	{fault.DatabaseConnection, fault.DatabaseMissing, http.StatusConflict},
	{fault.DatabaseConnection, "", http.StatusServiceUnavailable},
	{fault.Canceled, "", http.StatusServiceUnavailable},
	{"", fault.Timeout, http.StatusServiceUnavailable},
	{"", "", http.StatusInternalServerError},
}

// statusOf gives the status of a fault, one that the operation's contract has. op is nil where there is none.
func statusOf(f *fault.Error, op *contract.Operation) int {
	for i, line := range statuses {
		if (line.code != "" && line.code != f.Code) || (line.reason != "" && line.reason != f.Reason) {
			continue
		}
		switch {
		case op == nil || op.Answers(line.status):
			return line.status
		case statuses[min(i+1, len(statuses)-1)].code == line.code && statuses[min(i+1, len(statuses)-1)].reason == line.reason:
			continue
		case line.status >= 500 && f.Transient || line.status == http.StatusConflict:
			return http.StatusServiceUnavailable
		case line.status >= 500:
			return http.StatusInternalServerError
		}
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// problem is a fault on its way out.
type problem struct {
	fault  *fault.Error
	status int // 0: by the table
	fields []contract.FieldError
	allow  []string // methods, with method_not_allowed
}

// answer makes the problem document (RFC 9457) of an error. Of the causes behind a fault nothing is sent; they are
// logged.
func (p problem) answer(op *contract.Operation, requestID string, log *slog.Logger) answer {
	f := p.fault
	status := p.status
	if status == 0 {
		status = statusOf(f, op)
	}
	doc := contract.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: f.Message, Hint: hintOf(f.Hint),
		Code: contract.ErrorCode(f.Code), Reason: string(f.Reason), RequestID: requestID, Errors: p.fields,
	}
	if f.Code == fault.Internal {
		doc.Detail, doc.Hint = "internal error", "Look for this request's id in the log of cofre."
	}
	if doc.Detail == "" {
		doc.Detail = string(f.Code)
	}
	a := answer{status: status, header: http.Header{}, body: doc, problem: f}
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		doc.RetryAfter = retryAfter(f)
		a.body = doc
		a.header.Set("Retry-After", number(doc.RetryAfter))
	case http.StatusUnauthorized:
		a.header.Set("WWW-Authenticate", challenge(f))
	case http.StatusMethodNotAllowed:
		a.header.Set("Allow", strings.Join(p.allow, ", "))
	}
	if status >= 500 {
		log.Log(context.Background(), fault.Level(f), "request failed", "code", string(f.Code), "reason", string(f.Reason), "error", f.Error())
	}
	return a
}

// Waits for those whom the fault tells none.
const (
	defaultRetry   = 5 * time.Second
	defaultLimited = 30 * time.Second
)

// retryAfter gives whole seconds, one at least.
func retryAfter(f *fault.Error) int {
	d := f.RetryAfter
	if d <= 0 && (f.Reason == fault.LimitReached || f.Reason == "rate_limited") {
		d = defaultLimited
	} else if d <= 0 {
		d = defaultRetry
	}
	return max(1, int(math.Ceil(d.Seconds())))
}

// challenge is the WWW-Authenticate header of RFC 6750.
func challenge(f *fault.Error) string {
	if f.Reason == tokenMissing {
		return `Bearer realm="cofre"`
	}
	return `Bearer realm="cofre", error="invalid_token"`
}

// fixed is a fault made at this door.
func fixed(code fault.Code, reason fault.Reason, hint, message string) *fault.Error {
	return &fault.Error{Code: code, Reason: reason, Hint: hint, Message: message}
}
