package channel

import (
	"net/mail"
	"slices"
	"strings"

	"cofre/pkg/address"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/source"
)

// Settings are what is wanted of one channel, in the words of cofre.yaml, alike in the file and in the bucket.
type Settings struct {
	Name  string            `json:"name"`
	Kind  string            `json:"kind"`
	Where source.Connection `json:"where,omitzero"`  // its address, which is a secret; sns and eventbridge have none
	Key   source.Connection `json:"key,omitzero"`    // of webhook: signs messages; nothing where it is left out
	Chat  string            `json:"chat,omitempty"`  // of telegram
	From  string            `json:"from,omitempty"`  // of email
	To    []string          `json:"to,omitempty"`    // of email
	Topic string            `json:"topic,omitempty"` // of sns: its ARN
	Bus   string            `json:"bus,omitempty"`   // of eventbridge: its ARN, or its name in the account and region of the environment

	Events   []string `json:"events,omitempty"`   // none: all
	Sources  []string `json:"sources,omitempty"`  // names and patterns; none: all
	Severity string   `json:"severity,omitempty"` // the least; "" is warning
	Language string   `json:"language,omitempty"` // "" is the environment's
	Digest   string   `json:"digest,omitempty"`   // daily or weekly; "" is none
	// AllowLocal lets it lead to loopback and link-local addresses, and go without TLS. Only the file says so.
	AllowLocal bool          `json:"allowLocal,omitempty"`
	Origin     source.Origin `json:"-"`
}

// Published tells whether it is one of AWS's: it has no address, and is told with the credentials of whoever runs cofre.
func (s Settings) Published() bool { return published(s.Kind) }

func published(kind string) bool { return kind == SNS || kind == EventBridge }

// Destination is the topic or the bus; "" of other kinds.
func (s Settings) Destination() string { return s.Topic + s.Bus }

// Check says what does not fit together, which a schema cannot; nothing where all does. led tells that there is an address, signed that there is a key.
func (s Settings) Check(led, signed bool) (all []string) {
	for _, c := range []struct {
		wrong bool
		what  string
	}{
		{s.Published() && led, "where is not for sns and eventbridge: they are told with the credentials that cofre runs with"},
		{!s.Published() && !led, s.Kind + " needs where, which says where its address is to be had"},
		{s.Kind == SNS && !topics().MatchString(s.Topic), "sns needs a topic, such as \"arn:aws:sns:eu-west-1:123456789012:alerts\""},
		{s.Kind != SNS && s.Topic != "", "topic is for sns alone"},
		{s.Kind == EventBridge && !buses().MatchString(s.Bus), "eventbridge needs a bus, such as \"arn:aws:events:eu-west-1:123456789012:event-bus/alerts\""},
		{s.Kind != EventBridge && s.Bus != "", "bus is for eventbridge alone"},
		{s.Published() && s.AllowLocal, "allowLocal is not for sns and eventbridge, which have no address"},
		{s.Kind == Telegram && s.Chat == "", "telegram needs a chat, such as \"-1001234567890\""},
		{s.Kind != Telegram && s.Chat != "", "chat is for telegram alone"},
		{s.Kind == Email && (s.From == "" || len(s.To) == 0), "email needs from and to"},
		{s.Kind != Email && (s.From != "" || len(s.To) > 0), "from and to are for email alone"},
		{s.Kind != Webhook && signed, "key is for webhook alone"},
	} {
		if c.wrong {
			all = append(all, c.what)
		}
	}
	for _, to := range append(s.To[:len(s.To):len(s.To)], s.From) {
		if a, err := mail.ParseAddress(to); to != "" && (err != nil || a.Address != to) {
			all = append(all, "\""+fault.Shorten(to, 80)+"\" is no e-mail address, such as ana@example.com")
		}
	}
	return all
}

var (
	chats  = lazyregexp.New(`^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$`)
	topics = lazyregexp.New(`^arn:aws[a-z-]{0,20}:sns:[a-z0-9-]{1,63}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)
	buses  = lazyregexp.New(`^(` + busARN + `)?[A-Za-z0-9/._-]{1,256}$`)
)

const busARN = `arn:aws[a-z-]{0,20}:events:[a-z0-9-]{1,63}:[0-9]{12}:event-bus/`

// IsARN tells whether a text is the ARN of a topic or of a bus.
func IsARN(text string) bool {
	return strings.HasPrefix(text, "arn:") && (topics().MatchString(text) || buses().MatchString(text))
}

// CheckKept refuses what may not stand in the bucket, and what a schema would refuse of a file. named are the ARNs of topics and buses that whoever runs
// cofre has named: with its credentials, nobody else has it publish to others.
func (s Settings) CheckKept(led, signed bool, named []string) error {
	bad := func(hint, text string) error {
		return fault.New(fault.Validation, fault.InvalidInput, hint, "%s", text)
	}
	if err := source.CheckKeptName("channel", s.Name); err != nil {
		return err
	}
	for what, c := range map[string]source.Connection{"where": s.Where, "key": s.Key} {
		if err := c.CheckKept(what); err != nil {
			return err
		}
	}
	for _, k := range s.Events {
		if !slices.Contains(event.Kinds(), event.Kind(k)) {
			return bad("See docs/operating.md for what there is.", "events: there is no event \""+fault.Shorten(k, 40)+"\"")
		}
	}
	one := func(v string, of ...string) bool { return v == "" || slices.Contains(of, v) }
	long := func(list []string, n, most int) bool {
		return len(list) > n || slices.ContainsFunc(list, func(v string) bool { return v == "" || len(v) > most })
	}
	switch {
	case !slices.Contains(Kinds(), s.Kind):
		return bad("There are: "+strings.Join(Kinds(), ", ")+".", "kind: it is none that there is")
	case s.AllowLocal:
		return bad("Name the channel in cofre.yaml, on the machine that it is of.", "allowLocal: only the file lets a channel lead to this machine")
	case !one(s.Severity, string(event.Info), string(event.Warning), string(event.Critical)):
		return bad("Use info, warning or critical.", "severity: it is none that there is")
	case !one(s.Language, string(event.English), string(event.Portuguese)):
		return bad("Use en or pt-BR.", "language: it is none that there is")
	case !one(s.Digest, event.Daily, event.Weekly):
		return bad("Use daily or weekly.", "digest: it is none that there is")
	case s.Chat != "" && !chats().MatchString(s.Chat):
		return bad("Use the id of the chat, or @ and the name of a channel.", "chat: it is none")
	case long(s.To, 50, 254) || len(s.From) > 254 || long(s.Sources, 1000, 63) || len(s.Events) > 50:
		return bad("Use at most 50 addresses, 50 events and 1000 sources.", "it says too much")
	}
	if all := s.Check(led, signed); len(all) > 0 {
		return bad("See docs/operating.md for what may stand there.", all[0])
	}
	return s.CheckNamed(named)
}

// CheckNamed refuses a topic or a bus that is none of these.
func (s Settings) CheckNamed(named []string) error {
	if !s.Published() || slices.Contains(named, s.Destination()) {
		return nil
	}
	hint := "Whoever runs cofre names it in BACKUP_CHANNEL_ARNS; on AWS by the stack's parameters AlertTopicArn and AlertBusArn."
	var fit []string
	for _, arn := range named {
		if topics().MatchString(arn) == (s.Kind == SNS) {
			fit = append(fit, arn)
		}
	}
	if len(fit) > 0 {
		hint = "There are: " + strings.Join(fit, ", ") + "."
	}
	key := "topic"
	if s.Kind == EventBridge {
		key = "bus"
	}
	return fault.New(fault.Validation, fault.PlaceForbidden, hint, "%s: it is none that this installation may be told to publish to", key)
}

// Kinds are the kinds of channels.
func Kinds() []string {
	return []string{Webhook, Slack, Discord, Telegram, Teams, Ntfy, Email, SNS, EventBridge}
}

// CheckAddress refuses the address of a channel that may not lead to this machine, as far as the address itself says where it leads. It never repeats it.
func CheckAddress(kind, where string) error {
	c := New(Config{Name: "to be kept", Kind: kind})
	if kind == Telegram && !strings.Contains(where, "://") {
		if strings.ContainsAny(where, "/?#@ ") {
			return fault.New(fault.Validation, fault.InvalidInput, "Use the token that @BotFather gave.", "where: it is no token of a bot")
		}
		return nil
	}
	schemes := []string{"https", "http"}
	if kind == Email {
		schemes = []string{"smtps", "smtp"}
	}
	u, err := c.address(where, schemes...)
	if err != nil {
		return err
	}
	if address.Named(u.Hostname()) {
		return c.unreachable(errLocal)
	}
	if kind == Email && u.Query().Get("tls") == "none" {
		return fault.New(fault.Validation, fault.InvalidInput, "Use smtps://, or smtp:// with a server that has STARTTLS.", "where: mail without TLS goes only to a relay that cofre.yaml names")
	}
	return nil
}
