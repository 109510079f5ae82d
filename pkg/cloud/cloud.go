// Package cloud loads the settings with which the AWS services besides S3 are asked (secrets, workflows, keys), and bounds what is
// read of an answer: whoever answers in a service's place must not be able to fill the memory, or to keep a backup waiting for ever.
// The SDK bounds neither by itself.
package cloud

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"cofre/pkg/fault"
)

const (
	// maxAnswer bounds the answers of the services besides S3, in bytes. A secret has 64 KiB at most, the others less.
	maxAnswer = 1 << 20
	// maxRefusal bounds an answer that says why something was not done, in bytes.
	maxRefusal = 1 << 20
	// maxWait is how long one request may take, its answer included.
	maxWait = 30 * time.Second
)

// Load reads the SDK's own settings (environment, profile, role) for a region; "" leaves that to them, too.
func Load(ctx context.Context, region string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, append(Bounds(maxWait), config.WithRegion(region), config.WithLogger(logging.Nop{}))...)
	cfg.HTTPClient = Stay(cfg.HTTPClient)
	if err != nil {
		return cfg, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Check AWS_PROFILE, AWS_CONFIG_FILE and the file it names.", "cannot load the AWS settings")
	}
	return cfg, nil
}

// Bounds are settings with which no answer, those to requests for credentials included, has more than 1 MiB or takes longer than this,
// one request without its repetitions.
func Bounds(wait time.Duration) []func(*config.LoadOptions) error {
	h := awshttp.NewBuildableClient().WithTimeout(wait)
	return []func(*config.LoadOptions) error{
		config.WithHTTPClient(h), config.WithAPIOptions([]func(*middleware.Stack) error{Bound(maxAnswer)}),
		config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = h }), // which take no client of the settings
	}
}

// maxRedirects is how often one request is sent on.
const maxRedirects = 3

// Stay returns a client that is sent to no other place: the SDK follows any number of redirects to wherever they lead, with all
// that is sent. A signature is for one host, so that nothing that works is lost.
func Stay(c aws.HTTPClient) aws.HTTPClient {
	b, ok := c.(*awshttp.BuildableClient)
	if !ok {
		return c
	}
	return &http.Client{Transport: b.GetTransport(), Timeout: b.GetTimeout(), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		kept := r.Response.StatusCode == http.StatusTemporaryRedirect || r.Response.StatusCode == http.StatusPermanentRedirect // others change the method
		if last := via[len(via)-1].URL; !kept || r.URL.Scheme != last.Scheme || r.URL.Host != last.Host || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// Bound makes reading an answer fail behind so many bytes. Answers of the operations named are the caller's to bound, unless
// they are refusals.
func Bound(most int64, except ...string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("CofreBound", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			middleware.DeserializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleDeserialize(ctx, in)
			resp, ok := out.RawResponse.(*smithyhttp.Response)
			if !ok || resp.Response == nil || resp.Body == nil {
				return out, meta, err
			}
			switch {
			case resp.StatusCode >= 300:
				resp.Body = &bounded{resp.Body, maxRefusal, maxRefusal}
			case !slices.Contains(except, middleware.GetOperationName(ctx)):
				resp.Body = &bounded{resp.Body, most, most}
			}
			return out, meta, err
		}), middleware.After)
	}
}

// bounded is a body that fails behind its bound, and does not just end there.
type bounded struct {
	io.ReadCloser
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 && len(p) > 0 {
		p = p[:1]
	} else if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		return 0, fmt.Errorf("the answer has more than %d bytes", b.most)
	}
	b.left -= int64(n)
	return n, err
}
