package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// CopySink takes the output of the statements of one request, one COPY after the other.
type CopySink interface {
	// Begin is called when the server begins to answer the next COPY.
	Begin() error
	// Write takes a part of its rows, cut anywhere, which is valid during the call only.
	io.Writer
	// End is called when its last row was there.
	End() error
}

// Sizes of what a copy reader holds, in bytes. Rows are passed on as they come: one of 1 GB takes no more than one of 10.
const (
	copyIn  = 256 << 10 // as it comes from the connection
	copyOut = 128 << 10 // without the messages around it
	// maxNote bounds messages that are read whole: errors, notices, settings.
	maxNote = 1 << 20
)

// copyReader reads what COPY ... TO STDOUT answers from the connection itself. A driver reads each row, which is one message
// (https://www.postgresql.org/docs/current/protocol-message-formats.html), whole.
type copyReader struct {
	c    net.Conn
	in   []byte
	r, w int // what of in is unread
	out  []byte
}

func newCopyReader() *copyReader {
	return &copyReader{in: make([]byte, copyIn), out: make([]byte, 0, copyOut)}
}

// copyRows runs statements in one message of the simple protocol and gives what they copy to the sink. After an error of the
// server's (a *pgconn.PgError) the connection is of use again; after one of the sink or the network, or when ctx has ended, it is
// closed and the statement cancelled.
func (x *copyReader) copyRows(ctx context.Context, pc *pgconn.PgConn, sql string, sink CopySink) error {
	if err := pc.SyncConn(ctx); err != nil {
		return err
	}
	x.c, x.r, x.w, x.out = pc.Conn(), 0, 0, x.out[:0]
	_ = x.c.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = x.c.SetDeadline(time.Unix(1, 0)) })
	failed, err := x.run(sql, sink)
	if failed != nil && err != nil {
		err = fmt.Errorf("%w (%w)", failed, err) // it said why it hung up
	}
	if !stop() && ctx.Err() != nil && err == nil {
		err = ctx.Err() // the deadline may hit whoever uses the connection next
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
		abandon(pc)
		return err
	}
	if failed != nil {
		return failed
	}
	return nil
}

// abandon ends a connection in the middle of a statement, which would go on otherwise until it writes again.
func abandon(pc *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = pc.CancelRequest(ctx)
	_ = pc.Conn().Close()
}

// run returns the server's error apart from others.
func (x *copyReader) run(sql string, sink CopySink) (failed *pgconn.PgError, err error) {
	q, err := (&pgproto3.Query{String: sql}).Encode(nil)
	if err != nil {
		return nil, err
	}
	if _, err := x.c.Write(q); err != nil {
		return nil, err
	}
	for {
		kind, n, err := x.header()
		if err != nil {
			return failed, err
		}
		if kind == 'd' {
			if err := x.rows(n, sink); err != nil {
				return failed, err
			}
			continue
		}
		body, err := x.note(kind, n)
		if err != nil {
			return failed, err
		}
		switch kind {
		case 'H':
			err = sink.Begin()
		case 'c':
			if err = x.flush(sink); err == nil {
				err = sink.End()
			}
		case 'E':
			var m pgproto3.ErrorResponse
			if err = m.Decode(body); err == nil && failed == nil {
				failed = pgconn.ErrorResponseToPgError(&m)
			}
		case 'G', 'W', 'R', 'V', 'v', 'K', 't', '1', '2', '3', 's':
			err = fmt.Errorf("the server sent a message %q while rows were copied", kind)
		case 'Z':
			x.out = x.out[:0] // of a COPY that failed
			return failed, nil
		}
		if err != nil {
			return failed, err
		}
	}
}

// header reads a message's type and the length of what follows.
func (x *copyReader) header() (kind byte, n int, err error) {
	for x.w-x.r < 5 {
		if err := x.fill(); err != nil {
			return 0, 0, err
		}
	}
	kind, n = x.in[x.r], int(int32(binary.BigEndian.Uint32(x.in[x.r+1:])))-4
	x.r += 5
	if n < 0 {
		return 0, 0, fmt.Errorf("the server sent a message of %d bytes", n)
	}
	return kind, n, nil
}

// rows passes on n bytes of CopyData, and as many of the messages behind it as are there.
func (x *copyReader) rows(n int, sink CopySink) error {
	for {
		for n > 0 {
			if x.r == x.w {
				if err := x.fill(); err != nil {
					return err
				}
			}
			k := min(n, x.w-x.r, cap(x.out)-len(x.out))
			x.out = append(x.out, x.in[x.r:x.r+k]...)
			x.r, n = x.r+k, n-k
			if len(x.out) == cap(x.out) {
				if err := x.flush(sink); err != nil {
					return err
				}
			}
		}
		if x.w-x.r < 5 || x.in[x.r] != 'd' {
			return nil
		}
		n = int(int32(binary.BigEndian.Uint32(x.in[x.r+1:]))) - 4
		if n < 0 {
			return fmt.Errorf("the server sent a row of %d bytes", n)
		}
		x.r += 5
	}
}

func (x *copyReader) flush(sink CopySink) error {
	if len(x.out) == 0 {
		return nil
	}
	_, err := sink.Write(x.out)
	x.out = x.out[:0]
	return err
}

// note reads a message other than rows.
func (x *copyReader) note(kind byte, n int) ([]byte, error) {
	if n > maxNote {
		return nil, fmt.Errorf("the server sent a message %q of %d bytes", kind, n)
	}
	if n <= x.w-x.r {
		body := x.in[x.r : x.r+n]
		x.r += n
		return body, nil
	}
	body := make([]byte, 0, n)
	for len(body) < n {
		if x.r == x.w {
			if err := x.fill(); err != nil {
				return nil, err
			}
		}
		k := min(n-len(body), x.w-x.r)
		body = append(body, x.in[x.r:x.r+k]...)
		x.r += k
	}
	return body, nil
}

// fill reads more.
func (x *copyReader) fill() error {
	if x.r > 0 {
		x.w = copy(x.in, x.in[x.r:x.w])
		x.r = 0
	}
	n, err := x.c.Read(x.in[x.w:])
	x.w += n
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // an end of the connection is none of the rows
	}
	return err
}
