// Package signature signs texts and verifies signatures in OpenSSH's format, so that "ssh-keygen -Y verify" checks them
// without cofre. Keys are Ed25519 or ECDSA on P-256, as ssh-keygen makes them.
//
// The format is SSHSIG (openssh-portable, PROTOCOL.sshsig): an armored blob with the public key, the namespace, the hash and a
// signature over all of these and the hash of the message. The namespace keeps a signature that the same key made for another
// purpose from counting here.
package signature

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	magic   = "SSHSIG"
	version = 1
	hashAlg = "sha512"
	begin   = "-----BEGIN SSH SIGNATURE-----"
	end     = "-----END SSH SIGNATURE-----"
	// MaxLength bounds a signature that is read, in bytes; ours have less than 1 KiB.
	MaxLength = 16 << 10
)

// blob is what the armor holds, behind the magic.
type blob struct {
	Version                                             uint32
	PublicKey, Namespace, Reserved, HashAlgo, Signature string
}

// signed is what the key signs, behind the magic.
type signed struct{ Namespace, Reserved, HashAlgo, Hash string }

func toSign(namespace string, message []byte) []byte {
	sum := sha512.Sum512(message)
	return append([]byte(magic), ssh.Marshal(signed{namespace, "", hashAlg, string(sum[:])})...)
}

// Sign returns the armored signature of a message.
func Sign(key Key, namespace string, message []byte) ([]byte, error) {
	data := toSign(namespace, message)
	sig, err := key.Sign(rand.Reader, data)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if err := key.PublicKey().Verify(data, sig); err != nil { // of a key that is kept elsewhere, anything may come
		return nil, errors.New("sign: what came is not a signature by the key")
	}
	raw := append([]byte(magic), ssh.Marshal(blob{version, string(key.PublicKey().Marshal()), namespace, "", hashAlg, string(ssh.Marshal(sig))})...)
	text := base64.StdEncoding.EncodeToString(raw)
	var out strings.Builder
	out.WriteString(begin + "\n")
	for len(text) > 0 {
		n := min(70, len(text))
		out.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	out.WriteString(end + "\n")
	return []byte(out.String()), nil
}

// Verify returns the key that made the armored signature of a message, or an error. Whether that key is trusted is the
// caller's to decide.
func Verify(namespace string, message, armored []byte) (ssh.PublicKey, error) {
	b, err := parse(armored)
	if err != nil {
		return nil, err
	}
	switch {
	case b.Namespace != namespace:
		return nil, fmt.Errorf("it was made for %.40q, not for %q", b.Namespace, namespace)
	case b.HashAlgo != hashAlg:
		return nil, fmt.Errorf("it uses the hash %.20q, not %s", b.HashAlgo, hashAlg)
	}
	key, err := ssh.ParsePublicKey([]byte(b.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("its public key cannot be read: %w", err)
	}
	if err := checkType(key.Type()); err != nil {
		return nil, err
	}
	var sig ssh.Signature
	if err := ssh.Unmarshal([]byte(b.Signature), &sig); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if sig.Format != key.Type() {
		return nil, fmt.Errorf("a signature %.40q does not go with a key %s", sig.Format, key.Type())
	}
	if err := key.Verify(toSign(namespace, message), &sig); err != nil {
		return nil, errors.New("it is not of these bytes")
	}
	return key, nil
}

func parse(armored []byte) (blob, error) {
	var b blob
	text := strings.TrimSpace(string(armored))
	inner, hasBegin := strings.CutPrefix(text, begin)
	inner, hasEnd := strings.CutSuffix(inner, end)
	if len(armored) > MaxLength || !hasBegin || !hasEnd {
		return b, errors.New("it is not an SSH signature")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(inner))
	if err != nil {
		return b, errors.New("it is not an SSH signature: its base 64 is wrong")
	}
	raw, ok := bytes.CutPrefix(raw, []byte(magic))
	if !ok {
		return b, errors.New("it is not an SSH signature")
	}
	if err := ssh.Unmarshal(raw, &b); err != nil || b.Version != version {
		return b, errors.New("it is not an SSH signature of version 1")
	}
	return b, nil
}

func checkType(name string) error {
	if name != ssh.KeyAlgoED25519 && name != ssh.KeyAlgoECDSA256 {
		return fmt.Errorf("keys of the type %.40q are not taken, only %s and %s", name, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256)
	}
	return nil
}
