package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"cofre/pkg/fault"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// op is one operation as told to people: what was done, where, and the S3 permissions that it needs.
type op struct {
	verb   string // "write", "read", ...
	place  string // what Store.where says
	grants string // "s3:PutObject on arn:aws:s3:::bucket/prefix/*"
	object string // as options of the AWS command line
}

func (s *Store) op(verb, key string, actions ...string) op {
	place := s.place
	if key != "" {
		place = s.where(key)
	}
	return op{verb: verb, place: place, grants: s.grants(actions), object: "--bucket " + s.cfg.Bucket + " --key " + quoted(s.full(key))}
}

// quoted writes a key for a shell, where it needs that.
func quoted(key string) string {
	if key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") == "" {
		return key
	}
	return "'" + strings.ReplaceAll(key, "'", `'\''`) + "'"
}

// grants names permissions with their resource, as a policy writes them.
func (s *Store) grants(actions []string) string {
	var object, bucket []string
	for _, a := range actions {
		if strings.HasPrefix(a, "s3:ListBucket") || strings.HasPrefix(a, "s3:GetBucket") {
			bucket = append(bucket, a)
		} else {
			object = append(object, a)
		}
	}
	var out []string
	if len(object) > 0 {
		res := s.cfg.Bucket + "/*"
		if s.cfg.Prefix != "" {
			res = s.cfg.Bucket + "/" + s.cfg.Prefix + "/*"
		}
		out = append(out, strings.Join(object, ", ")+" on arn:aws:s3:::"+res)
	}
	if len(bucket) > 0 {
		out = append(out, strings.Join(bucket, ", ")+" on arn:aws:s3:::"+s.cfg.Bucket)
	}
	return strings.Join(out, " and ")
}

// answer is what a service said, taken out of the SDK's chain of errors.
type answer struct {
	code   string
	text   string
	status int
	tries  int
}

func answerOf(err error) answer {
	var a answer
	if ofCredentials(err) {
		return a // whoever answered, it was not the storage
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		a.code, a.text = api.ErrorCode(), api.ErrorMessage()
	}
	var re *smithyhttp.ResponseError
	if errors.As(err, &re) && re.Response != nil {
		a.status = re.HTTPStatusCode()
	}
	var ma *retry.MaxAttemptsError
	if errors.As(err, &ma) {
		a.tries = ma.Attempt
	}
	return a
}

// row is one line of the table from what a service says to what people are told.
type row struct {
	code      fault.Code
	reason    fault.Reason
	what      string // behind "cannot <verb> <place>: "
	hint      string
	transient bool
}

// byCode translates S3 error codes, of Amazon and of others. "%s" in a hint is the needed permissions.
var byCode = map[string]row{}

func add(r row, codes ...string) {
	for _, c := range codes {
		byCode[c] = r
	}
}

func init() {
	add(row{fault.FileSystem, fault.BucketMissing, "the bucket does not exist",
		"Create the bucket, or correct its name in BACKUP_DIRECTORY.", false}, "NoSuchBucket")
	add(row{fault.FileSystem, fault.NotFound, "it does not exist",
		"See what exists with `cofre list`.", false}, "NoSuchKey", "NotFound", "NoSuchUpload", "NoSuchVersion")
	add(row{fault.Permission, fault.AccessDenied, "access denied",
		"Grant %s to these credentials. (Without s3:ListBucket, S3 reports missing objects as denied too.)", false},
		"AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "UnauthorizedAccess", "KMS.AccessDeniedException")
	add(row{fault.Permission, fault.CredentialsExpired, "the storage credentials have expired",
		"Renew them (aws sso login, or a new AWS_SESSION_TOKEN) and run again.", false},
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
	add(row{fault.Permission, fault.CredentialsWrong, "the storage rejected the credentials",
		"Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that they are for this service.", false},
		"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "NotSignedUp", "InvalidSecurity")
	add(row{fault.Permission, ClockSkew, "this machine's clock is too far from the service's",
		"Set it, for example with timedatectl set-ntp true.", false}, "RequestTimeTooSkewed")
	add(row{fault.Validation, WrongRegion, "the bucket is in another region",
		"Set AWS_REGION to the bucket's region.", false},
		"PermanentRedirect", "Redirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "BucketRegionError")
	add(row{fault.Validation, fault.InvalidInput, "the service does not accept the name",
		"Correct the bucket's name or the object's name.", false}, "InvalidBucketName", "KeyTooLongError", "KeyTooLong", "InvalidURI")
	add(row{fault.Validation, fault.AlreadyExists, "its name, or the beginning of it, is an object or a folder already",
		"Choose another name.", false}, "ExistingObjectIsDirectory", "ObjectParentIsFile", "XMinioParentIsObject", "XMinioObjectExistsAsDirectory")
	add(row{fault.Validation, fault.InvalidInput, "its tags and metadata are too large",
		"Use fewer or shorter labels.", false}, "MetadataTooLarge")
	add(row{fault.FileSystem, storage.Archived, "it lies in an archive (a cold storage class), and has to be brought back before it can be read",
		"Bring it back and try again: aws s3api restore-object %s --restore-request Days=7 (that takes minutes to two days, by its class). A copy in another location is quicker.", false}, "InvalidObjectState")
	add(row{fault.Validation, fault.InvalidInput, "the service does not have this storage class",
		"Correct the storage class, or leave it out.", false}, "InvalidStorageClass")
	add(row{fault.FileSystem, fault.Precondition, "it was changed by somebody else meanwhile",
		"Run it again.", false}, "PreconditionFailed", "ConditionalRequestConflict", "OperationAborted")
	add(row{fault.DiskSpace, fault.StorageFull, "the storage is full",
		"Free space there, or remove old backups with `cofre cleanup`.", false},
		"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "NoSpaceLeftOnDevice", "InsufficientStorage",
		"ErrNoSpaceLeftOnDevice", "ServiceQuotaExceededException", "StorageFull", "NoSpaceLeft")
	add(row{fault.Validation, fault.LimitReached, "it is larger than the service takes",
		"Choose a stronger compression, or leave tables out.", false}, "EntityTooLarge")
	add(row{fault.Validation, fault.ChecksumMismatch, "the data was damaged on its way",
		"Run it again; if it comes back, look for a proxy or a faulty network card between here and the storage.", true},
		"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "InvalidDigest", "IncompleteBody")
	add(row{fault.Permission, ReadOnly, "the storage is read-only",
		"Make it writable, or choose another location in BACKUP_DIRECTORY.", false}, "MethodNotAllowed", "XMinioReadOnly")
	add(row{fault.FileSystem, fault.StorageFailed, "the storage service is throttling requests",
		"Try again later.", true}, "SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "RequestLimitExceeded", "Throttling", "ThrottlingException")
	add(row{fault.FileSystem, storage.Unsupported, "the service does not know this request, or one of its options",
		"Look at what the service lacks with `cofre doctor`; if it should know it, look at its version and settings.", false},
		"NotImplemented", "NotSupported", "UnsupportedOperation")
	add(row{fault.FileSystem, fault.StorageFailed, "the storage service returned an internal error",
		"Try again later, and check the service's status.", true},
		"InternalError", "ServiceUnavailable", "RequestTimeout", "XMinioServerNotInitialized", "BadGateway", "GatewayTimeout")
}

// byStatus is for answers without a body, or with an unknown code.
func byStatus(status int) (row, bool) {
	switch status {
	case http.StatusNotFound:
		return byCode["NoSuchKey"], true
	case http.StatusUnauthorized, http.StatusForbidden:
		return byCode["AccessDenied"], true
	case http.StatusPreconditionFailed:
		return byCode["PreconditionFailed"], true
	case http.StatusInsufficientStorage:
		return byCode["XMinioStorageFull"], true
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return byCode["PermanentRedirect"], true
	case http.StatusMethodNotAllowed:
		return byCode["MethodNotAllowed"], true
	case http.StatusNotImplemented:
		return byCode["NotImplemented"], true
	case http.StatusTooManyRequests:
		return byCode["SlowDown"], true
	}
	if status >= 500 {
		return byCode["InternalError"], true
	}
	return row{}, false
}

// fault makes the error of an operation public: code, reason, place, and what to do. It passes faults through.
func (o op) fault(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return f // of the dialer, or made already; what the SDK put around it says nothing more
	}
	if r, tries, ok := known(err); ok {
		return o.told(err, r, tries)
	}
	switch {
	case ofCredentials(err) && !errors.Is(err, context.Canceled): // also when the SDK's own patience with their source has ended
		return o.told(err, credentialsRow(err), 0)
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Canceled, "", "Run it again when you are ready.", "stopped while trying to %s %s", o.verb, o.place)
	case errors.Is(err, context.DeadlineExceeded):
		return o.told(err, row{fault.FileSystem, fault.Timeout, "it took longer than allowed",
			"Try again, or allow more time.", true}, 0)
	}
	a := answerOf(err)
	if r, ok := connectionRow(err); ok {
		return o.told(err, r, a.tries)
	}
	if a.code != "" || a.status != 0 {
		what := strings.TrimSpace(fmt.Sprintf("the service answered %s %.200s", a.code, a.text))
		return o.told(err, row{fault.FileSystem, fault.StorageFailed, what,
			"Check that the service speaks the S3 protocol and that the settings fit it.", false}, a.tries)
	}
	return o.told(err, row{fault.FileSystem, fault.StorageFailed, "the request failed", "Try again.", false}, a.tries)
}

// known looks the service's answer up in the tables.
func known(err error) (row, int, bool) {
	a := answerOf(err)
	if r, ok := byCode[a.code]; ok {
		return r, a.tries, true
	}
	r, ok := byStatus(a.status)
	return r, a.tries, ok
}

func (o op) told(err error, r row, tries int) *fault.Error {
	hint := r.hint
	switch {
	case r.reason == storage.Archived:
		hint = fmt.Sprintf(hint, o.object)
	case strings.Contains(hint, "%s"):
		hint = fmt.Sprintf(hint, o.grants)
	}
	f := fault.Wrap(quiet(err), r.code, r.reason, hint, "cannot %s %s: %s", o.verb, o.place, r.what)
	f.Transient, f.Attempts = r.transient, tries
	return f
}

// connectionRow explains errors of the way to the service.
func connectionRow(err error) (row, bool) {
	var dns *net.DNSError
	var ne net.Error
	text := err.Error()
	switch {
	case errors.As(err, &dns):
		return row{fault.FileSystem, fault.StorageUnreachable, "the storage service's host name was not found",
			"Check AWS_ENDPOINT_URL_S3, AWS_REGION and the network.", false}, true
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return row{fault.FileSystem, fault.StorageUnreachable, "connection refused by the storage service",
			"Check AWS_ENDPOINT_URL_S3, and that the service is running.", true}, true
	case errors.Is(err, errTooSlow):
		return row{fault.FileSystem, fault.Timeout, "the service, or the way to it, is too slow",
			"Look at the network, at proxies in between and at the service's load, then try again; or use a service that is nearer.", true}, true
	case errors.As(err, &ne) && ne.Timeout():
		return row{fault.FileSystem, fault.StorageUnreachable, "the storage service timed out",
			"Check the network and the service, then try again.", true}, true
	case errors.As(err, &ne), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), strings.Contains(text, "tls: "), strings.Contains(text, "server closed"):
		return row{fault.FileSystem, fault.StorageUnreachable, "the connection to the storage service was lost",
			"Check the network and the service, then try again.", true}, true
	}
	return row{}, false
}

// quietError keeps the chain for errors.Is and errors.As, and shortens its text: the SDK's repeats the
// operation, the host id and the whole URL.
type quietError struct{ err error }

func quiet(err error) error { return quietError{err} }

func (q quietError) Unwrap() error { return q.err }

func (q quietError) Error() string {
	if ofCredentials(q.err) && strings.Contains(q.err.Error(), "IMDS") { // the last place that the SDK looks into
		return "neither the environment, nor a profile, nor a role of this machine has any"
	}
	a := answerOf(q.err)
	if a.code != "" {
		return strings.TrimSpace(a.code + " " + a.text)
	}
	last := q.err
	for {
		next := errors.Unwrap(last)
		if next == nil {
			return last.Error()
		}
		last = next
	}
}

// isPrecondition and isMissing read the raw chain, before it is a fault.
func isPrecondition(err error) bool {
	r, _, ok := known(err)
	return ok && r.reason == fault.Precondition
}

func isMissing(err error) bool {
	r, _, ok := known(err)
	return ok && r.reason == fault.NotFound
}

// isUnknownFeature tells whether the service says that it lacks what was asked for.
func isUnknownFeature(err error) bool {
	a := answerOf(err)
	switch a.code {
	case "NotImplemented", "InvalidArgument", "UnsupportedArgument", "NotSupported", "InvalidRequest", "Unsupported", "UnsupportedOperation":
		return true
	}
	return a.status == http.StatusNotImplemented
}
