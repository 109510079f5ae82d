package s3

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"cofre/pkg/cloud"
	"cofre/pkg/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

// Open prepares a Store. It makes no request to the bucket; Probe does.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Store{cfg: c, log: c.Logger, learning: make(chan struct{}, 1)}
	if c.Known != nil {
		s.adopt(missingOf(*c.Known))
	}
	var base *awshttp.BuildableClient // as the SDK has completed it
	opts := func(o *awss3.Options) {
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.Retryer = newRetryer(c.MaxAttempts)
		o.APIOptions = []func(*middleware.Stack) error{cloud.Bound(maxAnswer, "GetObject")} // in the place of those for credentials
		base = o.HTTPClient.(*awshttp.BuildableClient).WithTimeout(0).WithReadTimeout(0)
		o.HTTPClient = cloud.Stay(base.WithTransportOptions(tune(c, c.ReadTimeout)))
		if c.send != nil {
			o.HTTPClient = c.send
		}
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
		o.UsePathStyle = o.BaseEndpoint != nil
		if c.PathStyle != nil {
			o.UsePathStyle = *c.PathStyle
		}
		if o.Region == "" && o.BaseEndpoint != nil {
			o.Region = "us-east-1"
		}
		o.DisableLogOutputChecksumValidationSkipped = true
	}
	var err error
	if s.client, err = newClient(ctx, c, opts); err != nil {
		return nil, err
	}
	if err := c.checkEndpoint(s.client.Options().BaseEndpoint); err != nil {
		return nil, err
	}
	s.patient = awss3.New(s.client.Options(), func(o *awss3.Options) {
		if c.send == nil {
			o.HTTPClient = cloud.Stay(base.WithTransportOptions(tune(c, 0)))
		}
	})
	if s.client.Options().Region == "" {
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Set AWS_REGION to the bucket's region, for example sa-east-1.", "no AWS region is set for bucket %s", c.Bucket)
	}
	s.presign = awss3.NewPresignClient(s.client)
	s.unsignedParts = protectedWay(s.client.Options().BaseEndpoint)
	s.place = s.describe()
	return s, nil
}

// credentialsTime is how long one request for credentials may take, its answer included.
var credentialsTime = 30 * time.Second

func newClient(ctx context.Context, c Config, opts func(*awss3.Options)) (*awss3.Client, error) {
	if c.Endpoint != "" && c.Credentials != nil {
		// Everything is given: no file and no variable of the SDK's has a say.
		return awss3.New(awss3.Options{Region: c.Region, Credentials: c.Credentials.provider(), HTTPClient: awshttp.NewBuildableClient()}, opts), nil
	}
	load := append(cloud.Bounds(credentialsTime), config.WithLogger(logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
		c.Logger.Debug("AWS SDK", "message", fmt.Sprintf(format, v...))
	})))
	if c.Region != "" {
		load = append(load, config.WithRegion(c.Region))
	}
	if c.Credentials != nil {
		load = append(load, config.WithCredentialsProvider(c.Credentials.provider()))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Check AWS_PROFILE, AWS_CONFIG_FILE and the file it names.", "cannot load the AWS settings")
	}
	return awss3.NewFromConfig(cfg, opts), nil
}

func (c *Credentials) provider() aws.CredentialsProvider {
	static := credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	if !c.Expires.IsZero() {
		static.Value.CanExpire, static.Value.Expires = true, c.Expires
	}
	return static
}

// protectedWay tells whether nobody can change a payload between here and the endpoint: TLS, or loopback.
func protectedWay(endpoint *string) bool {
	if endpoint == nil {
		return true // Amazon's own endpoints are https
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return false
	}
	if u.Scheme == "https" || u.Hostname() == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && a.IsLoopback()
}
