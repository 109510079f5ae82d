// Package secret reads connection URLs and keys out of AWS Secrets Manager, so that a function's or a container's settings name
// a secret and do not hold it.
//
// A variable whose value is the ARN of a secret (arn:aws:secretsmanager:...) stands for what the secret holds: either the
// URL itself, or the JSON that Amazon RDS keeps there (username, password, host, port, dbname). [Environment] puts the URL in
// the variable's place. BACKUP_SERVER_KEY may name a secret too, which holds the key as text. Nothing here writes a secret anywhere, and no error repeats one.
package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsarn "github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"cofre/pkg/cloud"
	"cofre/pkg/fault"
)

// readers are the variables that may name a secret, and how each is read.
var readers = map[string]func(ctx context.Context, arn string) (string, error){"DATABASE_URL": URL, "BACKUP_SERVER_KEY": Key}

// IsReference tells whether a value names a secret instead of being one.
func IsReference(value string) bool {
	a, err := awsarn.Parse(strings.TrimSpace(value))
	return err == nil && a.Service == "secretsmanager"
}

// Environment gives the environment ("NAME=value" lines) with what names a secret read from it, and whether any did. Without a reference it makes no request. AWS_ENDPOINT_URL_SECRETS_MANAGER and the other variables of the AWS SDK
// count.
func Environment(ctx context.Context, environ []string) (resolved []string, named bool, err error) {
	resolved = environ
	for i, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		read := readers[name]
		if read == nil || !IsReference(value) {
			continue
		}
		v, err := read(ctx, strings.TrimSpace(value))
		if err != nil {
			return nil, true, fmt.Errorf("%s: %w", name, err)
		}
		if !named {
			resolved, named = slices.Clone(environ), true
		}
		resolved[i] = name + "=" + v
	}
	return resolved, named, nil
}

// Key reads the key that the secret with this ARN holds as text.
func Key(ctx context.Context, arn string) (string, error) {
	text, name, err := read(ctx, arn)
	if text = strings.TrimSpace(text); err == nil && text == "" {
		err = fault.New(fault.Validation, fault.InvalidInput, "Store the key in it, as text.", "%s holds no text", name)
	}
	return text, err
}

// URL reads the connection URL that the secret with this ARN holds.
func URL(ctx context.Context, arn string) (string, error) {
	text, name, err := read(ctx, arn)
	if err != nil {
		return "", err
	}
	return parse(text, name)
}

// read gives a secret's text and its name.
func read(ctx context.Context, arn string) (text, name string, err error) {
	a, err := awsarn.Parse(arn)
	if err != nil {
		return "", "", fault.New(fault.Validation, fault.InvalidInput, "For example: arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf", "not the ARN of a secret")
	}
	cfg, err := cloud.Load(ctx, a.Region)
	if err != nil {
		return "", "", err
	}
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(arn)})
	if err != nil {
		return "", "", explain(err, a.Resource)
	}
	return aws.ToString(out.SecretString), a.Resource, nil
}

// explain says why a secret could not be read.
func explain(err error, name string) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		f := fault.Wrap(err, fault.DatabaseConnection, fault.HostUnreachable,
			"A function in a VPC needs a way to Secrets Manager: an interface endpoint, or a NAT gateway.", "AWS Secrets Manager cannot be reached for %s", name)
		f.Transient = true
		return f
	}
	switch api.ErrorCode() {
	case "ResourceNotFoundException":
		return fault.Wrap(err, fault.Validation, fault.NotFound, "Correct the ARN, or make the secret.", "there is no %s", name)
	case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException":
		return fault.Wrap(err, fault.Permission, fault.AccessDenied, "Grant secretsmanager:GetSecretValue on the secret, and kms:Decrypt on the key that it is encrypted with.",
			"%s may not be read", name)
	}
	f := fault.Wrap(err, fault.DatabaseConnection, "", "Look at the secret in the console of AWS Secrets Manager.", "%s cannot be read (%s)", name, api.ErrorCode())
	f.Transient = api.ErrorFault() == smithy.FaultServer || strings.Contains(api.ErrorCode(), "Throttl")
	return f
}

// database is the JSON that Amazon RDS keeps in a secret.
type database struct {
	Username string      `json:"username"`
	Password string      `json:"password"`
	Host     string      `json:"host"`
	Port     json.Number `json:"port"`
	Name     string      `json:"dbname"`
}

// parse reads what a secret holds. Errors tell what is missing and never what is there.
func parse(text, name string) (string, error) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") {
		if text == "" {
			return "", fault.New(fault.Validation, fault.InvalidInput, "Store a connection URL in it, as text.", "%s holds no text", name)
		}
		return text, nil
	}
	var d database
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return "", fault.New(fault.Validation, fault.InvalidInput, "Store a connection URL in it, or the fields username, password, host, port and dbname.", "%s holds JSON that cannot be read", name)
	}
	if d.Username == "" || d.Host == "" {
		return "", fault.New(fault.Validation, fault.InvalidInput, "Add the fields username, password, host, port and dbname; RDS leaves host and dbname out of secrets that it manages itself.",
			"%s lacks the field username or host", name)
	}
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(d.Username, d.Password), Host: d.Host, Path: "/" + d.Name}
	if port := d.Port.String(); port != "" {
		u.Host = net.JoinHostPort(strings.Trim(d.Host, "[]"), port)
	}
	return u.String(), nil
}
