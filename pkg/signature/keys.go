package signature

import (
	"bytes"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"

	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
)

// maxKeys bounds a file of keys, in bytes.
const maxKeys = 1 << 20

func refuse(err error, hint, what string, args ...any) error {
	return fault.Wrap(err, fault.Validation, fault.InvalidInput, hint, what, args...)
}

const makeKey = "Make one with: ssh-keygen -t ed25519 -N '' -f cofre-signing"

// Key signs. Where it is kept elsewhere, signing takes as long as a request.
type Key = ssh.Signer

// Fingerprint names a public key, as ssh-keygen -l does: SHA256:...
func Fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(key) }

// Line is a public key as in a .pub file, without a comment: its type and base 64.
func Line(key ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) }

// ReadKey reads a private key: the text of one as ssh-keygen makes it, or the name of a file with it.
func ReadKey(value string) (Key, error) {
	text := []byte(value)
	if !strings.Contains(value, "PRIVATE KEY-----") {
		var err error
		if text, err = namedfile.Read(value, maxKeys); err != nil {
			return nil, refuse(err, makeKey, "the signing key cannot be read")
		}
	}
	key, err := ssh.ParsePrivateKey(text)
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return nil, refuse(nil, "Nobody can type a passphrase at night: take it off a copy with ssh-keygen -p, and protect that by its file's mode or a secret store.", "the signing key is encrypted")
	case err != nil:
		return nil, refuse(nil, makeKey, "the signing key is not a private key of OpenSSH") // err may hold parts of it
	}
	if err := checkType(key.PublicKey().Type()); err != nil {
		return nil, refuse(err, makeKey, "the signing key cannot be used")
	}
	return key, nil
}

// Trusted are the public keys whose signatures count.
type Trusted []ssh.PublicKey

// ReadTrusted reads public keys: lines as in a .pub or an authorized_keys file, or as in an allowed_signers file, whose first
// word names who signs; or the name of a file with such lines. Options that narrow a key, such as dates, are refused, since
// they would not be heeded.
func ReadTrusted(value string) (Trusted, error) {
	const hint = "Use lines such as: ssh-ed25519 AAAA... or the name of a file with them; cofre-signing.pub is one."
	text := []byte(value)
	if !strings.Contains(value, " AAAA") {
		var err error
		if text, err = namedfile.Read(value, maxKeys); err != nil {
			return nil, refuse(err, hint, "the trusted keys cannot be read")
		}
	}
	var all Trusted
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, err := readPublic(line)
		if err != nil {
			return nil, refuse(err, hint, "a line of the trusted keys cannot be read: %.60q", line)
		}
		all = append(all, key)
	}
	if len(all) == 0 {
		return nil, refuse(nil, hint, "there is no key among the trusted keys")
	}
	return all, nil
}

func readPublic(line []byte) (ssh.PublicKey, error) {
	fields := bytes.Fields(line)
	at := 0
	if string(fields[0]) == "cert-authority" {
		return nil, errors.New("certificates are not understood")
	}
	if checkType(string(fields[0])) != nil && len(fields) > 2 && !bytes.ContainsAny(fields[0], `="`) {
		at = 1 // principals of an allowed_signers line
		if ns, ok := bytes.CutPrefix(fields[1], []byte(`namespaces="`)); ok && string(ns) == Namespace+`"` {
			at = 2
		}
	}
	if err := checkType(string(fields[at])); err != nil {
		return nil, err
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey(bytes.Join(fields[at:], []byte(" ")))
	if err == nil && len(options) > 0 {
		err = errors.New("options are not understood")
	}
	return key, err
}

// Namespace is that of the signatures of manifests.
const Namespace = "cofre-manifest"

// CertificateNamespace is that of the signatures of certificates, which count for nothing else.
const CertificateNamespace = "cofre-certificate"

// Check returns an error unless a trusted key has signed the message.
func (t Trusted) Check(message, armored []byte) error {
	key, err := Verify(Namespace, message, armored)
	if err != nil {
		return err
	}
	for _, k := range t {
		if bytes.Equal(k.Marshal(), key.Marshal()) {
			return nil
		}
	}
	return errors.New("it is of a key that is not trusted: " + ssh.FingerprintSHA256(key))
}
