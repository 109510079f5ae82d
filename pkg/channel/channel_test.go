package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"cofre/pkg/event"
	"cofre/pkg/fault"
)

var failing = event.Event{ID: "01KAQ4X1Q0000000000000000A", Kind: event.BackupFailed, Source: "loja <!channel> *x* @all", Severity: event.Critical, Day: 2, Since: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
	Detail: "no route\nto host", Resource: "01KAQ4X1Q00000000000000000"}.Ready(time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC))

const token = "T0KEN-that-nobody-may-see"

func fixed(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

// receiver is a server that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    *http.Request
	body   []byte
	answer func(w http.ResponseWriter)
}

func receive(t *testing.T) *receiver {
	r := &receiver{answer: func(w http.ResponseWriter) { io.WriteString(w, "ok\n") }}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got, r.body = req, body
		answer := r.answer
		r.mu.Unlock()
		answer(w)
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(r.Certificate())
	return &tls.Config{RootCAs: pool}
}

func (r *receiver) channel(kind, path string) *Channel {
	return New(Config{Name: "team", Kind: kind, Where: fixed(r.URL + path), AllowLocal: true, TLS: r.trust(), Language: event.Portuguese, Place: "s3://b/p", Chat: "-100",
		Now: func() time.Time { return time.Unix(1700000000, 0) }})
}

// Each kind gets its own form, and no text from outside calls a channel or formats anything.
func TestKinds(t *testing.T) {
	r := receive(t)
	for kind, check := range map[string]func(t *testing.T, body map[string]any){
		Webhook: func(t *testing.T, b map[string]any) {
			if b["kind"] != "backup_failed" || b["id"] != failing.ID || b["day"] != 2.0 || !strings.Contains(b["title"].(string), "continua falhando, dia 2") || b["place"] != "s3://b/p" || r.got.Header.Get("Webhook-Id") != failing.ID || r.got.Header.Get("Webhook-Signature") != "" {
				t.Errorf("%v %v", b, r.got.Header)
			}
		},
		Slack: func(t *testing.T, b map[string]any) {
			if s := b["text"].(string); !strings.HasPrefix(s, "*🔴 loja &lt;!channel&gt; *x* @\u2060all: continua falhando, dia 2*\nno route to host\n") || !strings.HasSuffix(s, "\ns3://b/p") {
				t.Errorf("%q", s)
			}
		},
		Discord: func(t *testing.T, b map[string]any) {
			if s := b["content"].(string); !strings.Contains(s, `\*x\*`) || strings.Contains(s, " <!") || len(b["allowed_mentions"].(map[string]any)["parse"].([]any)) != 0 {
				t.Errorf("%q %v", s, b)
			}
		},
		Telegram: func(t *testing.T, b map[string]any) {
			if b["chat_id"] != "-100" || !strings.Contains(b["text"].(string), "dia 2") || r.got.URL.Path != "/"+token+"/sendMessage" {
				t.Errorf("%v at %s", b, r.got.URL)
			}
		},
		Teams: func(t *testing.T, b map[string]any) {
			card := b["attachments"].([]any)[0].(map[string]any)["content"].(map[string]any)
			if body := card["body"].([]any); card["type"] != "AdaptiveCard" || len(body) < 4 || !strings.Contains(body[0].(map[string]any)["text"].(string), `\*x\*`) {
				t.Errorf("%v", b)
			}
		},
	} {
		t.Run(kind, func(t *testing.T) {
			answer, err := r.channel(kind, "/"+token).Send(t.Context(), failing)
			if err != nil || answer != "HTTP 200: ok" {
				t.Fatalf("%q %v", answer, err)
			}
			var body map[string]any
			if err := json.Unmarshal(r.body, &body); err != nil || r.got.Method != http.MethodPost || r.got.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s %v", r.body, err)
			}
			check(t, body)
		})
	}
	if _, err := r.channel(Ntfy, "/"+token).Send(t.Context(), failing); err != nil {
		t.Fatal(err)
	}
	if title, err := new(mime.WordDecoder).DecodeHeader(r.got.Header.Get("Title")); err != nil || !strings.Contains(title, "dia 2") || r.got.Header.Get("Priority") != "5" || !strings.HasPrefix(string(r.body), "no route to host\n") {
		t.Errorf("%q %v %s", title, err, r.body)
	}
}

// The example of the documents, and of Standard Webhooks' own tests.
func TestSign(t *testing.T) {
	got, err := sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
	for _, bad := range []string{"few", "whsec_%%%", "whsec_c2hvcnQ="} {
		if _, err := sign(bad, "a", "1", nil); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	r := receive(t)
	c := r.channel(Webhook, "/")
	c.Key = fixed("a key of more than 16 bytes")
	if _, err := c.Send(t.Context(), failing); err != nil {
		t.Fatal(err)
	}
	want, _ := sign("a key of more than 16 bytes", failing.ID, "1700000000", r.body)
	if r.got.Header.Get("Webhook-Signature") != want || r.got.Header.Get("Webhook-Timestamp") != "1700000000" {
		t.Errorf("%v", r.got.Header)
	}
}

// What receivers may do: none of it takes long, tells a secret, or is taken for a success.
func TestReceiversThatFail(t *testing.T) {
	r := receive(t)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		reason fault.Reason
		says   string
		after  time.Duration
	}{
		"an error":     {func(w http.ResponseWriter) { http.Error(w, "no such hook "+token, 404) }, fault.ChannelFailed, "HTTP 404: no such hook ***", 0},
		"not now":      {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "90"); w.WriteHeader(429) }, fault.ChannelFailed, "HTTP 429", 90 * time.Second},
		"not this":     {func(w http.ResponseWriter) { http.Error(w, "invalid_blocks", 400) }, fault.MessageRefused, "invalid_blocks", 0},
		"elsewhere":    {func(w http.ResponseWriter) { w.Header().Set("Location", "http://169.254.169.254/"); w.WriteHeader(307) }, fault.ChannelFailed, "redirected", 0},
		"no answer":    {func(w http.ResponseWriter) { <-hang }, fault.ChannelFailed, "no answer in time", 0},
		"a closed one": {func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, fault.ChannelFailed, "", 0},
		"half of one":  {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); io.WriteString(w, "ok") }, fault.ChannelFailed, "broke off", 0},
		"an odd long text": {func(w http.ResponseWriter) {
			w.WriteHeader(500)
			io.WriteString(w, strings.Repeat("x\x1b[2J\n", 1<<16))
		}, fault.ChannelFailed, "HTTP 500: x", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r.mu.Lock()
			r.answer = c.answer
			r.mu.Unlock()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if name == "no answer" {
				ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			}
			defer cancel()
			answer, err := r.channel(Slack, "/"+token).Send(ctx, failing)
			f := fault.From(err)
			if !fault.HasReason(err, c.reason) || !strings.Contains(f.Message, c.says) || f.RetryAfter != c.after || answer != "" {
				t.Errorf("%q %v", answer, err)
			}
			if s := f.Error() + f.Hint; strings.Contains(s, token) || strings.ContainsAny(s, "\x1b\n") || len(s) > 800 {
				t.Errorf("it says %q", s)
			}
		})
	}
}

// What is secret of an address is in nothing that a receiver said, in whatever form it says it, and no half of it where that is cut.
func TestHide(t *testing.T) {
	for where, said := range map[string][]string{
		"https://hooks.example.com/services/T012/B.34.5/tok.en.123?key=ab.cdefgh#fr.ag.ment": {"B.34.5", "tok.en.123", "ab.cdefgh", "T012", "fr.ag.ment"},
		"https://usr:p%40ss.w0rd@example.com/":                                               {"p@ss.w0rd", "p%40ss.w0rd", "dXNyOnBAc3MudzByZA==", "AHVzcgBwQHNzLncwcmQ=", "cEBzcy53MHJk"},
		"https://usr:abc@example.com/hook?to=a%2Fb%3Dc":                                      {":abc ", "a/b=c", "a%2Fb%3Dc", "dXNyOmFiYw=="},
		"123456:AAF-tok.en":                 {"AAF-tok.en", "bot123456"},
		"whsec_c2VjcmV0IHNlY3JldA==":        {"whsec_c2VjcmV0IHNlY3JldA=="},
		"smtp://u%zz:pass.word@example.com": {"pass.word"},
	} {
		s := secretsOf(where)
		for _, secret := range said {
			for _, before := range []int{0, 100, 180, maxSaid - 5, maxSaid - len(secret)} {
				for _, behind := range []int{0, 30, maxAnswer} {
					got := s.quote(strings.Repeat("x", before) + secret + strings.Repeat("y", behind))
					for n := len(secret); n >= leastPart; n-- {
						if strings.Contains(got, secret[:n]) || strings.Contains(got, secret[len(secret)-n:]) {
							t.Fatalf("%s: of %q it shows %q", where, secret, got)
						}
					}
				}
			}
		}
		if got := s.hide("the host example.com is not known"); !strings.HasPrefix(where, "123") && strings.Contains(where, "//") && !strings.Contains(where, "%zz") && got != "the host example.com is not known" {
			t.Errorf("%s: %q", where, got)
		}
	}
	// Our own words stay, whatever a path is called.
	if err := secretsOf("https://example.com/team/T012-long-token").hidden(fault.New(fault.FileSystem, "", "", "channel team: T012-long-token")); err.Error() != "channel team: ***" {
		t.Errorf("%v", err)
	}
	if got := secretsOf("https://example.com/a/b").quote("a b c"); got != "a b c" {
		t.Errorf("%q", got)
	}
}

// A mail server that never ends what it says, in one line or in many, takes no memory and no time.
func TestMailServerThatTalks(t *testing.T) {
	for name, says := range map[string]string{"one line": strings.Repeat("a", 1<<16), "many lines": strings.Repeat("220-hello\r\n", 1<<12)} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		sent := make(chan int, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(10 * time.Second))
			n, _ := io.WriteString(c, "220 ")
			for more := 0; err == nil && n < 64<<20; n += more {
				more, err = io.WriteString(c, says)
			}
			sent <- n
		}()
		_, err = New(Config{Name: "mail", Kind: Email, Where: fixed("smtp://" + l.Addr().String() + "?tls=none"), From: "a@example.com", To: []string{"b@example.com"}, AllowLocal: true}).Send(t.Context(), failing)
		if !fault.HasReason(err, fault.ChannelFailed) || len(err.Error()) > 500 {
			t.Errorf("%s: %v", name, err)
		}
		if n := <-sent; n >= 64<<20 {
			t.Errorf("%s: it took %d bytes", name, n)
		}
	}
}

// No line of a letter's head is longer than mail servers take (RFC 5322: 998 bytes), whatever names are in it.
func TestLongHead(t *testing.T) {
	c := New(Config{Kind: Email, From: "cofre@example.com", Language: event.Portuguese})
	for range 50 {
		c.To = append(c.To, strings.Repeat("a", 60)+"@"+strings.Repeat("b", 60)+".example.com")
	}
	e := failing
	e.Source = strings.Repeat("🦆", 200)
	head, _, _ := strings.Cut(string(c.letter(e)), "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if len(line) > 200 {
			t.Errorf("%d bytes: %.80s", len(line), line)
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(string(c.letter(e))))
	if err != nil {
		t.Fatal(err)
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 50 {
		t.Errorf("%v %v", to, err)
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || !strings.Contains(subject, e.Source[:400]) {
		t.Errorf("%q %v", subject, err)
	}
}

// Where channels may lead: what a name resolves to counts, when the connection is made.
func TestLocalAddresses(t *testing.T) {
	r := receive(t)
	_, port, _ := net.SplitHostPort(r.Listener.Addr().String())
	for _, where := range []string{r.URL, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port, "https://0.0.0.0:" + port, "https://2130706433:" + port} {
		c := r.channel(Webhook, "")
		c = New(Config{Name: "x", Kind: Webhook, Where: fixed(where), TLS: c.TLS})
		if _, err := c.Send(t.Context(), failing); err == nil || r.got != nil || !strings.Contains(where, "2130706433") && !fault.HasReason(err, fault.PlaceForbidden) {
			t.Errorf("%s: %v", where, err)
		}
	}
	for where, kind := range map[string]string{"http://203.0.113.9/" + token: Webhook, "file:///etc/passwd": Slack, token: Discord, "smtp://u:" + token + "@203.0.113.9?tls=none": Email, "https://" + token: Email} {
		if _, err := New(Config{Name: "x", Kind: kind, Where: fixed(where)}).Send(t.Context(), failing); err == nil || !fault.HasCode(err, fault.Validation) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", where, err)
		}
	}
	denied := errors.New("no")
	if _, err := New(Config{Name: "x", Kind: Slack, Where: func(context.Context) (string, error) { return "", denied }}).Send(t.Context(), failing); !errors.Is(err, denied) {
		t.Errorf("%v", err)
	}
}

// post is a mail server's memory.
type post struct {
	login string
	from  string
	to    []string
	mail  *mail.Message
	text  string
}

type postSession struct{ p *post }

func (s *postSession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *postSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != token {
			return &smtp.SMTPError{Code: 535, Message: "no, not with " + password}
		}
		s.p.login = user
		return nil
	}), nil
}
func (s *postSession) Mail(from string, _ *smtp.MailOptions) error { s.p.from = from; return nil }
func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody") {
		return &smtp.SMTPError{Code: 550, Message: "no such user"}
	}
	s.p.to = append(s.p.to, to)
	return nil
}
func (s *postSession) Data(r io.Reader) (err error) {
	if s.p.mail, err = mail.ReadMessage(r); err != nil {
		return err
	}
	body, err := io.ReadAll(s.p.mail.Body)
	s.p.text = string(body)
	return err
}
func (s *postSession) Reset()        {}
func (s *postSession) Logout() error { return nil }

// mailServer is a real one: with TLS from the first byte, with STARTTLS, or with neither.
func mailServer(t *testing.T, p *post, conf *tls.Config, implicit bool) string {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &postSession{p}, nil }))
	s.ErrorLog = quiet{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if implicit {
		l = tls.NewListener(l, conf)
	} else {
		s.TLSConfig = conf
	}
	var work sync.WaitGroup
	work.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); work.Wait() })
	return address
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// E-mail goes out over TLS, or not at all.
func TestMail(t *testing.T) {
	r := receive(t) // for its certificate
	conf := &tls.Config{Certificates: r.TLS.Certificates}
	send := func(where string, to ...string) (string, error) {
		c := New(Config{Name: "mail", Kind: Email, Where: fixed(where), From: "cofre@example.com", To: to, AllowLocal: true, TLS: r.trust(), Language: event.Portuguese, Place: "s3://b/p"})
		return c.Send(t.Context(), failing)
	}
	var p post
	with, implicit, without := mailServer(t, &p, conf, false), mailServer(t, &p, conf, true), mailServer(t, &p, nil, false)
	for _, where := range []string{"smtp://u:" + token + "@" + with, "smtps://u:" + token + "@" + implicit} {
		p = post{}
		answer, err := send(where, "ana@example.com", "bo@example.com")
		if err != nil || !strings.Contains(answer, "ana@example.com, bo@example.com") {
			t.Fatalf("%q %v", answer, err)
		}
		subject, _ := new(mime.WordDecoder).DecodeHeader(p.mail.Header.Get("Subject"))
		if p.login != "u" || p.from != "cofre@example.com" || len(p.to) != 2 || subject != "[cofre] loja <!channel> *x* @all: continua falhando, dia 2" ||
			p.mail.Header.Get("Message-Id") != "<"+failing.ID+"@example.com>" || !strings.Contains(p.text, "no route to host") || !strings.Contains(p.text, "cr=C3=ADtico") {
			t.Errorf("%s, from %s to %v: %q\n%s", p.login, p.from, p.to, subject, p.text)
		}
	}
	for where, c := range map[string]struct {
		to     string
		reason fault.Reason
		says   string
	}{
		"smtp://u:" + token + "@" + without:                     {"ana@example.com", fault.ChannelFailed, "no STARTTLS"},
		"smtp://u:another-" + token + "@" + with:                {"ana@example.com", fault.ChannelFailed, "535"},
		"smtp://" + with:                                        {"nobody@example.com", fault.MessageRefused, "no such user"},
		"smtps://" + with:                                       {"ana@example.com", fault.ChannelFailed, ""},
		"smtp://u:" + token + "@" + without + "?tls=none":       {"ana@example.com", fault.InvalidInput, "without a password"},
		"smtps://127.0.0.1:1":                                   {"ana@example.com", fault.ChannelFailed, "refused"},
		"smtp://" + strings.TrimPrefix(r.URL, "https://") + "/": {"ana@example.com", fault.ChannelFailed, ""},
	} {
		patience := time.Minute
		if c.says == "" { // both wait for the other to speak
			patience = time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		ch := New(Config{Name: "mail", Kind: Email, Where: fixed(where), From: "cofre@example.com", To: []string{c.to}, AllowLocal: true, TLS: r.trust()})
		_, err := ch.Send(ctx, failing)
		cancel()
		if !fault.HasReason(err, c.reason) || !strings.Contains(fault.From(err).Message, c.says) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", where, err)
		}
	}
	p = post{}
	if _, err := send("smtp://"+without+"?tls=none", "ana@example.com"); err != nil || p.mail == nil {
		t.Errorf("a relay nearby: %v", err)
	}
}

// A key may be anything.
func FuzzSign(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "body")
	f.Fuzz(func(t *testing.T, key, body string) {
		if s, err := sign(key, "id", "1", []byte(body)); err == nil && len(s) != len("v1,")+44 {
			t.Errorf("%q", s)
		}
	})
}
