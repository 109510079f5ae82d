package api_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/fault"
)

// Tokens here are names of roles. What makes a real token good is tested where it is verified.

// may is the design document's table of roles.
func may(role string) func(string) bool {
	return func(permission string) bool {
		switch role {
		case "SUPERADMIN", "ADMIN":
			return true
		case "SUPERVISOR":
			return permission == "list" || permission == "download"
		}
		return false
	}
}

func token(role string) string { return "token-" + role }

func verify(_ context.Context, token string) (api.Caller, error) {
	if token == "unverifiable" {
		return api.Caller{}, &fault.Error{Code: fault.FileSystem, Reason: fault.Timeout, Message: "the issuer's keys cannot be read", Hint: "Try again.", RetryAfter: 7 * time.Second, Transient: true}
	}
	role, good := strings.CutPrefix(token, "token-")
	if !good {
		return api.Caller{}, fault.New(fault.Permission, "token_expired", "Sign in again.", "the token has expired")
	}
	return caller(role), nil
}

func caller(role string) api.Caller {
	return api.Caller{Subject: "subject-" + role, Name: "Somebody", Role: role, May: may(role)}
}

func gatewayClaims(role string) map[string]string {
	return map[string]string{"sub": "subject-" + role, "cognito:groups": "[" + role + "]"}
}

func fromClaims(claims map[string]string, _ string) (api.Caller, error) {
	return caller(strings.Trim(claims["cognito:groups"], "[]")), nil
}

// trail is an audit trail in memory: what is tested here is what the API puts into it.
type trail struct {
	mu      sync.Mutex
	records []contract.AuditRecord
	err     error
}

func (l *trail) Append(_ context.Context, r contract.AuditRecord) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.ID, r.At, r.Hash = "x", time.Now(), "h"
	if l.err == nil {
		l.records = append(l.records, r)
	}
	return l.err
}

func (l *trail) List(_ context.Context, p contract.ListAuditParams) (contract.ListAuditResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var page contract.ListAuditResponse
	for i := len(l.records) - 1; i >= 0 && len(page.Records) < p.Limit; i-- {
		page.Records = append(page.Records, l.records[i])
	}
	return page, nil
}

func (l *trail) last() contract.AuditRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) == 0 {
		return contract.AuditRecord{}
	}
	return l.records[len(l.records)-1]
}
