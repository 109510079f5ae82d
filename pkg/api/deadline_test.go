package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
)

// stuck is an audit trail that nothing can be written to.
type stuck struct{}

func (stuck) Append(ctx context.Context, _ contract.AuditRecord) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func (stuck) List(context.Context, contract.ListAuditParams) (contract.ListAuditResponse, error) {
	return contract.ListAuditResponse{}, nil
}

// A function answers before its time is up, also when its audit record cannot be written.
func TestAnswerInTimeWithoutTrail(t *testing.T) {
	w := newWorld(t, newDatabase(t), func(c *api.Config) { c.Audit = stuck{} })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	e := events.APIGatewayV2HTTPRequest{RawPath: "/api/backup/list"}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = "GET", "192.0.2.1"
	out, err := w.lambda(ctx, e)
	if err != nil || out.StatusCode != 401 {
		t.Errorf("it answers %d, %v", out.StatusCode, err)
	}
	if ctx.Err() != nil {
		t.Error("it answers when its time is over")
	}
}
