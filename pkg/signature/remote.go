package signature

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"

	"golang.org/x/crypto/ssh"
)

// Remote returns a key that is kept elsewhere: public is its public half, sign the signature of a whole message, of an ECDSA key in
// ASN.1. golang.org/x/crypto/ssh takes a crypto.Signer for that; but it hashes the message itself, and KMS has to see it for Ed25519.
func Remote(public crypto.PublicKey, sign func(message []byte) ([]byte, error)) (Key, error) {
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	if err := checkType(key.Type()); err != nil {
		return nil, err
	}
	return remote{key, public, sign}, nil
}

type remote struct {
	key    ssh.PublicKey
	public crypto.PublicKey
	sign   func([]byte) ([]byte, error)
}

// PublicKey implements ssh.Signer.
func (r remote) PublicKey() ssh.PublicKey { return r.key }

// Sign implements ssh.Signer.
func (r remote) Sign(_ io.Reader, message []byte) (*ssh.Signature, error) {
	raw, err := r.sign(message)
	if err != nil {
		return nil, err
	}
	if _, ok := r.public.(*ecdsa.PublicKey); ok { // RFC 5656, section 3.1.2: r and s, as SSH writes them
		var s struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(raw, &s); err != nil || len(rest) > 0 {
			return nil, errors.New("the signature that came cannot be read")
		}
		raw = ssh.Marshal(s)
	}
	return &ssh.Signature{Format: r.key.Type(), Blob: raw}, nil
}
