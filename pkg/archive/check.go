package archive

import (
	"context"
	"errors"
	"io"
)

// Check reads a whole archive or plain SQL dump from r and tells whether it is whole, as deeply as o says. With
// o.Decompress every block is decompressed, on several processors, and every table dumped with COPY must end with
// COPY's end mark.
//
// A damaged input is a fault with the reason structure_damaged and, as its cause, a *FormatError with the place; one
// that asks for more than the limits in o is limit_reached. Errors of r pass unchanged. Check returns when ctx ends,
// unless r hangs.
func Check(ctx context.Context, r io.Reader, o Options) (Summary, error) {
	if !o.Decompress {
		return readThrough(ctx, r, NewChecker(o))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u := newUnpacker(ctx, cancel, o)
	s, err := readThrough(ctx, r, newChecker(o, u.attach))
	if uerr := u.wait(err); uerr != nil {
		err = uerr
	}
	u.fill(&s)
	return s, toFault(err)
}

// readSize is how much is asked of the source at once, in bytes.
const readSize = 512 << 10

func readThrough(ctx context.Context, r io.Reader, c *Checker) (Summary, error) {
	buf := make([]byte, readSize)
	for {
		if err := ctx.Err(); err != nil {
			s, _ := c.Close()
			return s, context.Cause(ctx)
		}
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := c.Write(buf[:n]); werr != nil {
				s, _ := c.Close()
				return s, werr
			}
		}
		if err == nil {
			continue
		}
		s, cerr := c.Close()
		if errors.Is(err, io.EOF) {
			return s, cerr
		}
		return s, err
	}
}
