package s3

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"cofre/pkg/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
)

// ofCredentials reports whether an error came up while credentials were looked for, before anything was asked of the storage.
// What another service answered then (the metadata service of an EC2 instance 403 or 404, STS AccessDenied) says nothing about the storage.
func ofCredentials(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	for _, sign := range []string{"get credentials:", "get identity:", "failed to refresh cached credentials", "static credentials are empty"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	var sign *v4.SigningError
	return errors.As(err, &sign)
}

// credentialsRow says what is wrong with the way to credentials.
func credentialsRow(err error) row {
	text := err.Error()
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	var api smithy.APIError
	switch {
	case has("SSO", "sso") && has("expired", "cached SSO token", "InvalidGrant", "UnauthorizedException"):
		return row{fault.Permission, fault.CredentialsExpired, "the sign-in of the AWS profile has ended", "Run aws sso login, then run it again.", false}
	case has("operation error STS") && errors.As(err, &api):
		return row{fault.Permission, fault.CredentialsWrong, "AWS STS gave no credentials for the storage",
			"Check role_arn and source_profile of the AWS profile, and that the role trusts those credentials.", false}
	case has("process provider error", "error in credential_process"):
		return row{fault.Permission, fault.CredentialsMissing, "the profile's credential_process gave no credentials for the storage",
			"Run the command that credential_process names in the AWS profile, and see what it says.", false}
	}
	return row{fault.Permission, fault.CredentialsMissing, "no storage credentials found",
		"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or attach an IAM role to this machine.", false}
}

// sessionEnd returns when credentials end; known is false for those of a session that does not say. Keys without a session do not end.
func sessionEnd(creds aws.Credentials) (end time.Time, ends, known bool) {
	if creds.CanExpire {
		return creds.Expires, true, true
	}
	if creds.SessionToken == "" {
		return time.Time{}, false, true
	}
	// What "aws configure export-credentials --format env" and others export beside the keys, and the SDK does not read.
	if creds.Source == config.CredentialsSourceName {
		if t, err := time.Parse(time.RFC3339, os.Getenv("AWS_CREDENTIAL_EXPIRATION")); err == nil {
			return t, true, true
		}
	}
	if t, ok := tokenEnd(creds.SessionToken); ok {
		return t, true, true
	}
	return time.Time{}, true, false
}

// tokenEnd reads the end out of a session token that is a JSON Web Token (RFC 7519), as MinIO's are. Amazon's say nothing.
func tokenEnd(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 64<<10 {
		return time.Time{}, false
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var c struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(claims, &c) != nil || c.Exp < 1 || c.Exp > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(c.Exp), 0), true
}
