package archive

import "context"

// Unpacker is a Checker that decompresses every block, beside whoever writes to it: for an archive that flows by on its way to
// storage. Write waits where more than a few MiB are behind. It is for one goroutine.
type Unpacker struct {
	checker *Checker
	u       *unpacker
	cancel  context.CancelCauseFunc
}

// NewUnpacker makes an Unpacker that gives up when ctx ends. Its goroutines end with Close.
func NewUnpacker(ctx context.Context, o Options) *Unpacker {
	ctx, cancel := context.WithCancelCause(ctx)
	u := newUnpacker(ctx, cancel, o)
	return &Unpacker{checker: newChecker(o, u.attach), u: u, cancel: cancel}
}

// Write takes the next bytes of the archive. An error is Close's, too.
func (x *Unpacker) Write(p []byte) (int, error) { return x.checker.Write(p) }

// Close waits until all is decompressed, and says what Check would have said of what was written.
func (x *Unpacker) Close() (Summary, error) {
	s, err := x.checker.Close()
	if uerr := x.u.wait(err); uerr != nil {
		err = uerr
	}
	x.cancel(nil)
	x.u.fill(&s)
	return s, toFault(err)
}
