package channel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"time"

	"cofre/pkg/event"
	"cofre/pkg/fault"
)

// mail sends an event by e-mail. where is smtps://user:password@host:465 (TLS from the first byte) or smtp://user:password@host:587
// (STARTTLS, without which nothing is sent). A relay nearby without TLS is smtp://host:25?tls=none, with allowLocal and without a password.
func (c *Channel) mail(ctx context.Context, where string, secret secrets, e event.Event) (string, error) {
	u, err := c.address(where, "smtps", "smtp")
	if err != nil {
		return "", err
	}
	plain := u.Query().Get("tls") == "none"
	if plain && (u.Scheme != "smtp" || u.User != nil || !c.AllowLocal) {
		return "", fault.New(fault.Validation, fault.InvalidInput, "Use smtps://, or smtp:// with a server that has STARTTLS.",
			"channel %s: mail without TLS goes only to a relay nearby (allowLocal: true), and without a password", c.Config.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	answer, err := c.deliver(ctx, u, plain, e)
	var said *textproto.Error
	switch {
	case err == nil:
		return answer, nil
	case errors.As(err, &said) && said.Code >= 550 && said.Code < 560:
		return "", fault.New(fault.Validation, fault.MessageRefused, "Look at the addresses in from and to.", "channel %s: the mail server refused the message: %d %s", c.Config.Name, said.Code, secret.quote(said.Msg))
	case errors.As(err, &said):
		return "", c.failed("the mail server answered %d %s", said.Code, secret.quote(said.Msg))
	case fault.HasReason(err, fault.ChannelFailed):
		return "", err
	}
	return "", c.unreachable(err)
}

// maxTalk bounds what a mail server may say in one delivery, in bytes, its certificates among it: the protocol knows no longest line.
const maxTalk = 256 << 10

var errTalk = errors.New("the mail server says too much")

// bounded is a connection of which so many bytes are read.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTalk
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// deliver speaks SMTP.
func (c *Channel) deliver(ctx context.Context, u *url.URL, plain bool, e event.Event) (answer string, err error) {
	port := cmp.Or(u.Port(), map[string]string{"smtps": "465", "smtp": "587"}[u.Scheme])
	conn, err := dialer(c.AllowLocal).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn = &bounded{Conn: conn, left: maxTalk}
	if until, ok := ctx.Deadline(); ok {
		conn.SetDeadline(until)
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		conf = c.TLS.Clone()
	}
	conf.ServerName = u.Hostname()
	if u.Scheme == "smtps" {
		conn = tls.Client(conn, conf)
	}
	s, err := smtp.NewClient(conn, u.Hostname())
	if err != nil {
		return "", err
	}
	defer s.Close()
	if name, herr := os.Hostname(); herr == nil && name != "" {
		err = s.Hello(name)
	}
	if err != nil {
		return "", err
	}
	if u.Scheme == "smtp" && !plain {
		if ok, _ := s.Extension("STARTTLS"); !ok {
			return "", c.failed("the mail server has no STARTTLS")
		}
		if err := s.StartTLS(conf); err != nil {
			return "", err
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		if err := s.Auth(smtp.PlainAuth("", u.User.Username(), password, u.Hostname())); err != nil {
			return "", err
		}
	}
	if err := s.Mail(c.From); err != nil {
		return "", err
	}
	for _, to := range c.To {
		if err := s.Rcpt(to); err != nil {
			return "", err
		}
	}
	w, err := s.Data()
	if err != nil {
		return "", err
	}
	if _, err = w.Write(c.letter(e)); err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", err
	}
	s.Quit()
	return "the mail server took it for " + strings.Join(c.To, ", "), nil
}

// letter is the message (RFC 5322). Its Message-ID is that of the event, by which a second one is known.
func (c *Channel) letter(e event.Event) []byte {
	text := e.Say(c.Language, c.Zone)
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("From", c.From)
	header("To", strings.Join(c.To, ",\r\n "))
	header("Subject", encoded("[cofre] "+cut(oneLine(text.Title), 200)))
	header("Date", c.Now().Format(time.RFC1123Z))
	domain := "cofre.invalid"
	if _, d, ok := strings.Cut(c.From, "@"); ok {
		domain = strings.Trim(d, "<> ")
	}
	header("Message-ID", "<"+e.ID+"@"+domain+">")
	header("Auto-Submitted", "auto-generated")
	if e.Severity == event.Critical {
		header("Importance", "high")
	}
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	body := text.Title + "\n\n" + strings.Join(c.lines(text), "\n") + "\n\n" + e.Severity.Word(c.Language) + ", " + e.ID + "\n"
	q.Write([]byte(strings.ReplaceAll(body, "\n", "\r\n")))
	q.Close()
	return b.Bytes()
}

// encoded is a header's text, in as many words and lines as it needs (RFC 2047).
func encoded(s string) string {
	ascii := true
	for _, r := range s {
		ascii = ascii && r >= ' ' && r < 0x7f
	}
	if ascii {
		return s
	}
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}
