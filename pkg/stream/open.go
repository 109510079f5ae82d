package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"cofre/pkg/fault"
)

// Encryption is how stored bytes are encrypted.
type Encryption string

// The encryptions.
const (
	NoEncryption Encryption = "none" // the empty string means the same
	Age          Encryption = "age"  // age-encryption.org/v1
)

// OpenOptions says what stored bytes are.
type OpenOptions struct {
	Compression Compression
	Encryption  Encryption
	Identities  []age.Identity // needed with Age
	// MaxOutput ends reading with a limit_reached fault after this many bytes; 0 means no bound.
	MaxOutput int64
	// MaxWindow bounds the memory that a zstd frame may ask for, in bytes; 0 means 128 MiB, as the zstd tool has it.
	MaxWindow int64
}

const defaultMaxWindow = 128 << 20

// Open gives the plain bytes of what was stored, reading r to its end: the plain end of input is reached only when the
// stored bytes end where they should, and what is cut off, changed, or followed by something else is a
// structure_damaged fault. A missing or wrong key is identity_missing. Errors of r pass (an io.ErrUnexpectedEOF
// becomes a fault). Close ends the decompressor; it does not close r.
func Open(r io.Reader, o OpenOptions) (io.ReadCloser, error) {
	p := &plainReader{max: o.MaxOutput, in: &sourceMemo{r: r}}
	var in io.Reader = p.in
	switch o.Encryption {
	case "", NoEncryption:
	case Age:
		a, err := decrypt(in, o.Identities)
		if err != nil {
			return nil, p.explain(err)
		}
		in = a
	default:
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Use none or age.", "unknown encryption %q", string(o.Encryption))
	}
	switch o.Compression {
	case "", None:
		p.r = in
	case Gzip:
		z, err := gzip.NewReader(bufio.NewReaderSize(in, chunkSize))
		if err != nil {
			return nil, p.explain(err)
		}
		p.r, p.end = z, func() { z.Close() }
	case Zstd:
		window := uint64(o.MaxWindow)
		if o.MaxWindow <= 0 {
			window = defaultMaxWindow
		}
		br := bufio.NewReaderSize(in, chunkSize)
		if _, err := br.Peek(1); err != nil { // the decoder takes nothing at all for no frames
			return nil, p.explain(err)
		}
		z, err := zstd.NewReader(onlyReader{br}, zstd.WithDecoderMaxWindow(window), zstd.WithDecodeBuffersBelow(0))
		if err != nil {
			return nil, p.explain(err)
		}
		p.r, p.end = z, z.Close
	default:
		return nil, fault.New(fault.Validation, fault.InvalidInput, "Use none, gzip or zstd.",
			"unknown compression %q", string(o.Compression))
	}
	return p, nil
}

// onlyReader hides everything but Read: a decoder that knows a buffer's size would decode small inputs in one go, into
// as much memory as they ask for.
type onlyReader struct{ io.Reader }

func decrypt(r io.Reader, ids []age.Identity) (io.Reader, error) {
	if len(ids) == 0 {
		return nil, fault.New(fault.Validation, fault.IdentityMissing,
			"Give the file with the age identity (the secret key) that belongs to one of the recipients.",
			"the backup is encrypted and no key was given")
	}
	a, err := age.Decrypt(r, ids...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fault.Wrap(err, fault.Validation, fault.IdentityMissing,
			"Give the identity (the secret key) of one of the recipients the backup was encrypted to.",
			"the backup is encrypted to other keys than the one given")
	}
	return a, err
}

// sourceMemo remembers the error of the stored bytes' source, to tell it from damage found by a decoder.
type sourceMemo struct {
	r   io.Reader
	err error
}

func (m *sourceMemo) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil {
		m.err = err
		if err == io.ErrUnexpectedEOF { // decoders would take it for their own
			m.err = &SourceError{err}
			err = m.err
		}
	}
	return n, err
}

// plainReader is the reading end of Open's decoders.
type plainReader struct {
	in   *sourceMemo
	r    io.Reader
	end  func() // frees the decompressor; may be nil
	n    int64
	max  int64
	done error
}

func (p *plainReader) Read(b []byte) (int, error) {
	if p.done != nil || len(b) == 0 {
		return 0, p.done
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	if p.max > 0 && p.n > p.max {
		n, err = 0, fault.New(fault.Validation, fault.LimitReached,
			"The limits fit every backup that was seen. If this is really one of yours, decompress it with a program of that kind (zstd, gzip, lz4).", "more than %d bytes came out", p.max)
	}
	if err != nil && err != io.EOF {
		err = p.explain(err)
	}
	p.done = err
	return n, err
}

// explain makes a decoder's error one for people. The source's own errors pass.
func (p *plainReader) explain(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	if e := p.in.err; e != nil && e != io.EOF {
		return e
	}
	hint := "Do not rely on this file: make a new backup, and look for an older one that validates."
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fault.Wrap(err, fault.Validation, fault.LimitReached,
			"The limits fit every backup that was seen. If this is really one of yours, decompress it with a program of that kind (zstd, gzip, lz4).", "decompressing it takes more memory than is allowed")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New(fault.Validation, fault.StructureDamaged, hint,
			"the stored file is damaged: it ends too early, after %d plain bytes", p.n)
	}
	// Decoders wrap ends of input in ways that errors.Is would still find: only the text is kept.
	return fault.Wrap(fmt.Errorf("%v", err), fault.Validation, fault.StructureDamaged, hint,
		"the stored file is damaged, after %d plain bytes", p.n)
}

func (p *plainReader) Close() error {
	if p.end != nil {
		p.end()
		p.end = nil
	}
	if p.done == nil {
		p.done = ErrClosed
	}
	return nil
}
