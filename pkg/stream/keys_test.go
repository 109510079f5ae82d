package stream

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/pkg/fault"
)

// sshKey makes a key with ssh-keygen and gives its private and public file.
func sshKey(t *testing.T, kind, passphrase string) (private, public string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "id")
	cmd := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "a comment, with a comma", "-f", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s(install it with: make setup)", err, out)
	}
	for name, to := range map[string]*string{file: &private, file + ".pub": &public} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		*to = string(b)
	}
	return private, public
}

func TestKeys(t *testing.T) {
	a, b := newIdentity(t), newIdentity(t)
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ed, edPub := sshKey(t, "ed25519", "")
	rsa, rsaPub := sshKey(t, "rsa", "")
	for name, c := range map[string]struct{ recipients, identities string }{
		"one":              {a.Recipient().String(), a.String()},
		"list":             {b.Recipient().String() + ", " + a.Recipient().String(), a.String() + "\n"},
		"files":            {"# team\n\n" + a.Recipient().String() + "\r\n" + b.Recipient().String() + "\n", "# created: today\n# public key: x\r\n" + b.String() + "\r\n"},
		"post-quantum":     {pq.Recipient().String(), pq.String()},
		"ssh ed25519":      {edPub, ed},
		"ssh rsa":          {rsaPub, rsa},
		"ssh and age":      {edPub + a.Recipient().String(), a.String()},
		"several secrets":  {b.Recipient().String(), a.String() + "\n" + b.String()},
		"indented secrets": {a.Recipient().String(), "\n  " + a.String() + "  \n"},
	} {
		t.Run(name, func(t *testing.T) {
			rs, err := ParseRecipients(c.recipients)
			if err != nil {
				t.Fatal(err)
			}
			ids, err := ParseIdentities(c.identities)
			if err != nil {
				t.Fatal(err)
			}
			stored, _ := store(t, strings.NewReader("hello"), Options{Recipients: rs})
			out, err := openAll(bytes.NewReader(stored), OpenOptions{Encryption: Age, Identities: ids})
			if err != nil || string(out) != "hello" {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}

// TestBadKeys: a bad key is refused with a hint, and never repeated.
func TestBadKeys(t *testing.T) {
	id := newIdentity(t)
	secret := id.String()
	locked, _ := sshKey(t, "ed25519", "long enough")
	_, ecdsaPub := sshKey(t, "ecdsa", "")
	recipients := map[string]string{
		"empty": "", "comments only": "# nothing\n", "a secret key": secret, "a word": "alice", "cut": id.Recipient().String()[:40],
		"changed": strings.Replace(id.Recipient().String(), "age1", "age1q", 1), "ecdsa": ecdsaPub, "ssh without key": "ssh-ed25519 AAAA",
		"second bad": id.Recipient().String() + "\nalice", "huge": strings.Repeat("a", maxKeyText+1),
	}
	for name, s := range recipients {
		_, err := ParseRecipients(s)
		wantBad(t, "recipients, "+name, err, secret)
	}
	identities := map[string]string{
		"empty": "", "a public key": id.Recipient().String(), "a word": "alice", "cut": secret[:50], "ssh with passphrase": locked,
		"broken PEM": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
		"encrypted":  "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n", "huge": strings.Repeat(secret+"\n", maxKeyText/70),
	}
	for name, s := range identities {
		_, err := ParseIdentities(s)
		wantBad(t, "identities, "+name, err, secret[:50])
	}
}

func wantBad(t *testing.T, name string, err error, secret string) {
	t.Helper()
	switch {
	case !fault.HasReason(err, fault.InvalidInput):
		t.Errorf("%s: %v", name, err)
	case strings.Contains(err.Error(), secret):
		t.Errorf("%s: the error repeats the key", name)
	case fault.From(err).Hint == "":
		t.Errorf("%s: no hint with %v", name, err)
	}
}

// FuzzKeys: whatever stands in a variable or a file of keys, it is keys or refused, and never repeated in what is said of it.
func FuzzKeys(f *testing.F) {
	id := newIdentity(f)
	for _, s := range []string{id.String(), id.Recipient().String(), "# x\n" + id.String(), "ssh-ed25519 AAAA x", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "age1,age1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rs, rerr := ParseRecipients(s)
		ids, ierr := ParseIdentities(s)
		if rerr == nil && len(rs) == 0 || ierr == nil && len(ids) == 0 {
			t.Errorf("%q is no key", s)
		}
		for _, err := range []error{rerr, ierr} {
			if secret := strings.TrimSpace(s); err != nil && len(secret) > 40 && strings.Contains(err.Error()+fault.From(err).Hint, secret) {
				t.Errorf("%q is repeated: %v", s, err)
			}
		}
	})
}
