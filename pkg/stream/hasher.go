package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// Hasher counts and hashes what is read through it.
type Hasher struct {
	r io.Reader
	h hash.Hash
	n int64
}

// NewHasher wraps r.
func NewHasher(r io.Reader) *Hasher { return &Hasher{r: r, h: sha256.New()} }

// Read reads from the wrapped reader.
func (h *Hasher) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 {
		h.h.Write(p[:n])
		h.n += int64(n)
	}
	return n, err
}

// Drain reads what is left. Validating calls it after the check of the content, which may have stopped at damage,
// so that size and hash are those of the whole object.
func (h *Hasher) Drain() error {
	_, err := io.CopyBuffer(io.Discard, onlyReader{h}, make([]byte, chunkSize))
	return err
}

// Size is how many bytes were read.
func (h *Hasher) Size() int64 { return h.n }

// SHA256 is the hash of what was read, in lower-case hex.
func (h *Hasher) SHA256() string { return hex.EncodeToString(h.h.Sum(nil)) }
