package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	bus "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// MessagingServer is moto's SNS, EventBridge and SQS: what is published to a topic or a bus is delivered to queues, by the filters of subscriptions and the
// patterns of rules. Rights are not asked for.
type MessagingServer struct{ store *StoreServer }

// Messaging returns the one that the tests of this process share.
func Messaging(tb testing.TB) MessagingServer {
	tb.Helper()
	return MessagingServer{Store(tb, "moto")}
}

// Env is the environment with which the AWS SDK finds it.
func (s MessagingServer) Env() []string {
	return append(s.store.Env(), "AWS_ENDPOINT_URL_SNS="+s.store.Endpoint, "AWS_ENDPOINT_URL_EVENTBRIDGE="+s.store.Endpoint)
}

func (s MessagingServer) credentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(s.store.AccessKey, s.store.SecretKey, "")
}

func within(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

// Queue is a queue of SQS.
type Queue struct {
	ARN, url string
	server   MessagingServer
}

// NewQueue makes a queue; one that keeps an order has a name that ends with .fifo.
func (s MessagingServer) NewQueue(tb testing.TB, name string) Queue {
	tb.Helper()
	var out struct{ QueueUrl string }
	attributes := map[string]string{}
	if strings.HasSuffix(name, ".fifo") {
		attributes["FifoQueue"] = "true"
	}
	s.sqs(tb, "CreateQueue", map[string]any{"QueueName": name, "Attributes": attributes}, &out)
	return Queue{"arn:aws:sqs:" + Region + ":123456789012:" + name, out.QueueUrl, s}
}

// sqs asks SQS for something.
func (s MessagingServer) sqs(tb testing.TB, operation string, in, out any) {
	tb.Helper()
	ctx := within(tb)
	body, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.store.Endpoint+"/", bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	keys, err := s.credentials().Retrieve(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), "sqs", Region, time.Now()); err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatalf("SQS %s: %s %s %v", operation, resp.Status, answer, err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		tb.Fatalf("SQS %s: %s: %v", operation, answer, err)
	}
}

// Receive takes what is in the queue, at most ten messages.
func (q Queue) Receive(tb testing.TB) (bodies []string) {
	tb.Helper()
	var out struct {
		Messages []struct{ Body, ReceiptHandle string }
	}
	q.server.sqs(tb, "ReceiveMessage", map[string]any{"QueueUrl": q.url, "MaxNumberOfMessages": 10}, &out)
	for _, m := range out.Messages {
		bodies = append(bodies, m.Body)
	}
	return bodies
}

// NewTopic makes a topic that delivers to a queue what its filter, a policy of SNS in JSON, lets through; "" is everything. It returns its ARN.
func (s MessagingServer) NewTopic(tb testing.TB, name string, to Queue, filter string) (arn string) {
	tb.Helper()
	client := sns.New(sns.Options{Region: Region, BaseEndpoint: aws.String(s.store.Endpoint), Credentials: s.credentials()})
	in := &sns.CreateTopicInput{Name: aws.String(name)}
	if strings.HasSuffix(name, ".fifo") {
		in.Attributes = map[string]string{"FifoTopic": "true"}
	}
	out, err := client.CreateTopic(within(tb), in)
	if err != nil {
		tb.Fatalf("make a topic: %v", err)
	}
	subscription := &sns.SubscribeInput{TopicArn: out.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(to.ARN)}
	if filter != "" {
		subscription.Attributes = map[string]string{"FilterPolicy": filter}
	}
	if _, err := client.Subscribe(within(tb), subscription); err != nil {
		tb.Fatalf("subscribe a queue: %v", err)
	}
	return aws.ToString(out.TopicArn)
}

// NewBus makes a bus with a rule of this pattern that delivers to a queue, and returns its ARN.
func (s MessagingServer) NewBus(tb testing.TB, name string, to Queue, pattern string) (arn string) {
	tb.Helper()
	client := eventbridge.New(eventbridge.Options{Region: Region, BaseEndpoint: aws.String(s.store.Endpoint), Credentials: s.credentials()})
	out, err := client.CreateEventBus(within(tb), &eventbridge.CreateEventBusInput{Name: aws.String(name)})
	if err == nil {
		_, err = client.PutRule(within(tb), &eventbridge.PutRuleInput{EventBusName: aws.String(name), Name: aws.String("queue"), EventPattern: aws.String(pattern), State: bus.RuleStateEnabled})
	}
	if err == nil {
		_, err = client.PutTargets(within(tb), &eventbridge.PutTargetsInput{EventBusName: aws.String(name), Rule: aws.String("queue"), Targets: []bus.Target{{Id: aws.String("queue"), Arn: aws.String(to.ARN)}}})
	}
	if err != nil {
		tb.Fatalf("make a bus: %v", err)
	}
	return aws.ToString(out.EventBusArn)
}
