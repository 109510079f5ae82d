package channel

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/event"
	"cofre/pkg/fault"
)

// message is what a webhook gets.
type message struct {
	event.Event
	Title string `json:"title"`
	Text  string `json:"text"`
	Place string `json:"place,omitempty"` // the backup directory
}

// request makes the request that tells an event.
func (c *Channel) request(ctx context.Context, where, key string, e event.Event) (*http.Request, error) {
	var body any
	text := e.Say(c.Language, c.Zone)
	head, rest := c.head(e, text), strings.Join(c.lines(text), "\n")
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"cofre"}}
	switch c.Kind {
	case Webhook:
		body = message{e, text.Title, text.String(), c.Place}
	case Slack:
		body = map[string]any{"text": "*" + escapeSlack(head) + "*\n" + escapeSlack(rest)}
	case Discord:
		body = map[string]any{"content": cut("**"+escapeMarkdown(head)+"**\n"+escapeMarkdown(rest), 2000), "allowed_mentions": map[string]any{"parse": []string{}}}
	case Telegram:
		if !strings.Contains(where, "://") {
			where = "https://api.telegram.org/bot" + where
		}
		where += "/sendMessage"
		body = map[string]any{"chat_id": c.Chat, "text": cut(head+"\n"+rest, 4000), "link_preview_options": map[string]any{"is_disabled": true}}
	case Teams:
		body = card(head, rest)
	case Ntfy:
		header = http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "User-Agent": {"cofre"}, "Title": {mime.BEncoding.Encode("utf-8", head)},
			"Priority": {map[event.Severity]string{event.Info: "2", event.Warning: "3", event.Critical: "5"}[e.Severity]}}
	default:
		return nil, fault.New(fault.Internal, "", "", "%q is no kind of channel", c.Kind)
	}
	u, err := c.address(where, "https", "http")
	if err != nil {
		return nil, err
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
		u.User = nil
	}
	data := []byte(rest)
	if c.Kind != Ntfy {
		if data, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode a message: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(data))
	if err != nil {
		return nil, c.failed("its address is not usable")
	}
	req.Header = header
	if c.Kind == Webhook {
		at := strconv.FormatInt(c.Now().Unix(), 10)
		req.Header.Set("Webhook-Id", e.ID)
		req.Header.Set("Webhook-Timestamp", at)
		if key != "" {
			signature, err := sign(key, e.ID, at, data)
			if err != nil {
				return nil, fault.New(fault.Validation, fault.InvalidInput, "Make one with: echo whsec_$(openssl rand -base64 32)", "channel %s: its key is not usable: %v", c.Config.Name, err)
			}
			req.Header.Set("Webhook-Signature", signature)
		}
	}
	return req, nil
}

// sign is the signature of Standard Webhooks.
func sign(key, id, at string, body []byte) (string, error) {
	secret := []byte(key)
	if coded, ok := strings.CutPrefix(key, "whsec_"); ok {
		var err error
		if secret, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return "", fmt.Errorf("behind whsec_ stands no base64")
		}
	}
	if len(secret) < 16 {
		return "", fmt.Errorf("it is shorter than 16 bytes")
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// CheckKey refuses a key that signs nothing. It never repeats it.
func CheckKey(key string) error {
	if _, err := sign(key, "", "", nil); err != nil {
		return fault.New(fault.Validation, fault.InvalidInput, "Make one with: echo whsec_$(openssl rand -base64 32)", "key: %s", err.Error())
	}
	return nil
}

// signs are what people see first.
var signs = map[event.Severity]string{event.Info: "🟢", event.Warning: "🟡", event.Critical: "🔴"}

// head is the first line of a message.
func (c *Channel) head(e event.Event, t event.Text) string {
	return signs[e.Severity] + " " + oneLine(t.Title)
}

// lines are the others.
func (c *Channel) lines(t event.Text) []string {
	lines := append([]string{}, t.Lines...)
	if c.Place != "" {
		lines = append(lines, c.Place)
	}
	return lines
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// escapeSlack keeps a text from naming channels and people (api.slack.com/reference/surfaces/formatting). Mattermost and Rocket.Chat know them by
// an @ at the begin of a word: an invisible mark behind it makes it none.
func escapeSlack(s string) string {
	s = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
	var b strings.Builder
	before := ' '
	for _, r := range s {
		b.WriteRune(r)
		if r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			b.WriteRune('\u2060')
		}
		before = r
	}
	return b.String()
}

// escapeMarkdown keeps a text as it is where Markdown is shown.
func escapeMarkdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "~", `\~`, "|", `\|`, "[", `\[`, "]", `\]`, "<", `\<`, "#", `\#`).Replace(s)
}

// cut shortens a text to so many characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// card is a message of Teams's workflows: an Adaptive Card in its envelope.
func card(head, rest string) any {
	block := func(text string, bold bool) map[string]any {
		b := map[string]any{"type": "TextBlock", "text": escapeMarkdown(text), "wrap": true}
		if bold {
			b["weight"], b["size"] = "Bolder", "Medium"
		}
		return b
	}
	blocks := []any{block(head, true)}
	for _, l := range strings.Split(rest, "\n") {
		if l != "" {
			blocks = append(blocks, block(l, false))
		}
	}
	return map[string]any{"type": "message", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil,
		"content": map[string]any{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": blocks},
	}}}
}
