package publish

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"cofre/internal/testenv"
	"cofre/pkg/channel"
	"cofre/pkg/event"
	"cofre/pkg/fault"
)

func TestMain(m *testing.M) { os.Exit(testenv.Runner{M: m}.Run()) }

// real points the SDK at moto.
func real(t *testing.T) testenv.MessagingServer {
	t.Helper()
	s := testenv.Messaging(t)
	setenv(t, s.Env()...)
	return s
}

func setenv(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
}

// team is a channel.
func team(kind, destination string) *channel.Channel {
	return channel.New(channel.Config{Name: "team", Kind: kind, Destination: destination, Publisher: new(AWS), Language: event.Portuguese, Place: "s3://b/p"})
}

func failing(source string) event.Event {
	return event.Event{Kind: event.BackupFailed, Source: source, Severity: event.Critical, Day: 2, Since: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), Detail: "no route\nto host"}.
		Ready(time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC))
}

// notification is what a topic delivers.
type notification struct {
	Subject, Message  string
	MessageAttributes map[string]struct{ Type, Value string }
}

// A topic gets the text in the channel's language, a subject that SNS takes, and attributes by which a subscription filters.
func TestTopic(t *testing.T) {
	s := real(t)
	q := s.NewQueue(t, "topic")
	c := team(channel.SNS, s.NewTopic(t, "alerts", q, `{"severity": ["critical"], "event": ["backup_failed"], "source": [{"prefix": "São"}]}`))
	if answer, err := c.Send(t.Context(), failing("São João")); err != nil || !strings.Contains(answer, "SNS took it as message ") {
		t.Fatalf("%q, %v", answer, err)
	}
	other := failing("")
	other.Kind, other.Severity = event.CleanupOdd, event.Warning
	if _, err := c.Send(t.Context(), other); err != nil { // without a source there is no such attribute
		t.Fatal(err)
	}
	got := q.Receive(t)
	if len(got) != 1 {
		t.Fatalf("the filter let through %q", got)
	}
	var n notification
	if err := json.Unmarshal([]byte(got[0]), &n); err != nil {
		t.Fatal(err)
	}
	if n.Subject != "[cofre] Sao Joao: continua falhando, dia 2" || !strings.HasPrefix(n.Message, "São João: continua falhando, dia 2\nno route to host\n") || !strings.HasSuffix(n.Message, "\ns3://b/p") {
		t.Errorf("%+v", n)
	}
	if a := n.MessageAttributes; len(a) != 3 || a["source"].Value != "São João" || a["event"].Type != "String" {
		t.Errorf("attributes %v", a)
	}
}

// A topic that keeps an order takes an event once, whoever sends it again.
func TestTopicInOrder(t *testing.T) {
	s := real(t)
	q := s.NewQueue(t, "order.fifo")
	c := team(channel.SNS, s.NewTopic(t, "order.fifo", q, ""))
	e := failing("shop")
	for range 2 {
		if _, err := c.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if got := q.Receive(t); len(got) != 1 {
		t.Errorf("%d messages: %q", len(got), got)
	}
}

// The name of a database may hold characters that queues behind topics and buses refuse: people are told all the same.
func TestOddNames(t *testing.T) {
	s := real(t)
	e := failing("a\ufffe\uffffb\U0001f980")
	q := s.NewQueue(t, "odd")
	if _, err := team(channel.SNS, s.NewTopic(t, "odd", q, "")).Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var n notification
	if got := q.Receive(t); len(got) != 1 || json.Unmarshal([]byte(got[0]), &n) != nil || !strings.HasPrefix(n.Message, "a\ufffd\ufffdb\U0001f980: ") || n.MessageAttributes["source"].Value != "a\ufffd\ufffdb\U0001f980" {
		t.Errorf("%q", got)
	}
	q = s.NewQueue(t, "odd-bus")
	if _, err := team(channel.EventBridge, s.NewBus(t, "odd", q, `{"source": ["cofre"]}`)).Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	var in struct{ Detail struct{ Source string } }
	if got := q.Receive(t); len(got) != 1 || strings.ContainsAny(got[0], "\ufffe\uffff") || json.Unmarshal([]byte(got[0]), &in) != nil || in.Detail.Source != e.Source {
		t.Errorf("%q", got)
	}
}

func TestSubjects(t *testing.T) {
	for title, want := range map[string]string{
		"[cofre] loja": "[cofre] loja", "[cofre] não há açúcar": "[cofre] nao ha acucar", "a\tb\u00a0c–🔴": "a?b c??", strings.Repeat("x", 101): strings.Repeat("x", 97) + "...", strings.Repeat("é", 100): strings.Repeat("e", 100),
	} {
		if got := subject(title); got != want {
			t.Errorf("%q is %q, want %q", title, got, want)
		}
	}
}

// A bus gets what a webhook gets, as an event that rules match by source, kind and whatever is in it.
func TestBus(t *testing.T) {
	s := real(t)
	q := s.NewQueue(t, "bus")
	arn := s.NewBus(t, "alerts", q, `{"source": ["cofre"], "detail-type": ["backup_failed"], "detail": {"severity": ["critical"]}}`)
	e := failing("shop")
	for _, destination := range []string{arn, "alerts"} {
		if answer, err := team(channel.EventBridge, destination).Send(t.Context(), e); err != nil || !strings.Contains(answer, "EventBridge took it as event ") {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	got := q.Receive(t)
	if len(got) != 2 {
		t.Fatalf("the rule delivered %q", got)
	}
	var in struct {
		Source string
		Type   string `json:"detail-type"`
		Detail struct {
			ID, Title, Place string
			Day              int
		}
	}
	if err := json.Unmarshal([]byte(got[0]), &in); err != nil || in.Source != "cofre" || in.Type != "backup_failed" || in.Detail.ID != e.ID || in.Detail.Day != 2 || in.Detail.Place != "s3://b/p" || !strings.Contains(in.Detail.Title, "dia 2") {
		t.Errorf("%+v, %v", in, err)
	}
}

// What is not there is found out: a topic refuses, a bus is looked for by a test, and by whoever asks whether people can be told.
func TestNothingThere(t *testing.T) {
	real(t)
	const account = ":us-east-1:123456789012:"
	test := event.Event{Kind: event.Test}.Ready(time.Now())
	for kind, arn := range map[string]string{channel.SNS: "arn:aws:sns" + account + "gone", channel.EventBridge: "arn:aws:events" + account + "event-bus/gone"} {
		_, err := team(kind, arn).Send(t.Context(), test)
		if f := fault.From(err); !fault.HasReason(err, fault.ChannelFailed) || !f.Transient || !strings.HasPrefix(f.Message, "channel team: there is no such ") || f.Hint == "" {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := team(channel.EventBridge, "arn:aws:events"+account+"event-bus/gone").Readable(t.Context()); !fault.HasReason(err, fault.ChannelFailed) {
		t.Errorf("nobody is missed: %v", err)
	}
}

// answering points the SDK at services that answer with one thing: what moto cannot do.
func answering(t *testing.T, status int, contentType, body string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	setenv(t, "AWS_ENDPOINT_URL_SNS="+server.URL, "AWS_ENDPOINT_URL_EVENTBRIDGE="+server.URL, "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_MAX_ATTEMPTS=1")
}

// What was not taken is no success, and says what it takes. What may pass is tried again; a message that is refused is not.
func TestRefusals(t *testing.T) {
	const (
		topicARN = "arn:aws:sns:eu-west-1:123456789012:alerts"
		busARN   = "arn:aws:events:eu-west-1:123456789012:event-bus/alerts"
	)
	xml := func(code string) string {
		return `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>` + code + `</Code><Message>User: arn:aws:sts::123456789012:assumed-role/x is not</Message></Error><RequestId>1</RequestId></ErrorResponse>`
	}
	put := func(code string) string {
		return `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"` + code + `","ErrorMessage":"because"}]}`
	}
	for name, c := range map[string]struct {
		kind   string
		status int
		body   string
		reason fault.Reason
		says   string
	}{
		"forbidden topic":      {channel.SNS, 403, xml("AuthorizationError"), fault.ChannelFailed, "the right sns:Publish is missing on the topic"},
		"key":                  {channel.SNS, 400, xml("KMSAccessDenied"), fault.ChannelFailed, "the key that the topic is encrypted with"},
		"bad parameter":        {channel.SNS, 400, xml("InvalidParameter"), fault.MessageRefused, "SNS refused a message"},
		"not now":              {channel.SNS, 400, xml("Throttled"), fault.ChannelFailed, "(Throttled)"},
		"disturbance":          {channel.SNS, 500, "<html>", fault.ChannelFailed, "SNS"},
		"forbidden bus":        {channel.EventBridge, 400, `{"__type":"AccessDeniedException"}`, fault.ChannelFailed, "the right events:PutEvents is missing on the bus"},
		"not taken":            {channel.EventBridge, 200, put("InternalFailure"), fault.ChannelFailed, "(InternalFailure)"},
		"throttled":            {channel.EventBridge, 200, put("ThrottlingException"), fault.ChannelFailed, "(ThrottlingException)"},
		"malformed":            {channel.EventBridge, 200, put("MalformedDetail"), fault.MessageRefused, "EventBridge refused a message"},
		"no answer for it":     {channel.EventBridge, 200, `{"FailedEntryCount":0,"Entries":[]}`, fault.ChannelFailed, "0 events"},
		"an answer of no id":   {channel.EventBridge, 200, `{"FailedEntryCount":0,"Entries":[{}]}`, fault.ChannelFailed, "EventBridge did not take it"},
		"counted and not said": {channel.EventBridge, 200, `{"FailedEntryCount":1,"Entries":[{"EventId":"1"}]}`, fault.ChannelFailed, "EventBridge did not take it"},
		"endless":              {channel.EventBridge, 200, strings.Repeat(" ", 2<<20), fault.ChannelFailed, "EventBridge cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			destination, contentType := topicARN, "text/xml"
			if c.kind == channel.EventBridge {
				destination, contentType = busARN, "application/x-amz-json-1.1"
			}
			answering(t, c.status, contentType, c.body)
			answer, err := team(c.kind, destination).Send(t.Context(), failing("shop"))
			f := fault.From(err)
			if err == nil || answer != "" || f.Reason != c.reason || !strings.Contains(f.Message, c.says) || f.Transient != (c.reason == fault.ChannelFailed) || f.Hint == "" {
				t.Errorf("%q, %v", answer, err)
			}
		})
	}
}

// Whoever has no credentials leaves the channel to others, and so does who publishes nothing.
func TestLeftToOthers(t *testing.T) {
	setenv(t, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_PROFILE=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=")
	c := team(channel.SNS, "arn:aws:sns:eu-west-1:123456789012:alerts")
	if _, err := c.Send(t.Context(), failing("shop")); !fault.HasReason(err, fault.AddressUnknown) {
		t.Errorf("without credentials: %v", err)
	}
	if _, err := team(channel.EventBridge, "alerts").Send(t.Context(), failing("shop")); !fault.HasReason(err, fault.AddressUnknown) {
		t.Errorf("without a region: %v", err)
	}
	c.Publisher = nil
	if _, err := c.Send(t.Context(), failing("shop")); !fault.HasReason(err, fault.AddressUnknown) {
		t.Errorf("without a publisher: %v", err)
	}
}
