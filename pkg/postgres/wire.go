package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
)

// What a server may make a client do is bounded while its bytes come in, since the driver bounds one message and neither their number
// nor, tightly enough, the work that a login asks for.
const (
	// maxIterations bounds the rounds of hashing that SCRAM asks of a client: half a second of a processor. A server has 4,096 unless
	// scram_iterations says otherwise; the protocol would allow 2,147,483,647.
	maxIterations = 1_000_000
	// maxAnswer bounds what comes without being asked anew, in bytes: rows of the catalog are collected.
	maxAnswer = 256 << 20
	// maxGreeting bounds what comes before the session is ready for a question: a few settings and notices.
	maxGreeting = 1 << 20
)

// refusedAnswer is what a server sent and is not waited for.
type refusedAnswer struct{ what string }

func (e *refusedAnswer) Error() string { return "the server " + e.what }

// wire follows the messages of a server; see the chapter "Message Formats" of PostgreSQL's documentation. Reads come from one
// goroutine at a time, and so do writes.
type wire struct {
	r    io.Reader
	w    io.Writer
	most int64 // of an answer; maxGreeting until the session is ready

	answer   atomic.Int64 // bytes since something was sent, but for rows of COPY, which nobody collects
	head     []byte       // of the message that comes, as far as it came: a kind and four bytes of length
	left     int64        // bytes of its body that are to come
	kept     []byte       // of the body of an authentication request
	loggedIn bool
	err      error
}

func newWire(r io.Reader, w io.Writer) *wire { return &wire{r: r, w: w, most: maxGreeting} }

// Write implements io.Writer: what follows is another answer.
func (x *wire) Write(p []byte) (int, error) {
	x.answer.Store(0)
	return x.w.Write(p)
}

// Read implements io.Reader.
func (x *wire) Read(p []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.r.Read(p)
	if x.err = x.follow(p[:n]); x.err != nil {
		return 0, x.err
	}
	return n, err
}

// copyData is the kind of message that a row of COPY comes in.
const copyData = 'd'

// maxKept is the most that is looked at of an authentication request.
const maxKept = 4 << 10

// follow goes through the messages.
func (x *wire) follow(p []byte) error {
	for len(p) > 0 {
		if x.left == 0 {
			n := min(5-len(x.head), len(p))
			x.head, p = append(x.head, p[:n]...), p[n:]
			if len(x.head) < 5 {
				return nil
			}
			x.left, x.kept = max(int64(binary.BigEndian.Uint32(x.head[1:]))-4, 0), x.kept[:0]
		}
		n := int(min(x.left, int64(len(p))))
		if x.head[0] != copyData && x.answer.Add(int64(n)+5) > x.most {
			return &refusedAnswer{fmt.Sprintf("answered a question with more than %d MB", x.most>>20)}
		}
		if x.head[0] == 'R' && !x.loggedIn {
			x.kept = append(x.kept, p[:min(n, maxKept-len(x.kept))]...)
		}
		p, x.left = p[n:], x.left-int64(n)
		if x.left > 0 {
			return nil
		}
		if x.head[0] == 'R' && !x.loggedIn {
			if err := x.authentication(x.kept); err != nil {
				return err
			}
		}
		if x.head[0] == 'Z' && x.loggedIn {
			x.most = maxAnswer
		}
		x.head = x.head[:0]
	}
	return nil
}

// authentication looks at a request for authentication: whether the login is done, or how much work SCRAM asks for
// (RFC 5802, section 5.1: "r=...,s=...,i=4096").
func (x *wire) authentication(body []byte) error {
	const done, saslContinue = 0, 11
	if len(body) < 4 {
		return nil // the driver's to refuse
	}
	switch binary.BigEndian.Uint32(body) {
	case done:
		x.loggedIn = true
	case saslContinue:
		for _, attribute := range bytes.Split(body[4:], []byte(",")) {
			digits, ok := bytes.CutPrefix(attribute, []byte("i="))
			if n, err := strconv.ParseUint(string(digits), 10, 64); ok && (err != nil || n > maxIterations) {
				return &refusedAnswer{fmt.Sprintf("asks for %.20q rounds of hashing to log in, more than %d", digits, maxIterations)}
			}
		}
	}
	return nil
}
