package stream

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"cofre/pkg/fault"
)

// maxKeyText bounds lists of recipients and identities, in bytes.
const maxKeyText = 1 << 20

// ParseRecipients reads age recipients (age1...), post-quantum ones (age1pq1...) and SSH public keys (ssh-ed25519,
// ssh-rsa), one a line or separated by commas; empty lines and those that begin with # are ignored. The fault of a
// bad one names its line but does not repeat it, for it may be a secret key in the wrong place.
func ParseRecipients(text string) ([]age.Recipient, error) {
	if len(text) > maxKeyText {
		return nil, badKey(nil, "Give one recipient a line.", "the list of recipients is larger than %d bytes", maxKeyText)
	}
	var out []age.Recipient
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			continue
		}
		for _, one := range recipientsOn(line) {
			r, err := parseRecipient(one)
			if err != nil {
				return nil, badKey(err, `A recipient looks like "age1..." (from age-keygen), "ssh-ed25519 AAAA..." or "ssh-rsa AAAA...".`,
					"line %d of the recipients cannot be used", i+1)
			}
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, badKey(nil, `Give at least one, such as "age1..." from age-keygen.`, "there are no recipients")
	}
	return out, nil
}

// recipientsOn splits a line at commas. An SSH key is the whole line: its comment may have commas.
func recipientsOn(line string) []string {
	if strings.HasPrefix(line, "ssh-") {
		return []string{line}
	}
	return strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

func parseRecipient(s string) (age.Recipient, error) {
	switch {
	case strings.HasPrefix(s, "AGE-SECRET-KEY-"), strings.HasPrefix(s, "-----BEGIN"):
		return nil, errors.New("this is a secret key: it belongs to whoever restores, and only its public key belongs here")
	case strings.HasPrefix(s, "ssh-"):
		r, err := agessh.ParseRecipient(s)
		if err != nil {
			return nil, errors.New("not an SSH public key that age can encrypt to")
		}
		return r, nil
	case strings.HasPrefix(s, "age1"):
		rs, err := age.ParseRecipients(strings.NewReader(s))
		if err != nil {
			return nil, errors.New("not a complete age recipient")
		}
		return rs[0], nil
	}
	return nil, errors.New("not a kind of key known here")
}

// ParseIdentities reads secret keys: lines with AGE-SECRET-KEY-1... as age-keygen writes them, or one SSH private key
// in PEM without a passphrase. Faults never repeat what was given.
func ParseIdentities(text string) ([]age.Identity, error) {
	const hint = `Give the file that age-keygen wrote (a line "AGE-SECRET-KEY-1..."), or an SSH private key without a passphrase.`
	switch {
	case len(text) > maxKeyText:
		return nil, badKey(nil, hint, "the identities are larger than %d bytes", maxKeyText)
	case strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN AGE ENCRYPTED FILE"),
		strings.HasPrefix(text, "age-encryption.org/"):
		return nil, badKey(nil, "Decrypt it with age first.", "the identity file itself is encrypted")
	case strings.Contains(text, "-----BEGIN"):
		id, err := agessh.ParseIdentity(bytes.TrimSpace([]byte(text)))
		var locked *ssh.PassphraseMissingError
		if errors.As(err, &locked) {
			return nil, badKey(nil, "Make a copy without one: ssh-keygen -p -f COPY.", "the SSH private key has a passphrase")
		}
		if err != nil {
			return nil, badKey(nil, hint, "the SSH private key cannot be used")
		}
		return []age.Identity{id}, nil
	}
	var out []age.Identity
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "age1") || strings.HasPrefix(line, "ssh-") {
			return nil, badKey(nil, hint, "line %d of the identities is a public key: it cannot decrypt", i+1)
		}
		ids, err := age.ParseIdentities(strings.NewReader(line))
		if err != nil {
			return nil, badKey(nil, hint, "line %d of the identities is no secret key", i+1)
		}
		out = append(out, ids...)
	}
	if len(out) == 0 {
		return nil, badKey(nil, hint, "there are no identities")
	}
	return out, nil
}

// ParseOwnKey reads one age identity (AGE-SECRET-KEY-...) and gives its recipient with it. Faults never repeat what was given.
func ParseOwnKey(text string) (age.Identity, age.Recipient, error) {
	ids, err := ParseIdentities(text)
	if err != nil {
		return nil, nil, err
	}
	if len(ids) == 1 {
		switch id := ids[0].(type) {
		case *age.X25519Identity:
			return id, id.Recipient(), nil
		case *age.HybridIdentity:
			return id, id.Recipient(), nil
		}
	}
	return nil, nil, badKey(nil, `Give one key as age-keygen writes it, a line "AGE-SECRET-KEY-1...".`, "this is not one age identity")
}

func badKey(err error, hint, format string, args ...any) error {
	return &fault.Error{Code: fault.Validation, Reason: fault.InvalidInput, Hint: hint,
		Message: fmt.Sprintf(format, args...), Err: err}
}
