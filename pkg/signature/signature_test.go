package signature

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"cofre/pkg/fault"
)

// keyFile makes a key with ssh-keygen itself.
func keyFile(t testing.TB, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	args = append([]string{"-q", "-C", "cofre test", "-f", file}, args...)
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s; install it with: apt-get install openssh-client", err, out)
	}
	return file
}

func readKey(t testing.TB, file string) ssh.Signer {
	t.Helper()
	k, err := ReadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What is signed here verifies with ssh-keygen, and the other way round.
func TestAgreesWithOpenSSH(t *testing.T) {
	message := []byte("{\"version\": 1}\n")
	for _, kind := range [][]string{{"-t", "ed25519", "-N", ""}, {"-t", "ecdsa", "-b", "256", "-N", ""}} {
		file := keyFile(t, kind...)
		pub, err := os.ReadFile(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		trusted, err := ReadTrusted(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		ours, err := Sign(readKey(t, file), Namespace, message)
		if err != nil || trusted.Check(message, ours) != nil {
			t.Fatalf("%v, %v", err, trusted.Check(message, ours))
		}
		dir := t.TempDir()
		for name, content := range map[string][]byte{"m": message, "m.sig": ours, "allowed": append([]byte("backups "), pub...)} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		verify := exec.Command("ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "backups", "-n", Namespace, "-s", "m.sig")
		verify.Dir, verify.Stdin = dir, bytes.NewReader(message)
		if out, err := verify.CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen does not verify: %v: %s", err, out)
		}
		sign := exec.Command("ssh-keygen", "-Y", "sign", "-q", "-f", file, "-n", Namespace)
		sign.Stdin = bytes.NewReader(message)
		theirs, err := sign.Output()
		if err != nil || trusted.Check(message, theirs) != nil {
			t.Errorf("%v, %v", err, trusted.Check(message, theirs))
		}
		// An allowed_signers file is a list of trusted keys too.
		for _, line := range []string{"backups " + string(pub), "a@b,c@d namespaces=\"" + Namespace + "\" " + string(pub), "# who\n\n" + string(pub)} {
			if got, err := ReadTrusted(line); err != nil || len(got) != 1 || got.Check(message, ours) != nil {
				t.Errorf("%q: %v, %v", line, got, err)
			}
		}
	}
}

func TestWrongSignatures(t *testing.T) {
	message := []byte("message")
	mine, other := readKey(t, keyFile(t, "-t", "ed25519", "-N", "")), readKey(t, keyFile(t, "-t", "ed25519", "-N", ""))
	trusted := Trusted{mine.PublicKey()}
	sign := func(k ssh.Signer, namespace string) []byte {
		s, err := Sign(k, namespace, message)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := sign(mine, Namespace)
	for name, c := range map[string]struct {
		message string
		sig     []byte
	}{
		"other bytes":       {"Message", good},
		"another key":       {"message", sign(other, Namespace)},
		"another namespace": {"message", sign(mine, "git")},
		"cut off":           {"message", good[:len(good)/2]},
		"nothing":           {"message", nil},
		"a flipped bit":     {"message", append(bytes.Clone(good[:80]), append([]byte{good[80] ^ 1}, good[81:]...)...)},
		"huge":              {"message", append(good, make([]byte, MaxLength)...)},
	} {
		if err := trusted.Check([]byte(c.message), c.sig); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	for name, file := range map[string]string{
		"encrypted": keyFile(t, "-t", "ed25519", "-N", "secret phrase"), "RSA": keyFile(t, "-t", "rsa", "-b", "2048", "-N", ""),
		"P-384": keyFile(t, "-t", "ecdsa", "-b", "384", "-N", ""), "missing": "/nowhere", "a folder": t.TempDir(),
	} {
		if _, err := ReadKey(file); !fault.HasReason(err, fault.InvalidInput) || fault.From(err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := keyFile(t, "-t", "ed25519", "-N", "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(string(text)); err != nil {
		t.Error(err)
	}
	broken := strings.Replace(string(text), "A", "B", 3)
	if _, err := ReadKey(broken); err != nil && strings.Contains(err.Error(), strings.Split(broken, "\n")[2]) {
		t.Error("the error shows the key")
	}
	pub, _ := os.ReadFile(file + ".pub")
	for _, line := range []string{"", "# nothing\n", "x", "ssh-ed25519 AAAA", `from="a" ` + string(pub), `cert-authority ` + string(pub), `a valid-before="20200101" ` + string(pub), `a namespaces="git" ` + string(pub), "ssh-rsa AAAAB3Nz x"} {
		if got, err := ReadTrusted(line); err == nil {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key := readKey(f, keyFile(f, "-t", "ed25519", "-N", ""))
	good, err := Sign(key, Namespace, []byte("m"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte("m"))
	f.Add([]byte(begin+"\nU1NIU0lH\n"+end), []byte(""))
	f.Fuzz(func(t *testing.T, armored, message []byte) {
		if (Trusted{key.PublicKey()}).Check(message, armored) == nil && !bytes.Equal(message, []byte("m")) {
			t.Fatalf("%q is taken for %q", armored, message)
		}
	})
}

func FuzzReadTrusted(f *testing.F) {
	f.Add("a namespaces=\"cofre-manifest\" ssh-ed25519 AAAAC3Nz x")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := ReadTrusted(text + " AAAA"); err == nil && len(got) == 0 {
			t.Fatal("no keys and no error")
		}
	})
}
