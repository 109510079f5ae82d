package gateway

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// However long a function may run, the gateway waits for 30 seconds only.
func TestRequestsEndBeforeTheGatewayGivesUp(t *testing.T) {
	var left time.Duration
	h := Handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end, _ := r.Context().Deadline()
		left = time.Until(end)
	}))
	e := events.APIGatewayV2HTTPRequest{RawPath: "/api/backup/cleanup"}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = "POST", "192.0.2.1"
	for function, most := range map[time.Duration]time.Duration{15 * time.Minute: 28 * time.Second, 10 * time.Second: 9 * time.Second} {
		ctx, cancel := context.WithTimeout(t.Context(), function)
		if _, err := h(ctx, e); err != nil || left > most || left < most-2*time.Second {
			t.Errorf("of %s a request has %s, %v", function, left, err)
		}
		cancel()
	}
}
