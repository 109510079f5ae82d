// Package publish tells topics of Amazon SNS and buses of Amazon EventBridge what happened, with the credentials that this process has.
//
// A topic gets the title as subject (ASCII, 100 characters), the text as message, and the attributes event, source and severity, by which subscriptions
// filter. One whose name ends with .fifo takes an event once, whoever sends it again. A bus gets an event of the source cofre, whose detail-type is the
// kind and whose detail is what a webhook gets. Neither is sent more than 256 KiB.
//
// A bus takes whatever is put for one that is not there, and drops it: EventBridge answers with success. [AWS.Look] finds that out.
package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsarn "github.com/aws/aws-sdk-go-v2/aws/arn"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bus "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topic "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
	"golang.org/x/text/unicode/norm"

	"cofre/pkg/channel"
	"cofre/pkg/cloud"
	"cofre/pkg/fault"
)

const (
	maxSubject = 100       // characters
	maxMessage = 255 << 10 // bytes; both services take 256 KiB, attributes and the rest of an entry included
)

// AWS publishes. The zero value is ready, and safe for use by several goroutines. The AWS SDK's variables count, AWS_ENDPOINT_URL_SNS and
// AWS_ENDPOINT_URL_EVENTBRIDGE among them.
type AWS struct {
	mu      sync.Mutex
	configs map[string]aws.Config // by region
}

var _ channel.Publisher = (*AWS)(nil)

// config gives the settings for the region that a destination is in; for a bus that is only named, for that of the environment.
func (p *AWS) config(ctx context.Context, destination string) (aws.Config, error) {
	region := ""
	if a, err := awsarn.Parse(destination); err == nil {
		region = a.Region
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if cfg, known := p.configs[region]; known {
		return cfg, nil
	}
	cfg, err := cloud.Load(ctx, region)
	if err != nil {
		return cfg, err
	}
	if cfg.Region == "" {
		return cfg, fault.New(fault.Validation, fault.AddressUnknown, "Set AWS_REGION, or give the bus by its ARN.", "no AWS region is set")
	}
	if p.configs == nil {
		p.configs = map[string]aws.Config{}
	}
	p.configs[region] = cfg
	return cfg, nil
}

// Publish implements channel.Publisher.
func (p *AWS) Publish(ctx context.Context, kind, destination string, m channel.Message) (answer string, err error) {
	cfg, err := p.config(ctx, destination)
	if err != nil {
		return "", err
	}
	if kind == channel.SNS {
		return publish(ctx, sns.NewFromConfig(cfg), destination, m)
	}
	return put(ctx, eventbridge.NewFromConfig(cfg), destination, m)
}

// Look implements channel.Publisher. Of a topic nothing has to be known: it refuses what is published where there is none.
func (p *AWS) Look(ctx context.Context, kind, destination string) error {
	if kind != channel.EventBridge {
		return nil
	}
	cfg, err := p.config(ctx, destination)
	if err != nil {
		return err
	}
	_, err = eventbridge.NewFromConfig(cfg).DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: aws.String(destination)})
	var api smithy.APIError
	if errors.As(err, &api) && strings.Contains(api.ErrorCode(), "AccessDenied") { // a bus of another account, which may be told all the same
		return nil
	}
	return explain(err, channel.EventBridge)
}

// publish sends a message to a topic.
func publish(ctx context.Context, client *sns.Client, arn string, m channel.Message) (string, error) {
	in := &sns.PublishInput{TopicArn: aws.String(arn), Subject: aws.String(subject(m.Title)), Message: aws.String(plain(strings.ToValidUTF8(m.Text[:min(len(m.Text), maxMessage)], ""))),
		MessageAttributes: map[string]topic.MessageAttributeValue{}}
	for name, value := range map[string]string{"event": m.Kind, "source": m.Source, "severity": m.Severity} {
		if value != "" {
			in.MessageAttributes[name] = topic.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(plain(value))}
		}
	}
	if strings.HasSuffix(arn, ".fifo") {
		in.MessageGroupId, in.MessageDeduplicationId = aws.String("cofre"), aws.String(m.ID)
	}
	out, err := client.Publish(ctx, in)
	if err != nil {
		return "", explain(err, channel.SNS)
	}
	return "SNS took it as message " + aws.ToString(out.MessageId), nil
}

// plain is a text of the characters that a queue behind a topic takes, which are those of XML: the name of a database may hold others, and must not keep a
// message from people.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return r
		case r < ' ', r == 0xfffe, r == 0xffff:
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// escaped writes what plain replaces as JSON may have it.
var escaped = strings.NewReplacer("\ufffe", `\ufffe`, "\uffff", `\uffff`)

// subject is a title as SNS takes it: ASCII of one line, without accents.
func subject(title string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r): // an accent, taken off its letter
			return -1
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, norm.NFKD.String(title))
	if len(s) > maxSubject {
		s = s[:maxSubject-3] + "..."
	}
	return s
}

// put sends a message to a bus.
func put(ctx context.Context, client *eventbridge.Client, name string, m channel.Message) (string, error) {
	detail := escaped.Replace(string(m.JSON))
	if len(detail) > maxMessage {
		return "", fault.New(fault.Validation, fault.MessageRefused, "Look at the event by the list of events.", "the event has %d bytes, and EventBridge takes %d", len(detail), maxMessage)
	}
	out, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []bus.PutEventsRequestEntry{{
		EventBusName: aws.String(name), Source: aws.String("cofre"), DetailType: aws.String(m.Kind), Detail: aws.String(detail), Time: aws.Time(m.At),
	}}})
	if err != nil {
		return "", explain(err, channel.EventBridge)
	}
	if len(out.Entries) != 1 {
		return "", failed(nil, "EventBridge answered for %d events, and one was put", len(out.Entries))
	}
	if e := out.Entries[0]; out.FailedEntryCount != 0 || e.ErrorCode != nil || e.EventId == nil {
		return "", explain(&smithy.GenericAPIError{Code: aws.ToString(e.ErrorCode), Message: aws.ToString(e.ErrorMessage)}, channel.EventBridge)
	}
	return "EventBridge took it as event " + aws.ToString(out.Entries[0].EventId), nil
}

// failed is the error of what is tried again.
func failed(err error, format string, args ...any) *fault.Error {
	f := fault.Wrap(err, fault.FileSystem, fault.ChannelFailed, "Look whether it is still there, and whether AWS has a disturbance.", format, args...)
	f.Transient = true
	return f
}

// service says what a kind is called, what is told there, and by which right.
var service = map[string]struct{ name, what, right string }{
	channel.SNS:         {"SNS", "topic", "sns:Publish"},
	channel.EventBridge: {"EventBridge", "bus", "events:PutEvents"},
}

// explain says why a service did not do what it was asked; nil where it did.
func explain(err error, kind string) error {
	if err == nil {
		return nil
	}
	of := service[kind]
	var api smithy.APIError
	var unsigned *v4.SigningError
	if errors.As(err, &unsigned) || strings.Contains(err.Error(), "get credentials: ") { // somebody else may have them
		return fault.Wrap(err, fault.Permission, fault.AddressUnknown, "Give this process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.", "there are no credentials for Amazon %s here", of.name)
	}
	if !errors.As(err, &api) {
		f := failed(err, "Amazon %s cannot be reached", of.name)
		f.Hint = "A function in a VPC needs a way to Amazon " + of.name + ": an interface endpoint, or a NAT gateway."
		return f
	}
	code := api.ErrorCode()
	is := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(code, p) {
				return true
			}
		}
		return false
	}
	f := failed(err, "Amazon %s did not take it (%s)", of.name, fault.Shorten(code, 80))
	switch {
	case is("KMS"):
		f.Message, f.Hint = fmt.Sprintf("the key that the %s is encrypted with may not be used", of.what), "Grant kms:GenerateDataKey and kms:Decrypt on it to whoever tells people."
	case is("AuthorizationError", "AccessDenied", "NotAuthorized", "UnrecognizedClient", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignature", "ExpiredToken", "IncompleteSignature", "MissingAuthenticationToken"):
		f.Message, f.Hint = fmt.Sprintf("the right %s is missing on the %s", of.right, of.what), "Grant it to whoever tells people; on AWS the stack's parameters AlertTopicArn and AlertBusArn do."
	case is("NotFound"):
		f.Message, f.Hint = fmt.Sprintf("there is no such %s", of.what), "Make it, or correct its ARN."
	case is("InvalidParameter", "Validation", "MalformedDetail", "InvalidArgument", "EntrySize"):
		return fault.Wrap(err, fault.Validation, fault.MessageRefused, "Look at what the receiver says of the message.", "Amazon %s refused a message (%s)", of.name, fault.Shorten(code, 80))
	}
	return f
}
