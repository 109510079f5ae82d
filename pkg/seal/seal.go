// Package seal keeps what the installation writes into the bucket for itself from being read, and from being made, by whoever else may write there.
//
// All of it goes by one key, the age identity in BACKUP_SERVER_KEY. A secret is encrypted to its recipient, together with what it is the secret of: a
// sealed text that is put somewhere else does not open there. A document is authenticated by HMAC-SHA-256 with a key that is derived from the identity
// by HKDF, for this one purpose. Neither says when a text was made: an older one that was there before passes.
package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"

	"cofre/pkg/fault"
)

// Key seals and opens.
type Key struct {
	identity  age.Identity
	recipient age.Recipient
	mac       []byte
}

// New makes a key from an age identity and its recipient. What the identity says as text is what the other key is derived from.
func New(identity age.Identity, recipient age.Recipient) (*Key, error) {
	text, ok := identity.(fmt.Stringer)
	if !ok {
		return nil, errors.New("this identity has no text to derive a key from")
	}
	mac, err := hkdf.Key(sha256.New, []byte(text.String()), nil, "cofre: documents of the installation, version 1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return &Key{identity, recipient, mac}, nil
}

// MAC authenticates a document.
func (k *Key) MAC(document []byte) string {
	h := hmac.New(sha256.New, k.mac)
	h.Write(document)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Authentic reports whether a MAC is that of the document.
func (k *Key) Authentic(document []byte, mac string) bool {
	return hmac.Equal([]byte(k.MAC(document)), []byte(mac))
}

// MaxSecret bounds a secret, in bytes.
const MaxSecret = 8 << 10

// maxSealed bounds a sealed one, as text: the secret as JSON, which may write six bytes for one, what it is the secret of, and age's header.
const maxSealed = 80 << 10

// bound is what is encrypted: a secret, and what it is the secret of.
type bound struct {
	Of    []string `json:"of"`
	Value string   `json:"value"`
}

// Seal encrypts a secret for the place that of names. It can be opened for that place alone.
func (k *Key) Seal(secret string, of ...string) (string, error) {
	if len(secret) > MaxSecret {
		return "", fault.New(fault.Validation, fault.LimitReached, fmt.Sprintf("Use at most %d bytes.", MaxSecret), "the secret has %d bytes", len(secret))
	}
	plain, err := json.Marshal(bound{of, secret})
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, k.recipient)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// Open gives a secret back that was sealed for this place. No error repeats any of it.
func (k *Key) Open(sealed string, of ...string) (string, error) {
	if len(sealed) > maxSealed {
		return "", unopened(nil)
	}
	data, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", unopened(nil)
	}
	r, err := age.Decrypt(bytes.NewReader(data), k.identity)
	if err != nil {
		return "", unopened(err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxSealed))
	if err != nil {
		return "", unopened(err)
	}
	var b bound
	if json.Unmarshal(plain, &b) != nil || !slices.Equal(b.Of, of) || len(b.Value) > MaxSecret {
		return "", fault.New(fault.Validation, fault.Forged, "Set it anew, and look who else may write to the bucket.", "this secret was kept for something else")
	}
	return b.Value, nil
}

func unopened(err error) error {
	return fault.Wrap(err, fault.Validation, fault.Forged, "Set BACKUP_SERVER_KEY to the key it was kept with, or set it anew.",
		"the secret cannot be opened: it was kept with another BACKUP_SERVER_KEY, or was damaged")
}
